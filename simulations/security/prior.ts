import { type Matrix, row } from "../sealing/matrix.ts";

/** What an attacker expects of vectors before the first question: first and second moments of its own text's. */
export interface Prior {
  readonly dim: number;
  /** Shape [dim]. */
  readonly mean: Float64Array;
  /** Shape [dim][dim], symmetric, positive definite. */
  readonly covariance: Float64Array;
}

/**
 * Mean and covariance of these rows, the covariance shrunk towards a multiple of the identity as far as so few rows warrant (Ledoit and Wolf, "A
 * well-conditioned estimator for large-dimensional covariance matrices", 2004, equation 14).
 *
 * @param rows - At least two.
 */
export function priorOf(rows: Matrix): Prior {
  const { rows: count, width: dim } = rows;
  const mean = new Float64Array(dim);
  for (let i = 0; i < count; i++) row(rows, i).forEach((x, j) => (mean[j]! += x / count));
  const covariance = new Float64Array(dim * dim);
  let fourth = 0;
  for (let i = 0; i < count; i++) {
    const centred = Float64Array.from(row(rows, i), (x, j) => x - mean[j]!);
    fourth += dot(centred, centred) ** 2;
  }
  for (let i = 0; i < count; i++) addOuter(covariance, row(rows, i), 1 / count);
  for (let j = 0; j < dim; j++) for (let k = 0; k < dim; k++) covariance[j * dim + k]! -= mean[j]! * mean[k]!;
  shrink(covariance, dim, { count, fourth });
  return { dim, mean, covariance };
}

/** Adds weight x x^T; zeros of x, of which lexical vectors are full, cost nothing. */
function addOuter(matrix: Float64Array, x: Float32Array, weight: number): void {
  const dim = x.length;
  const present = [...x.keys()].filter((j) => x[j] !== 0);
  for (const j of present) for (const k of present) matrix[j * dim + k]! += weight * (x[j]! * x[k]!);
}

function shrink(
  covariance: Float64Array,
  dim: number,
  { count, fourth }: { readonly count: number; readonly fourth: number },
): void {
  let trace = 0;
  for (let j = 0; j < dim; j++) trace += covariance[j * dim + j]!;
  const scale = trace / dim;
  const squares = dot(covariance, covariance);
  const spread = squares - dim * scale ** 2;
  const error = (fourth / count - squares) / count;
  const share = spread > 0 ? Math.min(1, Math.max(0, error / spread)) : 1;
  for (let j = 0; j < covariance.length; j++) covariance[j]! *= 1 - share;
  // Something is left in every direction, also where all rows lie in a plane.
  for (let j = 0; j < dim; j++) covariance[j * dim + j]! += Math.max(share, 1e-9) * scale;
}

/** Of two arrays of one length. */
export function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** Adds `factor` times `added` to a sum of the same length. */
export function addScaled(sum: Float64Array, factor: number, added: Float64Array): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += factor * added[i]!;
}
