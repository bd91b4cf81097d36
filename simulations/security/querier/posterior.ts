import type { Matrix } from "../../sealing/matrix.ts";
import { type Prior, addScaled, dot } from "../prior.ts";

/**
 * The posterior mean of all rows given their scores so far, for a Gaussian prior and Gaussian errors: ridge regression with the prior's covariance
 * as metric, the best linear reconstruction there is. Scores are taken in one question at a time (recursive least squares; Kalman, 1960), so that
 * every number of questions is seen on the way.
 */
export class Posterior {
  readonly dim: number;
  readonly rows: number;
  /** Shape [rows][dim]: the rows as they are to be expected. */
  readonly estimates: Float64Array;
  readonly #covariance: Float64Array;
  readonly #scoreVariance: number;
  /** Of each question so far: covariance of its score and of the coordinates, shape [dim], before its score was known, and the score's variance. */
  readonly #observed: { readonly along: Float64Array; readonly variance: number }[] = [];

  /** @param scoreDeviation - Standard deviation of a score around the inner product, above 0. */
  constructor({ dim, mean, covariance }: Prior, rows: number, scoreDeviation: number) {
    this.dim = dim;
    this.rows = rows;
    this.#covariance = covariance;
    this.#scoreVariance = scoreDeviation ** 2;
    this.estimates = new Float64Array(rows * dim);
    for (let i = 0; i < rows; i++) this.estimates.set(mean, i * dim);
  }

  /** @param question - Shape [dim]. @param scores - Shape [rows]: what the rows scored. */
  observe(question: Float64Array, scores: Float64Array): void {
    const { dim, estimates } = this;
    const along = this.#along(question);
    const variance = dot(question, along) + this.#scoreVariance;
    for (let i = 0; i < this.rows; i++) {
      const estimate = estimates.subarray(i * dim, (i + 1) * dim);
      addScaled(estimate, (scores[i]! - dot(question, estimate)) / variance, along);
    }
    this.#observed.push({ along, variance });
  }

  /** The covariance after all questions so far, times this one: it differs from the prior's by one outer product for each of them. */
  #along(question: Float64Array): Float64Array {
    const { dim } = this;
    const along = new Float64Array(dim);
    for (let j = 0; j < dim; j++)
      if (question[j] !== 0) addScaled(along, question[j]!, this.#covariance.subarray(j * dim, (j + 1) * dim));
    for (const { along: earlier, variance } of this.#observed)
      addScaled(along, -dot(question, earlier) / variance, earlier);
    return along;
  }
}

/** Mean cosine of estimates, shape [rows][width], and rows; of rows that are 0 it is 0. */
export function meanCosine(estimates: Float64Array, { data, rows, width }: Matrix): number {
  let sum = 0;
  for (let i = 0; i < rows; i++) {
    const estimate = estimates.subarray(i * width, (i + 1) * width);
    const row = Float64Array.from(data.subarray(i * width, (i + 1) * width));
    const norms = Math.sqrt(dot(estimate, estimate) * dot(row, row));
    if (norms > 0) sum += dot(estimate, row) / norms / rows;
  }
  return sum;
}
