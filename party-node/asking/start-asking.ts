import type { PartyOutcome, QueryResult } from "./result.ts";

/** A question under way: iterate it for each party's outcome as it comes, or await `result`. */
export interface Asking extends AsyncIterable<PartyOutcome> {
  /** The ranked passages, once every party is accounted for. Rejects with the fault that stopped the query. */
  readonly result: Promise<QueryResult>;
}

/** Runs a query so that its outcomes can be iterated, awaited, both or neither. */
export function startAsking(run: (report: (outcome: PartyOutcome) => void) => Promise<QueryResult>): Asking {
  const outcomes: PartyOutcome[] = [];
  let ended = false;
  let wake: () => void = () => undefined;
  let changed = new Promise<void>((resolve) => (wake = resolve));
  const tell = (): void => {
    const wakeNow = wake;
    changed = new Promise<void>((resolve) => (wake = resolve));
    wakeNow();
  };
  const result = run((outcome) => {
    outcomes.push(outcome);
    tell();
  }).finally(() => {
    ended = true;
    tell();
  });
  // Whoever only iterates learns of a failure from the iteration.
  result.catch(() => undefined);
  return {
    result,
    async *[Symbol.asyncIterator]() {
      for (let next = 0; ; next++) {
        while (next >= outcomes.length && !ended) await changed;
        const outcome = outcomes[next];
        if (!outcome) break;
        yield outcome;
      }
      await result;
    },
  };
}
