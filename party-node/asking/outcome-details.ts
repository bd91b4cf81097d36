import type { CitedPassage, PartyFault, PartyOutcome } from "./result.ts";

export function withFault(outcome: PartyOutcome, fault: PartyFault | undefined): PartyOutcome {
  return fault ? { ...outcome, fault } : outcome;
}

/** With the number of the party's own passages among those that were fetched; hosted collections are as they were. */
export function withFetched(outcome: PartyOutcome, fetched: readonly CitedPassage[]): PartyOutcome {
  if (outcome.collection || outcome.status !== "answered") return outcome;
  const isOwn = (passage: CitedPassage): boolean =>
    passage.parts ? passage.parts.some(({ party }) => party === outcome.party) : passage.party === outcome.party;
  return { ...outcome, passagesFetched: fetched.filter(isOwn).length };
}
