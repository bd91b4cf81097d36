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
  "active-attacks": {
    seconds: { quick: 10, standard: 10, full: 10 },
    load: async () => (await import("./wire/active-attacks.ts")).activeAttacks,
  },
  transcripts: {
    seconds: { quick: 18, standard: 70, full: 700 },
    load: async () => (await import("./wire/transcripts.ts")).transcripts,
  },
};
