import { mean, ndcgAtK } from "../../metrics.ts";
import { kMeans } from "../../sealing/k-means.ts";
import { type Matrix, nearest } from "../../sealing/matrix.ts";
import type { Qrels } from "../../beir.ts";
import type { Lab } from "../lab.ts";
import { SHOWN } from "./contest.ts";

/** nDCG@10 of honest parties' passages. */
export interface CapCost {
  readonly uncapped: number;
  /** With a cap, where every party holds a like part of everything. */
  readonly dealt: number;
  /** With a cap, where every party has a field of its own. */
  readonly byField: number;
}

/** Ranked rows that are looked at, so that a capped list can be filled. */
const DEPTH = 200;

/** What it costs the querier to take at most `partyMax` of its passages from one party. */
export async function capCost(
  lab: Lab,
  {
    ids,
    passages,
    questions,
    questionIds,
    qrels,
    parties,
    partyMax,
  }: {
    /** Of the passages. */
    readonly ids: readonly string[];
    readonly passages: Matrix;
    readonly questions: Matrix;
    readonly questionIds: readonly string[];
    readonly qrels: Qrels;
    readonly parties: number;
    readonly partyMax: number;
  },
): Promise<CapCost> {
  const { random, signal } = lab;
  const { rows: rankings } = await nearest(passages, questions, { count: DEPTH, by: "innerProduct", signal });
  const fields = await kMeans(passages, { clusters: parties, random, signal });
  const quality = (partyOf: (row: number) => number, most: number): number =>
    mean(
      rankings.map((ranking, i) => {
        const shown = capped(ranking, partyOf, most).map((row) => ids[row]!);
        return ndcgAtK(shown, qrels.get(questionIds[i]!) ?? new Map<string, number>(), SHOWN);
      }),
    );
  return {
    uncapped: quality(() => 0, SHOWN),
    dealt: quality((row) => row % parties, partyMax),
    byField: quality((row) => fields[row]!, partyMax),
  };
}

/** The first {@link SHOWN} rows of which at most so many are one party's. */
export function capped(ranking: readonly number[], partyOf: (row: number) => number, partyMax: number): number[] {
  const counts = new Map<number, number>();
  return ranking
    .filter((row) => {
      const count = (counts.get(partyOf(row)) ?? 0) + 1;
      counts.set(partyOf(row), count);
      return count <= partyMax;
    })
    .slice(0, SHOWN);
}
