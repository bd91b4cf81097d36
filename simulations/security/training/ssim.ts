/** Standard deviation of the window, in pixels; its side; C1 = (0.01 L)^2 and C2 = (0.03 L)^2 for pixels 0..1. */
const [DEVIATION, SIDE, C1, C2] = [1.5, 11, 0.01 ** 2, 0.03 ** 2];
const WINDOW = gaussianWindow();

/**
 * Structural similarity (Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to structural similarity", IEEE Transactions on
 * Image Processing 13(4), 2004, eq. 13): mean over all places where a Gaussian window of 11 by 11 pixels fits.
 *
 * @param a - Pixels 0..1, row-major, shape [height, width], both at least 11; b the same.
 * @returns -1..1; 1 for equal images.
 */
export function ssim(
  a: Float32Array,
  b: Float32Array,
  { height, width }: { readonly height: number; readonly width: number },
): number {
  let sum = 0;
  for (let y = 0; y + SIDE <= height; y++)
    for (let x = 0; x + SIDE <= width; x++) sum += ofWindow(a, b, y * width + x, width);
  return sum / ((height - SIDE + 1) * (width - SIDE + 1));
}

/** @param from - Index of the window's first pixel. */
function ofWindow(a: Float32Array, b: Float32Array, from: number, width: number): number {
  let [meanA, meanB, squareA, squareB, product] = [0, 0, 0, 0, 0];
  for (let i = 0; i < WINDOW.length; i++) {
    const at = from + Math.floor(i / SIDE) * width + (i % SIDE);
    const [weight, x, y] = [WINDOW[i]!, a[at]!, b[at]!];
    meanA += weight * x;
    meanB += weight * y;
    squareA += weight * x * x;
    squareB += weight * y * y;
    product += weight * x * y;
  }
  const variances = squareA - meanA ** 2 + squareB - meanB ** 2;
  const covariance = product - meanA * meanB;
  return ((2 * meanA * meanB + C1) * (2 * covariance + C2)) / ((meanA ** 2 + meanB ** 2 + C1) * (variances + C2));
}

/** Sums to 1; shape [SIDE, SIDE]. */
function gaussianWindow(): Float64Array {
  const offset = (i: number): number => i - (SIDE - 1) / 2;
  const weights = Float64Array.from({ length: SIDE * SIDE }, (_, i) =>
    Math.exp(-(offset(Math.floor(i / SIDE)) ** 2 + offset(i % SIDE) ** 2) / (2 * DEVIATION ** 2)),
  );
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}
