import { mean } from "../metrics.ts";

/** The share of rows whose likeliest class is their label; of classes equally likely the first counts. @param scores - Shape [rows, classes]. */
export function accuracyOf(scores: Float32Array, labels: Uint8Array): number {
  const classes = scores.length / labels.length;
  let right = 0;
  labels.forEach((label, row) => {
    const ofRow = scores.subarray(row * classes, (row + 1) * classes);
    if (ofRow.indexOf(Math.max(...ofRow)) === label) right++;
  });
  return right / labels.length;
}

/**
 * Area under the receiver operating characteristic: the chance that a positive row scores above a negative one, ties counting half (Mann and Whitney).
 *
 * @returns NaN where all rows are of one kind.
 */
export function rocArea(scores: ArrayLike<number>, isPositive: (row: number) => boolean): number {
  const order = Array.from({ length: scores.length }, (_, i) => i).sort((a, b) => scores[a]! - scores[b]!);
  let positives = 0;
  let rankSum = 0;
  for (let from = 0; from < order.length;) {
    let to = from;
    do to++;
    while (to < order.length && scores[order[to]!] === scores[order[from]!]);
    const tied = order.slice(from, to).filter(isPositive).length;
    positives += tied;
    rankSum += (tied * (from + 1 + to)) / 2;
    from = to;
  }
  const negatives = order.length - positives;
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
}

/** {@link rocArea} of the second class for two classes; the mean of each class against the rest for more. @param scores - Shape [rows, classes]. */
export function areaOf(scores: Float32Array, labels: Uint8Array): number {
  const classes = scores.length / labels.length;
  const against = (positive: number): number =>
    rocArea(
      Float32Array.from({ length: labels.length }, (_, row) => scores[row * classes + positive]!),
      (row) => labels[row] === positive,
    );
  if (classes === 2) return against(1);
  return mean(Array.from({ length: classes }, (_, i) => against(i)).filter((area) => !Number.isNaN(area)));
}

/** The share of rows where a bit is positive, for each bit. @param releases - Shape [rows, bits]; 0 counts as positive. */
export function positiveShares(releases: Float32Array, bits: number): number[] {
  const rows = releases.length / bits;
  const counts = new Array<number>(bits).fill(0);
  releases.forEach((value, i) => {
    if (value >= 0) counts[i % bits]!++;
  });
  return counts.map((count) => count / rows);
}

/** Mean over rows of the cosine between rows of two matrices, shape [rows, bits] each. @param rowOf - Which row of `b` belongs to a row of `a`. */
export function meanCosine(
  a: Float32Array,
  b: Float32Array,
  bits: number,
  rowOf: (row: number) => number = (row) => row,
): number {
  const rows = a.length / bits;
  let sum = 0;
  for (let row = 0; row < rows; row++) {
    const other = rowOf(row);
    let [product, squareA, squareB] = [0, 0, 0];
    for (let bit = 0; bit < bits; bit++) {
      const x = a[row * bits + bit]!;
      const y = b[other * bits + bit]!;
      product += x * y;
      squareA += x * x;
      squareB += y * y;
    }
    sum += squareA * squareB === 0 ? 0 : product / Math.sqrt(squareA * squareB);
  }
  return sum / rows;
}
