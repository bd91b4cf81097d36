import { EigenvalueDecomposition, Matrix as Dense } from "ml-matrix";
import type { Encoder } from "../../../party-node/encoders/index.ts";
import { normalDraw } from "../../hashvfl/randomness.ts";
import { type Prior, addScaled, dot } from "../prior.ts";

/** Questions in the order they are asked, each of shape [dim] and norm 1. */
export type Questions = readonly Float64Array[];

/** One coordinate at a time, by variance: for the lexical encoder, whether a passage holds the words of one bucket. */
export function coordinates({ dim, covariance }: Pick<Prior, "dim" | "covariance">, count: number): Questions {
  const order = Array.from({ length: dim }, (_, j) => j);
  order.sort((a, b) => covariance[b * dim + b]! - covariance[a * dim + a]!);
  return order.slice(0, count).map((j) => new Float64Array(dim).fill(1, j, j + 1));
}

/** Of the dimensions: from here on all axes are computed. */
const ALL_AXES_FROM = 1 / 4;
const POWER_STEPS = 6;
/** Axes computed beyond those wanted, so that these are good ones. */
const EXTRA_AXES = 16;

/** Directions in which vectors of such text differ most: of all that are fixed beforehand, so many leave the least variance (Hotelling, 1933). */
export function principalAxes({ dim, covariance }: Prior, count: number): Questions {
  if (count >= ALL_AXES_FROM * dim) return eigenvectors(covariance, dim).slice(0, count);
  // Subspace iteration with a Rayleigh-Ritz step (Halko, Martinsson and Tropp, 2011, algorithms 4.4 and 5.3).
  let basis = coordinates({ dim, covariance }, Math.min(dim, count + EXTRA_AXES));
  for (let step = 0; step < POWER_STEPS; step++) basis = orthonormal(times(covariance, basis));
  const images = times(covariance, basis);
  const small = Float64Array.from({ length: basis.length ** 2 }, (_, at) =>
    dot(basis[at % basis.length]!, images[Math.floor(at / basis.length)]!),
  );
  return eigenvectors(small, basis.length)
    .slice(0, count)
    .map((weights) => combine(basis, weights, dim));
}

/** Of a symmetric matrix, by falling eigenvalue. */
function eigenvectors(matrix: Float64Array, dim: number): Float64Array[] {
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(Dense.from1DArray(dim, dim, matrix), {
    assumeSymmetric: true,
  });
  const order = realEigenvalues.map((_, i) => i).sort((a, b) => realEigenvalues[b]! - realEigenvalues[a]!);
  return order.map((i) => unit(Float64Array.from(eigenvectorMatrix.getColumn(i))));
}

/** The matrix, which is symmetric, by each of the vectors. */
function times(matrix: Float64Array, vectors: readonly Float64Array[]): Float64Array[] {
  const images = vectors.map(({ length }) => new Float64Array(length));
  const dim = images[0]?.length ?? 0;
  // A row at a time stays in the cache while all vectors pass it.
  for (let j = 0; j < dim; j++) {
    const row = matrix.subarray(j * dim, (j + 1) * dim);
    vectors.forEach((vector, i) => (images[i]![j] = dot(row, vector)));
  }
  return images;
}

function combine(basis: readonly Float64Array[], weights: Float64Array, dim: number): Float64Array {
  const sum = new Float64Array(dim);
  basis.forEach((vector, i) => {
    addScaled(sum, weights[i]!, vector);
  });
  return unit(sum);
}

/** By Gram and Schmidt, twice, which is enough (Kahan and Parlett). */
function orthonormal(vectors: readonly Float64Array[]): Float64Array[] {
  const done: Float64Array[] = [];
  for (const vector of vectors) {
    const rest = vector.slice();
    for (let pass = 0; pass < 2; pass++)
      for (const other of done) {
        addScaled(rest, -dot(rest, other), other);
      }
    done.push(unit(rest));
  }
  return done;
}

export function randomDirections(dim: number, count: number, random: () => number): Questions {
  return Array.from({ length: count }, () => unit(Float64Array.from({ length: dim }, () => normalDraw(random))));
}

/** Questions that people ask; those of which the encoder knows nothing are left out. */
export async function ordinary(encoder: Encoder, texts: readonly string[], count: number): Promise<Questions> {
  const questions: Float64Array[] = [];
  for (const text of texts) {
    if (questions.length === count) break;
    const vector = Float64Array.from(await encoder.encodeQuery(text));
    if (dot(vector, vector) > 0) questions.push(unit(vector));
  }
  return questions;
}

function unit(vector: Float64Array): Float64Array {
  const norm = Math.sqrt(dot(vector, vector));
  return vector.map((x) => x / norm);
}
