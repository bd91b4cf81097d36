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
  "corpus-poisoning": {
    seconds: { quick: 17, standard: 65, full: 1500 },
    load: async () => (await import("./poisoning/corpus-poisoning.ts")).attack,
  },
  "grammar-trigger": {
    seconds: { quick: 6, standard: 45, full: 500 },
    load: async () => (await import("./poisoning/grammar-trigger.ts")).attack,
  },
};
