import type { Attack, AttackResult } from "./attack.ts";
import type { EvaluationSettings } from "./settings.ts";

/** What a process that attacks is told, once. */
export interface AttackOrder {
  readonly attack: string;
  readonly settings: EvaluationSettings;
}

/** An attack without its code. */
export type AttackDescription = Omit<Attack, "run">;

/** What it says. */
export type AttackEvent =
  | { readonly event: "progress"; readonly done: number; readonly total: number }
  | { readonly event: "result"; readonly description: AttackDescription; readonly result: AttackResult }
  /** `code` is that of a fault; NOT_HERE is no failure. */
  | {
      readonly event: "failed";
      readonly description: AttackDescription | null;
      readonly code: string;
      readonly message: string;
    };
