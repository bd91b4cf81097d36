import {
  CANDIDATES_MAX,
  type CapriseKey,
  candidateCount,
  doubleNoise,
  liftedNorm,
  questionNoise,
} from "../../crypto/index.ts";
import { mean, ndcgAtK } from "../metrics.ts";
import type { EncodedCollection } from "./collection.ts";
import { type Matrix, innerProduct, matrixOf, nearest, row, squaredDistance } from "./matrix.ts";
import { neighbourOverlap, probabilityBelow } from "./statistics.ts";

/** Length of the rankings that are compared. */
export const K = 10;

/** Of a ranking's first ten. */
export interface Quality {
  /** Share of the exact top ten. */
  readonly recallAt10: number;
  readonly ndcgAt10: number;
}

/** One beta with one epsilon. */
export interface Cell {
  /** Of DistanceDP, per unit of distance between questions of norm 1; null for none. */
  readonly epsilon: number | null;
  /** Mean length of DistanceDP's noise over that of the question: dim / epsilon. */
  readonly noiseLength: number;
  /** `questionNoise`. */
  readonly noise: number;
  /** k'. */
  readonly candidates: number;
  /** More would have been needed. */
  readonly isCapped: boolean;
  /** The host's order as it is. */
  readonly host: Quality;
  /** The k' candidates in the order of their exact scores. */
  readonly reranked: Quality;
  /** Probability that two ciphertexts of one question are nearer to each other than those of two questions: 0.5 is guessing. */
  readonly linking: number;
}

/** What all cells share. */
export interface Run {
  readonly collection: EncodedCollection;
  /** The true top ten of every question. */
  readonly exact: readonly (readonly number[])[];
  /** Tolerated share of the true top ten that is lost; half of it is what k' is chosen for. */
  readonly recallLossMax: number;
  readonly candidatesMax: number;
  readonly signal: AbortSignal;
}

function candidatesFor(
  { collection, recallLossMax, candidatesMax }: Run,
  noise: number,
): { candidates: number; isCapped: boolean } {
  const { profile, rows } = collection;
  const rowCount = rows.rows;
  const { candidates, isCapped } = candidateCount({
    k: K,
    noise,
    profile,
    rowCount,
    missProbability: recallLossMax / 2,
  });
  const most = Math.min(candidatesMax, CANDIDATES_MAX, rowCount);
  return { candidates: Math.min(candidates, most), isCapped: isCapped || candidates > most };
}

/** k' in `double` mode, by its rule, for the beta of a key. */
export function doubleCandidates(run: Run, beta: number): number {
  const { rows, normMax } = run.collection;
  return candidatesFor(run, doubleNoise({ dim: rows.width, normMax, beta })).candidates;
}

/** One beta with one epsilon. */
export interface Sealing {
  readonly key: CapriseKey;
  readonly sealed: Matrix;
  /** The key's. */
  readonly beta: number;
  /** {@link Cell}. */
  readonly epsilon: number | null;
}

/** Encrypts all questions and has them answered as a host would. */
export async function measureCell(run: Run, { key, sealed, beta, epsilon }: Sealing): Promise<Cell> {
  const { collection, exact, signal } = run;
  const { rows, questions, normMax } = collection;
  const questionNorm = liftedNorm(normMax);
  // Of a question scaled to that norm.
  const scaledEpsilon = epsilon === null ? undefined : epsilon / questionNorm;
  // A reader knows no more of the rows either.
  const noise = questionNoise({ dim: rows.width, normMax, beta, epsilon: scaledEpsilon });
  const { candidates, isCapped } = candidatesFor(run, noise);
  const [asked, again] = [encryptAll(), encryptAll()];
  const found = await nearest(sealed, asked, { count: candidates, by: "distance", signal });
  const reranked = found.rows.map((order, i) => {
    const question = row(questions, i);
    const scores = new Map(order.map((j) => [j, innerProduct(question, row(rows, j))]));
    return order.toSorted((a, b) => scores.get(b)! - scores.get(a)!).slice(0, K);
  });
  const quality = (ranking: readonly number[][]): Quality => ({
    recallAt10: neighbourOverlap(exact, ranking),
    ndcgAt10: ndcg(collection, ranking),
  });
  const host = quality(found.rows.map((order) => order.slice(0, K)));
  const noiseLength = epsilon === null ? 0 : rows.width / epsilon;
  const linking = linkingOf(asked, again);
  return { epsilon, noiseLength, noise, candidates, isCapped, host, reranked: quality(reranked), linking };

  function encryptAll(): Matrix {
    const vectors = Array.from({ length: questions.rows }, (_, i) =>
      key.encryptQuery(
        row(questions, i).map((x) => x * questionNorm),
        scaledEpsilon === undefined ? {} : { epsilon: scaledEpsilon },
      ),
    );
    return matrixOf(vectors, key.ciphertextDim);
  }
}

/** @param again - The same questions, encrypted a second time. */
function linkingOf(asked: Matrix, again: Matrix): number {
  const same: number[] = [];
  const different: number[] = [];
  for (let i = 0; i < asked.rows; i++) {
    same.push(squaredDistance(row(asked, i), row(again, i)));
    for (const step of [1, 2, 3].filter((to) => to < asked.rows))
      different.push(squaredDistance(row(asked, i), row(again, (i + step) % asked.rows)));
  }
  return probabilityBelow(same, different);
}

/** nDCG@10 over all questions. */
export function ndcg({ documentIds, grades }: EncodedCollection, rankings: readonly (readonly number[])[]): number {
  return mean(
    rankings.map((ranking, i) =>
      ndcgAtK(
        ranking.map((j) => documentIds[j]!),
        grades[i]!,
        K,
      ),
    ),
  );
}
