import type { PartyFault, PartyOutcome } from "./result.ts";

export function withFault(outcome: PartyOutcome, fault: PartyFault | undefined): PartyOutcome {
  return fault ? { ...outcome, fault } : outcome;
}

/** With the number of the party's own passages that it was asked for; hosted collections are as they were. */
export function withAsked(outcome: PartyOutcome, asked: ReadonlyMap<string, number>): PartyOutcome {
  if (outcome.collection || outcome.status !== "answered") return outcome;
  return { ...outcome, passagesAsked: asked.get(outcome.party) ?? 0 };
}
