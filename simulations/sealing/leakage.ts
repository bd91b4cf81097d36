import { STORED_SHARE, liftedNorm } from "../../crypto/index.ts";
import { mean } from "../metrics.ts";
import { sampleIndices, seededRandom } from "../seeded-random.ts";
import { kMeans } from "./k-means.ts";
import { type Matrix, nearest, norm, pick, row, squaredDistance } from "./matrix.ts";
import { adjustedRandIndex, neighbourOverlap, rankCorrelation } from "./statistics.ts";

/** What somebody who holds stored vectors, and no key, finds out from them. */
export interface Leakage {
  /** Spearman's correlation of distances between stored vectors with those in the open: 1 is all, 0 nothing. */
  readonly rankCorrelation: number;
  /** Share of a row's ten nearest rows in the open that are among its ten nearest sealed. Guessing: 10 / rows. */
  readonly neighbourOverlap: number;
  /** The same among its hundred nearest sealed: what a patient attacker is left to sort. Guessing: 100 / rows. */
  readonly neighboursInHundred: number;
  /** Mean adjusted Rand index of k-means on sealed vectors with k-means in the open; at most about what two runs in the open have. */
  readonly clusterRecovery: number;
  /** |guess / s - 1| of the scale guessed from the norms by somebody who knows beta and normMax. */
  readonly scaleError: number;
}

export const NEIGHBOURS = 10;
/** Where a patient attacker looks for them. */
export const NEIGHBOURS_WIDE = 100;
const CLUSTERS = 10;
const PAIRS = 20_000;
const ROWS_SEARCHED = 1000;
const ROWS_CLUSTERED = 2000;
/** Starts of k-means on each side; all pairs are compared, since one start is a poor witness. */
const STARTS = 4;

/** The rows in the open, and what the same attacks find there. */
export interface Reference {
  /** The lifted rows, not encrypted. */
  readonly rows: Matrix;
  readonly seed: number;
  readonly pairs: readonly (readonly [number, number])[];
  readonly distances: readonly number[];
  /** Rows whose neighbours are compared. */
  readonly searched: readonly number[];
  readonly neighbours: readonly (readonly number[])[];
  readonly clustered: readonly number[];
  /** Of each start. */
  readonly clusterings: readonly (readonly number[])[];
}

/** @param rows - The lifted rows, not encrypted; more than NEIGHBOURS. */
export async function leakageReference(rows: Matrix, seed: number, signal: AbortSignal): Promise<Reference> {
  const random = seededRandom(seed);
  const searched = sampleIndices(rows.rows, ROWS_SEARCHED, random);
  const pairs = Array.from({ length: PAIRS }, () => {
    const first = Math.floor(random() * rows.rows);
    return [first, (first + 1 + Math.floor(random() * (rows.rows - 1))) % rows.rows] as const;
  });
  const clustered = sampleIndices(rows.rows, ROWS_CLUSTERED, random);
  return {
    rows,
    seed,
    pairs,
    distances: distancesOf(rows, pairs),
    searched,
    neighbours: firstTen(await neighboursOf(rows, searched, signal)),
    clustered,
    clusterings: await clusteringsOf(pick(rows, clustered), seed + 1, signal),
  };
}

export interface Sealed {
  /** The reference's rows in the same order; the reference's own show the most that can be found. */
  readonly rows: Matrix;
  readonly normMax: number;
  /** 0 for rows in the open. */
  readonly beta: number;
  readonly scale: number;
}

export async function measureLeakage(reference: Reference, sealed: Sealed, signal: AbortSignal): Promise<Leakage> {
  const { rows, scale } = sealed;
  const neighbours = await neighboursOf(rows, reference.searched, signal);
  // Other starts, as an attacker has them.
  const clusterings = await clusteringsOf(pick(rows, reference.clustered), reference.seed + 2, signal);
  const agreements = reference.clusterings.flatMap((open) =>
    clusterings.map((found) => adjustedRandIndex(open, found)),
  );
  return {
    rankCorrelation: rankCorrelation(reference.distances, distancesOf(rows, reference.pairs)),
    neighbourOverlap: neighbourOverlap(reference.neighbours, firstTen(neighbours)),
    neighboursInHundred: neighbourOverlap(reference.neighbours, neighbours),
    clusterRecovery: mean(agreements),
    scaleError: Math.abs(scaleFromNorms(sealed) / scale - 1),
  };
}

/** Every ciphertext has a squared norm of about s^2 (M^2 + R^2 n / (n + 2)), R = 3 beta / 8. */
function scaleFromNorms({ rows, normMax, beta }: Sealed): number {
  let squares = 0;
  for (let i = 0; i < rows.rows; i++) squares += norm(row(rows, i)) ** 2;
  const noise = ((STORED_SHARE * beta) ** 2 * rows.width) / (rows.width + 2);
  return Math.sqrt(squares / rows.rows / (liftedNorm(normMax) ** 2 + noise));
}

function distancesOf(rows: Matrix, pairs: readonly (readonly [number, number])[]): number[] {
  return pairs.map(([a, b]) => squaredDistance(row(rows, a), row(rows, b)));
}

/** The hundred nearest other rows of some, nearest first; all where there are not so many. */
async function neighboursOf(rows: Matrix, searched: readonly number[], signal: AbortSignal): Promise<number[][]> {
  const found = await nearest(rows, pick(rows, searched), { count: NEIGHBOURS_WIDE + 1, by: "distance", signal });
  return found.rows.map((neighbours, i) =>
    neighbours.filter((other) => other !== searched[i]).slice(0, NEIGHBOURS_WIDE),
  );
}

function firstTen(lists: readonly (readonly number[])[]): number[][] {
  return lists.map((list) => list.slice(0, NEIGHBOURS));
}

async function clusteringsOf(rows: Matrix, seed: number, signal: AbortSignal): Promise<(readonly number[])[]> {
  const random = seededRandom(seed);
  const found: (readonly number[])[] = [];
  while (found.length < STARTS) found.push(await kMeans(rows, { clusters: CLUSTERS, random, signal }));
  return found;
}
