import type { PartyRoute } from "../routing/index.ts";
import type { PartyOutcome } from "./result.ts";

type Routes = ReadonlyMap<string, PartyRoute> | null;

/** What became of a party, with why it was asked; as it is for a question that asks all. */
export function withRoute(outcome: PartyOutcome, routes: Routes): PartyOutcome {
  const route = routes?.get(outcome.party);
  return route ? { ...outcome, route } : outcome;
}

/** The outcome of a party that was left out. */
export function notAsked(party: string, routes: Routes): PartyOutcome {
  return withRoute({ party, status: "not-asked", passagesScored: 0, ms: 0 }, routes);
}
