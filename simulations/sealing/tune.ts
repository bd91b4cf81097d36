import { CapriseKey, liftedNorm } from "../../crypto/index.ts";
import { seededRandom } from "../seeded-random.ts";
import { type Cell, K, type Run, doubleCandidates, measureCell, ndcg } from "./cell.ts";
import type { EncodedCollection } from "./collection.ts";
import { type Leakage, leakageReference, measureLeakage } from "./leakage.ts";
import { type Matrix, matrixOf, nearest, norm, row } from "./matrix.ts";

export interface BetaResult {
  /** A share of normMax. */
  readonly beta: number;
  readonly leakage: Leakage;
  /** k' in `double` mode, where the question is not perturbed; a prediction. */
  readonly doubleCandidates: number;
  readonly cells: readonly Cell[];
}

export interface TuneResult {
  readonly rows: number;
  readonly queries: number;
  readonly dim: number;
  readonly normMax: number;
  /** nDCG@10 of the exact order in the open. */
  readonly clearNdcgAt10: number;
  /** The same attacks on rows that are not encrypted. */
  readonly openLeakage: Leakage;
  readonly betas: readonly BetaResult[];
}

export interface TuneOptions {
  /** Shares of normMax, each above 0, rising. */
  readonly betas: readonly number[];
  /** Per unit of distance between questions of norm 1; null for no DistanceDP. */
  readonly epsilons: readonly (number | null)[];
  /** Tolerated share of the true top ten that is lost; half of it is what k' is chosen for. */
  readonly recallLossMax: number;
  readonly candidatesMax: number;
  readonly rotation: boolean;
  readonly seed: number;
  readonly signal: AbortSignal;
  /** Parts of the grid done, of how many. */
  readonly onProgress: (done: number, total: number) => void;
}

/** No measurement depends on it. */
const SCALE = 1;

/** Runs the grid: real keys and ciphertexts, the host's search by exact distance. */
export async function tuneSealing(collection: EncodedCollection, options: TuneOptions): Promise<TuneResult> {
  const { rows, questions, normMax } = collection;
  const { signal, seed } = options;
  const exact = await nearest(rows, questions, { count: K, by: "innerProduct", signal });
  const lifted = lift(rows, normMax);
  const reference = await leakageReference(lifted, seed, signal);
  const run: Run = {
    collection,
    exact: exact.rows,
    recallLossMax: options.recallLossMax,
    candidatesMax: options.candidatesMax,
    signal,
  };
  const openLeakage = await measureLeakage(reference, { rows: lifted, normMax, beta: 0, scale: 1 }, signal);
  const total = options.betas.length * (1 + options.epsilons.length);
  const betas: BetaResult[] = [];
  for (const [i, share] of options.betas.entries()) {
    const beta = share * normMax;
    const done = i * (1 + options.epsilons.length);
    options.onProgress(done, total);
    using key = keyFor(collection, beta, options);
    const sealed = sealRows(key, rows);
    const leakage = await measureLeakage(reference, { rows: sealed, normMax, beta, scale: SCALE }, signal);
    const cells: Cell[] = [];
    for (const epsilon of options.epsilons) {
      options.onProgress(done + 1 + cells.length, total);
      cells.push(await measureCell(run, { key, sealed, beta, epsilon }));
    }
    betas.push({ beta: share, leakage, doubleCandidates: doubleCandidates(run, beta), cells });
  }
  options.onProgress(total, total);
  return {
    rows: rows.rows,
    queries: questions.rows,
    dim: rows.width,
    normMax,
    clearNdcgAt10: ndcg(collection, exact.rows),
    openLeakage,
    betas,
  };
}

/** A key of its own for each beta; of no use for anything but this simulation. */
function keyFor({ rows, normMax }: EncodedCollection, beta: number, { seed, rotation }: TuneOptions): CapriseKey {
  const random = seededRandom(seed);
  const secret = Uint8Array.from({ length: 32 }, () => Math.floor(random() * 256));
  return new CapriseKey(secret, { dim: rows.width, normMax, beta, scale: SCALE, rotation });
}

/** @returns The ciphertexts, shape [rows][key.ciphertextDim]; row ids are positions. */
export function sealRows(key: CapriseKey, rows: Matrix): Matrix {
  const data = new Float32Array(rows.rows * key.ciphertextDim);
  const plain = Array.from({ length: rows.rows }, (_, i) => ({ rowId: `row ${i}`, version: 0, vector: row(rows, i) }));
  key.encryptStoredInto(data, plain);
  return { data, rows: rows.rows, width: key.ciphertextDim };
}

/** Every row with the coordinate that gives all of them one norm. */
export function lift(rows: Matrix, normMax: number): Matrix {
  const vectors = Array.from({ length: rows.rows }, (_, i) => {
    const vector = row(rows, i);
    const lifted = new Float32Array(rows.width + 1);
    lifted.set(vector);
    lifted[rows.width] = Math.sqrt(Math.max(0, liftedNorm(normMax) ** 2 - norm(vector) ** 2));
    return lifted;
  });
  return matrixOf(vectors, rows.width + 1);
}
