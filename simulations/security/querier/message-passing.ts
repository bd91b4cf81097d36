import { type Matrix, row } from "../../sealing/matrix.ts";
import { addScaled, dot } from "../prior.ts";

/** What an attacker expects of each coordinate by itself, where most are 0: how often it is not, and its moments then. */
export interface SparsePrior {
  /** Shape [dim], 0..1. */
  readonly present: Float64Array;
  /** Shape [dim]: mean and variance of the coordinate where it is present. */
  readonly mean: Float64Array;
  readonly variance: Float64Array;
}

/** Of the attacker's own vectors, with one value imagined beside those it has of each coordinate. */
export function sparsePriorOf(rows: Matrix): SparsePrior {
  const { rows: count, width: dim } = rows;
  const [found, sums, squares] = [new Float64Array(dim), new Float64Array(dim), new Float64Array(dim)];
  for (let i = 0; i < count; i++)
    row(rows, i).forEach((x, j) => {
      if (x === 0) return;
      found[j]!++;
      sums[j]! += x;
      squares[j]! += x * x;
    });
  const total = (values: Float64Array): number => values.reduce((a, b) => a + b, 0);
  const meanSquare = total(squares) / Math.max(1, total(found));
  const mean = sums.map((sum, j) => sum / (found[j]! + 1));
  return {
    present: found.map((n) => (n + 0.5) / (count + 1)),
    mean,
    variance: squares.map((sum, j) => (sum + meanSquare) / (found[j]! + 1) - mean[j]! ** 2),
  };
}

const ITERATIONS = 30;

/**
 * Compressed sensing of one row by Bayesian approximate message passing (Donoho, Maleki and Montanari, 2009) with a Bernoulli-Gaussian prior of each
 * coordinate: far fewer random questions than coordinates suffice where most of these are 0 (Candès, Romberg and Tao, 2006).
 *
 * @param questions - Shape [asked][dim], one after the other; independent random entries of mean 0 and variance 1 / dim.
 * @param scores - Shape [asked].
 * @returns Shape [dim].
 */
export function decodeSparse(
  questions: Float64Array,
  scores: Float64Array,
  prior: SparsePrior,
  scoreDeviation: number,
): Float64Array {
  const [asked, dim] = [scores.length, prior.mean.length];
  const scale = Math.sqrt(dim / asked); // brings columns to norm 1
  const estimate = prior.present.map((p, j) => p * prior.mean[j]!);
  const residual = new Float64Array(asked);
  let onsager = 0;
  for (let iteration = 0; iteration < ITERATIONS; iteration++) {
    const seen = estimate.slice();
    for (let a = 0; a < asked; a++) {
      const question = questions.subarray(a * dim, (a + 1) * dim);
      residual[a] = scale * (scores[a]! - dot(question, estimate)) + onsager * residual[a]!;
      addScaled(seen, scale * residual[a]!, question);
    }
    const noise = Math.max(dot(residual, residual) / asked, (scale * scoreDeviation) ** 2);
    let slopes = 0;
    let moved = 0;
    for (let j = 0; j < dim; j++) {
      const { value, slope } = coordinate(seen[j]!, noise, prior, j);
      moved += (value - estimate[j]!) ** 2;
      estimate[j] = value;
      slopes += slope;
    }
    onsager = slopes / asked;
    if (moved < dim * (scale * scoreDeviation) ** 2 * 1e-2) break;
  }
  return estimate;
}

/** Posterior mean of a coordinate that was seen under Gaussian noise of this variance, and its derivative by what was seen. */
function coordinate(
  seen: number,
  noise: number,
  prior: SparsePrior,
  j: number,
): { readonly value: number; readonly slope: number } {
  const [share, mean, variance] = [prior.present[j]!, prior.mean[j]!, prior.variance[j]!];
  const total = variance + noise;
  const logOdds =
    Math.log(share / (1 - share)) + (Math.log(noise / total) + seen ** 2 / noise - (seen - mean) ** 2 / total) / 2;
  const present = 1 / (1 + Math.exp(-logOdds));
  const given = (seen * variance + mean * noise) / total;
  const value = present * given;
  const slope = (present * ((variance * noise) / total + given ** 2) - value ** 2) / noise; // posterior variance by noise
  return { value, slope };
}
