import { availableParallelism } from "node:os";
import { setImmediate } from "node:timers/promises";

/** Vectors one after another. */
export interface Matrix {
  /** Shape [rows][width]. */
  readonly data: Float32Array;
  readonly rows: number;
  readonly width: number;
}

/** Multiplications of one call of the native search: between calls, some hundred milliseconds, the process can be stopped. */
const BATCH_WORK = 2 ** 28;

export function matrixOf(vectors: readonly Float32Array[], width: number): Matrix {
  const data = new Float32Array(vectors.length * width);
  vectors.forEach((vector, i) => data.set(vector, i * width));
  return { data, rows: vectors.length, width };
}

/** A view of row i. */
export function row({ data, width }: Matrix, i: number): Float32Array {
  return data.subarray(i * width, (i + 1) * width);
}

export function pick(matrix: Matrix, indices: readonly number[]): Matrix {
  return matrixOf(
    indices.map((i) => row(matrix, i)),
    matrix.width,
  );
}

export function innerProduct(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

export function squaredDistance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return sum;
}

export function norm(vector: Float32Array): number {
  return Math.sqrt(innerProduct(vector, vector));
}

/** 0 where one is zero. */
export function cosine(a: Float32Array, b: Float32Array): number {
  return innerProduct(a, b) / (norm(a) * norm(b) || 1);
}

/** The rows of one matrix and then those of the other; both of one width. */
export function stacked(a: Matrix, b: Matrix): Matrix {
  const data = new Float32Array(a.data.length + b.data.length);
  data.set(a.data);
  data.set(b.data, a.data.length);
  return { data, rows: a.rows + b.rows, width: a.width };
}

export interface Nearest {
  /** Shape [questions][count]: rows, nearest first. */
  readonly rows: readonly number[][];
  /** Their squared distances, or 1 less their inner products. */
  readonly distances: readonly Float32Array[];
}

/** The `count` nearest rows of every question, exactly: usearch's float32 search, by squared distance or by largest inner product. */
export async function nearest(
  all: Matrix,
  questions: Matrix,
  {
    count,
    by,
    signal,
  }: { readonly count: number; readonly by: "distance" | "innerProduct"; readonly signal: AbortSignal },
): Promise<Nearest> {
  const { MetricKind, exactSearch } = await import("usearch");
  const metric = by === "distance" ? MetricKind.L2sq : MetricKind.IP;
  const each = Math.min(count, all.rows);
  const found: { rows: number[][]; distances: Float32Array[] } = { rows: [], distances: [] };
  const batchSize = Math.max(1, Math.floor(BATCH_WORK / all.data.length));
  for (let at = 0; at < questions.rows; at += batchSize) {
    await setImmediate();
    signal.throwIfAborted();
    // A copy: exactSearch of usearch 2.25 reads from the start of the buffer under a view.
    const batch = questions.data.slice(at * all.width, (at + batchSize) * all.width);
    const { keys, distances } = exactSearch(all.data, batch, all.width, each, metric, availableParallelism());
    for (let i = 0; i < keys.length; i += each) {
      found.rows.push(Array.from(keys.subarray(i, i + each), Number));
      found.distances.push(distances.slice(i, i + each));
    }
  }
  return found;
}
