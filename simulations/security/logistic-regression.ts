import type { Label, Labelled } from "./advantage.ts";

const STEPS = 300;
const STEP_SIZE = 0.5;
/** Ridge penalty a training row. */
const PENALTY = 1e-3;

/**
 * Logistic regression by gradient descent on standardised features, with a ridge penalty.
 *
 * @param training - Features of one length, all finite; at least one row.
 */
export function byLogistic(training: readonly Labelled<ArrayLike<number>>[]): (seen: ArrayLike<number>) => Label {
  const standardise = standardiser(training.map(({ seen }) => seen));
  const rows = training.map(({ seen }) => standardise(seen));
  const weights = new Float64Array(rows[0]!.length);
  const gradient = new Float64Array(weights.length);
  let bias = 0;
  for (let step = 0; step < STEPS; step++) {
    for (let i = 0; i < weights.length; i++) gradient[i] = PENALTY * weights[i]!;
    let ofBias = 0;
    for (let r = 0; r < rows.length; r++) {
      const row = rows[r]!;
      const error = (1 / (1 + Math.exp(-logit(row, weights, bias))) - training[r]!.label) / rows.length;
      for (let i = 0; i < row.length; i++) gradient[i]! += error * row[i]!;
      ofBias += error;
    }
    for (let i = 0; i < weights.length; i++) weights[i]! -= STEP_SIZE * gradient[i]!;
    bias -= STEP_SIZE * ofBias;
  }
  return (seen) => (logit(standardise(seen), weights, bias) > 0 ? 1 : 0);
}

function logit(row: Float64Array, weights: Float64Array, bias: number): number {
  let sum = bias;
  for (let i = 0; i < row.length; i++) sum += weights[i]! * row[i]!;
  return sum;
}

/** Brings features to mean 0 and variance 1 over these rows. */
function standardiser(rows: readonly ArrayLike<number>[]): (row: ArrayLike<number>) => Float64Array {
  const means = new Float64Array(rows[0]!.length);
  const variances = new Float64Array(means.length);
  for (const row of rows) for (let i = 0; i < means.length; i++) means[i]! += row[i]! / rows.length;
  for (const row of rows)
    for (let i = 0; i < means.length; i++) variances[i]! += (row[i]! - means[i]!) ** 2 / rows.length;
  // A feature that is always the same says nothing.
  const deviations = variances.map((variance) => Math.sqrt(variance) || 1);
  return (row) => means.map((mean, i) => (row[i]! - mean) / deviations[i]!);
}
