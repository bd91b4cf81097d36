/** Weight of the squared weights, and steps of gradient descent with momentum. */
const [REGULARISATION, STEPS, RATE, MOMENTUM] = [0.01, 100, 2, 0.9];

/** Rows with labels, and how wide a row is. */
export interface Labelled {
  /** Row-major, shape [rows, columns]. */
  readonly values: Float32Array;
  readonly labels: Uint8Array;
  readonly classes: number;
}

/**
 * Multinomial logistic regression with ridge penalty on columns that were standardised by the labelled rows. Deterministic: it starts from zeros.
 *
 * @param labelled - At least one row.
 * @param asked - Row-major, shape [rows, columns].
 * @returns The likeliest class of every asked row.
 */
export function probe({ values, labels, classes }: Labelled, asked: Float32Array): Uint8Array {
  const columns = values.length / labels.length;
  const standardise = standardiser(values, columns);
  const rows = standardise(values);
  const weights = new Float64Array(classes * (columns + 1));
  const velocity = new Float64Array(weights.length);
  for (let step = 0; step < STEPS; step++) {
    const gradient = gradientOf(weights, rows, labels, classes);
    for (let i = 0; i < weights.length; i++) {
      velocity[i] = MOMENTUM * velocity[i]! - RATE * (1 - MOMENTUM) * (gradient[i]! + REGULARISATION * weights[i]!);
      weights[i]! += velocity[i]!;
    }
  }
  return classify(weights, standardise(asked), columns, classes);
}

/** Of the mean cross entropy. @param weights - Shape [classes, columns + 1], the last of each the bias. */
function gradientOf(weights: Float64Array, rows: Float64Array, labels: Uint8Array, classes: number): Float64Array {
  const columns = rows.length / labels.length;
  const gradient = new Float64Array(weights.length);
  const scores = new Float64Array(classes);
  labels.forEach((label, i) => {
    const row = rows.subarray(i * columns, (i + 1) * columns);
    scoreRow(weights, row, scores);
    const highest = Math.max(...scores);
    let total = 0;
    for (const score of scores) total += Math.exp(score - highest);
    for (let c = 0; c < classes; c++) {
      const error = (Math.exp(scores[c]! - highest) / total - (c === label ? 1 : 0)) / labels.length;
      const at = c * (columns + 1);
      for (let j = 0; j < columns; j++) gradient[at + j]! += error * row[j]!;
      gradient[at + columns]! += error;
    }
  });
  return gradient;
}

function classify(weights: Float64Array, rows: Float64Array, columns: number, classes: number): Uint8Array {
  const scores = new Float64Array(classes);
  return Uint8Array.from({ length: rows.length / columns }, (_, i) => {
    scoreRow(weights, rows.subarray(i * columns, (i + 1) * columns), scores);
    return scores.indexOf(Math.max(...scores));
  });
}

/** @param scores - Shape [classes]; written to. */
function scoreRow(weights: Float64Array, row: Float64Array, scores: Float64Array): void {
  const columns = row.length;
  for (let c = 0; c < scores.length; c++) {
    const at = c * (columns + 1);
    let score = weights[at + columns]!;
    for (let j = 0; j < columns; j++) score += weights[at + j]! * row[j]!;
    scores[c] = score;
  }
}

/** (x - mean) / deviation by column, 0 in columns that never change, all by the root of the number of columns. */
function standardiser(values: Float32Array, columns: number): (rows: Float32Array) => Float64Array {
  const count = values.length / columns;
  const [mean, square] = [new Float64Array(columns), new Float64Array(columns)];
  values.forEach((value, i) => (mean[i % columns]! += value / count));
  values.forEach((value, i) => (square[i % columns]! += (value - mean[i % columns]!) ** 2 / count));
  const factors = square.map((variance) => (variance > 1e-12 ? 1 / Math.sqrt(variance * columns) : 0));
  return (rows) => Float64Array.from(rows, (value, i) => (value - mean[i % columns]!) * factors[i % columns]!);
}
