import type { Matrix } from "../../sealing/matrix.ts";
import { type PrincipalAxes, coordinates, dot } from "./principal-axes.ts";

/** What remains of a cloud of rows after it was centred, turned to its principal axes and brought to variance 1 along each. */
export interface CloudShape {
  readonly size: number;
  /** Where the origin lies, shape [size]. */
  readonly mean: Float64Array;
  /** Logarithms of the variances, less their mean, shape [size]. */
  readonly spreads: Float64Array;
  /** E[z_a z_b z_c], shape [size][size][size]. */
  readonly third: Float64Array;
}

/**
 * @param extraVariance - Of noise that the rows lack and those to compare with have.
 * @param size - At most the number of axes.
 */
export function cloudShape(rows: Matrix, axes: PrincipalAxes, size: number, extraVariance: number): CloudShape {
  const variances = axes.variances.slice(0, size).map((variance) => variance + extraVariance);
  const first = {
    mean: axes.mean,
    axes: { ...axes.axes, rows: size, data: axes.axes.data.subarray(0, size * rows.width) },
  };
  const deviations = variances.map(Math.sqrt);
  const logarithms = variances.map(Math.log);
  const middle = logarithms.reduce((sum, value) => sum + value, 0) / size;
  const place = Float64Array.from({ length: size }, (_, a) => {
    const axis = axes.axes.data.subarray(a * rows.width, (a + 1) * rows.width);
    return dot(axis, axes.mean) / deviations[a]!;
  });
  return {
    size,
    mean: place,
    spreads: logarithms.map((value) => value - middle),
    third: thirdMoments(coordinates(rows, first), deviations),
  };
}

/** Of rows no longer than the typical one, sqrt(size): a few that lie far out would decide alone. */
function thirdMoments({ data, rows, width }: Matrix, deviations: Float64Array): Float64Array {
  const sums = new Float64Array(width ** 3);
  const z = new Float64Array(width);
  for (let i = 0; i < rows; i++) {
    for (let a = 0; a < width; a++) z[a] = data[i * width + a]! / deviations[a]!;
    const shrink = Math.min(1, Math.sqrt(width / dot(z, z)));
    for (let a = 0; a < width; a++) z[a]! *= shrink;
    for (let a = 0; a < width; a++)
      for (let b = a; b < width; b++) {
        const both = (z[a]! * z[b]!) / rows;
        const at = (a * width + b) * width;
        for (let c = b; c < width; c++) sums[at + c]! += both * z[c]!;
      }
  }
  return symmetric(sums, width);
}

/** Fills in what has a <= b <= c. */
function symmetric(sums: Float64Array, width: number): Float64Array {
  const out = new Float64Array(sums.length);
  for (let a = 0; a < width; a++)
    for (let b = 0; b < width; b++)
      for (let c = 0; c < width; c++) {
        const [low, middle, high] = sorted(a, b, c);
        out[(a * width + b) * width + c] = sums[(low * width + middle) * width + high]!;
      }
  return out;
}

function sorted(a: number, b: number, c: number): [number, number, number] {
  const [low, high] = [Math.min(a, b, c), Math.max(a, b, c)];
  return [low, a + b + c - low - high, high];
}
