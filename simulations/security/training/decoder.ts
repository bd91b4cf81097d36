import { CholeskyDecomposition, Matrix } from "ml-matrix";
import { normalDraw } from "../../hashvfl/randomness.ts";

/** Weight of the squared coefficients, for each row it is fitted to. */
const RIDGE = 1e-3;

export interface DecoderOptions {
  /** What the bottom model releases of the attacker's own rows, shape [rows, bits]. */
  readonly released: Float32Array;
  /** Those rows, shape [rows, features]. */
  readonly rows: Float32Array;
  readonly bits: number;
  /** Random features that the decoder is linear in. */
  readonly hidden: number;
  readonly random: () => number;
  /** Called often; can stop it. */
  readonly pause: () => Promise<void>;
}

/**
 * From releases to features, by the least squared error on rows that the attacker has itself (the black-box attack of He, Zhang and Lee, ACSAC 2019, section 5):
 * of many rows with one code it comes near their mean, which no other guess beats in mean squared error. A layer of random ReLUs under a ridge regression
 * (Huang, Zhu and Siew, "Extreme learning machine", Neurocomputing 70, 2006) has a closed form and does as well here as a trained layer.
 *
 * @returns What decodes releases, shape [rows, bits] to [rows, features].
 */
export async function fitDecoder(options: DecoderOptions): Promise<(released: Float32Array) => Float32Array> {
  const { released, rows, bits, hidden, random, pause } = options;
  const count = released.length / bits;
  const weights = Float64Array.from({ length: hidden * (bits + 1) }, () => normalDraw(random) / Math.sqrt(bits));
  const lifted = lift(released, bits, weights);
  const width = lifted.length / count;
  const features = rows.length / count;
  const gram = new Float64Array(width * width);
  const products = new Float64Array(width * features);
  for (let i = 0; i < count; i++) {
    if (i % 100 === 0) await pause();
    addProducts(gram, lifted, lifted, i, width, width);
    addProducts(products, lifted, rows, i, width, features);
  }
  for (let j = 0; j < width; j++) gram[j * width + j]! += RIDGE * count;
  await pause();
  const solution = new CholeskyDecomposition(Matrix.from1DArray(width, width, gram)).solve(
    Matrix.from1DArray(width, features, products),
  );
  const coefficients = Float64Array.from(solution.to1DArray());
  return (asked) => multiply(lift(asked, bits, weights), coefficients, width, features);
}

/** The release itself, random ReLUs of it and 1. */
function lift(released: Float32Array, bits: number, weights: Float64Array): Float64Array {
  const hidden = weights.length / (bits + 1);
  const width = bits + hidden + 1;
  const rows = released.length / bits;
  const lifted = new Float64Array(rows * width);
  for (let i = 0; i < rows; i++) {
    const release = released.subarray(i * bits, (i + 1) * bits);
    lifted.set(release, i * width);
    for (let h = 0; h < hidden; h++) {
      let sum = weights[h * (bits + 1) + bits]!;
      for (let bit = 0; bit < bits; bit++) sum += weights[h * (bits + 1) + bit]! * release[bit]!;
      lifted[i * width + bits + h] = Math.max(0, sum);
    }
    lifted[(i + 1) * width - 1] = 1;
  }
  return lifted;
}

/** Adds the outer product of row i of two matrices. */
function addProducts(
  sum: Float64Array,
  a: Float64Array,
  b: ArrayLike<number>,
  i: number,
  widthA: number,
  widthB: number,
): void {
  for (let j = 0; j < widthA; j++) {
    const x = a[i * widthA + j]!;
    if (x === 0) continue;
    for (let k = 0; k < widthB; k++) sum[j * widthB + k]! += x * b[i * widthB + k]!;
  }
}

function multiply(a: Float64Array, b: Float64Array, width: number, columns: number): Float32Array {
  const rows = a.length / width;
  const product = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < width; j++) {
      const x = a[i * width + j]!;
      if (x === 0) continue;
      for (let k = 0; k < columns; k++) product[i * columns + k]! += x * b[j * columns + k]!;
    }
  return Float32Array.from(product);
}
