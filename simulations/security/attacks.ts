import type { Attack } from "./attack.ts";
import type { Effort } from "./settings.ts";

export interface AttackEntry {
  /** About how long it takes on one core, for the time left and the order of work. */
  readonly seconds: Readonly<Record<Effort, number>>;
  /** An attack is loaded by the process that runs it. */
  readonly load: () => Promise<Attack>;
}

/** Every attack by its name, in the order of the report. */
export const ATTACKS: Readonly<Record<string, AttackEntry>> = {
  distinguishing: {
    seconds: { quick: 52, standard: 105, full: 820 },
    load: async () => (await import("./ciphertexts/distinguishing.ts")).distinguishing,
  },
  "cached-encryption": {
    seconds: { quick: 3, standard: 8, full: 30 },
    load: async () => (await import("./ciphertexts/cached-encryption.ts")).cachedEncryption,
  },
  "hint-difference": {
    seconds: { quick: 5, standard: 12, full: 25 },
    load: async () => (await import("./ciphertexts/hint-difference.ts")).hintDifference,
  },
};
