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
  "code-reconstruction": {
    seconds: { quick: 12, standard: 100, full: 1000 },
    load: async () => (await import("./training/code-reconstruction.ts")).codeReconstruction,
  },
  "label-leakage": {
    seconds: { quick: 9, standard: 100, full: 1000 },
    load: async () => (await import("./training/label-leakage.ts")).labelLeakage,
  },
  "adversarial-inputs": {
    seconds: { quick: 9, standard: 100, full: 1000 },
    load: async () => (await import("./training/adversarial-inputs.ts")).adversarialInputs,
  },
};
