import { type Matrix, nearest } from "../../sealing/matrix.ts";
import { probabilityBelow } from "../../sealing/statistics.ts";

/** How well candidates were named; shares of 0..1 of the rows whose passage is among the candidates. */
export interface RankingQuality {
  readonly at1: number;
  readonly at10: number;
  /** Probability that the nearest candidate is nearer where the passage is among the candidates than where it is not; null where all are. 0.5 is guessing. */
  readonly presence: number | null;
}

/**
 * Ranks candidates by their distance to each row.
 *
 * @param candidateOf - For each row the candidate that is its passage, -1 where none is.
 */
export async function rankCandidates(
  rows: Matrix,
  candidates: Matrix,
  candidateOf: readonly number[],
  signal: AbortSignal,
): Promise<RankingQuality> {
  const found = await nearest(candidates, rows, { count: 10, by: "distance", signal });
  let [first, ten] = [0, 0];
  const [present, absent]: [number[], number[]] = [[], []];
  candidateOf.forEach((candidate, i) => {
    (candidate < 0 ? absent : present).push(found.distances[i]![0]!);
    if (found.rows[i]![0] === candidate) first++;
    if (found.rows[i]!.includes(candidate)) ten++;
  });
  return {
    at1: first / present.length,
    at10: ten / present.length,
    presence: absent.length === 0 ? null : probabilityBelow(present, absent),
  };
}
