/** Weights of standardised features. */
export interface LogisticModel {
  readonly means: Float64Array;
  readonly deviations: Float64Array;
  readonly weights: Float64Array;
  readonly bias: number;
}

const STEPS = 300;
const STEP_SIZE = 0.5;
/** Ridge penalty a training row. */
const PENALTY = 1e-3;

/** Logistic regression by gradient descent on standardised features. @param features - Shape [rows][width], all finite. */
export function fitLogistic(features: readonly Float64Array[], labels: readonly (0 | 1)[]): LogisticModel {
  const { means, deviations } = moments(features);
  const rows = features.map((row) => row.map((value, i) => (value - means[i]!) / deviations[i]!));
  const weights = new Float64Array(means.length);
  let bias = 0;
  for (let step = 0; step < STEPS; step++) {
    const gradient = weights.map((weight) => PENALTY * weight);
    let ofBias = 0;
    rows.forEach((row, r) => {
      const error = (1 / (1 + Math.exp(-logit(row, weights, bias))) - labels[r]!) / rows.length;
      for (let i = 0; i < row.length; i++) gradient[i]! += error * row[i]!;
      ofBias += error;
    });
    for (let i = 0; i < weights.length; i++) weights[i]! -= STEP_SIZE * gradient[i]!;
    bias -= STEP_SIZE * ofBias;
  }
  return { means, deviations, weights, bias };
}

export function predict({ means, deviations, weights, bias }: LogisticModel, features: Float64Array): 0 | 1 {
  const row = features.map((value, i) => (value - means[i]!) / deviations[i]!);
  return logit(row, weights, bias) > 0 ? 1 : 0;
}

function logit(row: Float64Array, weights: Float64Array, bias: number): number {
  let logit = bias;
  for (let i = 0; i < row.length; i++) logit += weights[i]! * row[i]!;
  return logit;
}

function moments(features: readonly Float64Array[]): { means: Float64Array; deviations: Float64Array } {
  const means = new Float64Array(features[0]!.length);
  const deviations = new Float64Array(means.length);
  for (const row of features) for (let i = 0; i < row.length; i++) means[i]! += row[i]! / features.length;
  for (const row of features)
    for (let i = 0; i < row.length; i++) deviations[i]! += (row[i]! - means[i]!) ** 2 / features.length;
  // A feature that is always the same says nothing.
  return { means, deviations: deviations.map((variance) => Math.sqrt(variance) || 1) };
}
