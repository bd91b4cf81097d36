import { EigenvalueDecomposition, Matrix as Dense } from "ml-matrix";
import { type Matrix, row } from "../../sealing/matrix.ts";
import { timesTransposed } from "./times-transposed.ts";

/** Where rows lie and how far they spread. */
export interface PrincipalAxes {
  /** Shape [width]. */
  readonly mean: Float64Array;
  /** Shape [count][width], orthonormal, those of the largest variance first. */
  readonly axes: Matrix;
  /** Shape [count]. */
  readonly variances: Float64Array;
}

const EXACT_UP_TO = 200;
/** More axes than are asked for, with which they are found in fewer steps. */
const SPARE = 16;
const STEPS = 4;

/** @param random - For the start of the iteration where the width is too large to take the covariance apart; see Halko, Martinsson and Tropp, 2011. */
export async function principalAxes(
  rows: Matrix,
  count: number,
  { random, pause }: { readonly random: () => number; readonly pause: () => Promise<void> },
): Promise<PrincipalAxes> {
  const mean = meanOf(rows);
  if (rows.width <= EXACT_UP_TO) {
    const everyAxis = Dense.eye(rows.width).to1DArray();
    return ritz(rows, mean, Float64Array.from(everyAxis), count);
  }
  const span = Math.min(rows.width, count + SPARE);
  let basis: Float64Array = Float64Array.from({ length: span * rows.width }, () => random() - 0.5);
  for (let step = 0; step < STEPS; step++) {
    orthonormalise(basis, rows.width);
    await pause();
    basis = spread(rows, mean, basis);
  }
  orthonormalise(basis, rows.width);
  return ritz(rows, mean, basis, count);
}

/** @returns Shape [rows][count]: coordinates along the axes, from the mean. */
export function coordinates(rows: Matrix, { mean, axes }: Pick<PrincipalAxes, "mean" | "axes">): Matrix {
  const directions = new Float64Array(axes.data);
  const offset = timesTransposed(mean, directions, rows.width);
  const products = timesTransposed(new Float64Array(rows.data), directions, rows.width);
  const data = new Float32Array(products.map((product, at) => product - offset[at % axes.rows]!));
  return { data, rows: rows.rows, width: axes.rows };
}

/** @returns Shape [width]. */
export function meanOf(rows: Matrix): Float64Array {
  const mean = new Float64Array(rows.width);
  for (let i = 0; i < rows.data.length; i++) mean[i % rows.width]! += rows.data[i]! / rows.rows;
  return mean;
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** Coordinates along the rows of an orthonormal basis, turned to where they do not correlate (Rayleigh and Ritz). */
function ritz(rows: Matrix, mean: Float64Array, basis: Float64Array, count: number): PrincipalAxes {
  const { width } = rows;
  const span = basis.length / width;
  const axes: Matrix = { data: Float32Array.from(basis), rows: span, width };
  const { data } = coordinates(rows, { mean, axes });
  const covariance = Dense.zeros(span, span);
  const sums = new Float64Array(span * span);
  for (let at = 0; at < data.length; at += span)
    for (let a = 0; a < span; a++) for (let b = 0; b <= a; b++) sums[a * span + b]! += data[at + a]! * data[at + b]!;
  for (let a = 0; a < span; a++)
    for (let b = 0; b <= a; b++) {
      covariance.set(a, b, sums[a * span + b]! / rows.rows);
      covariance.set(b, a, sums[a * span + b]! / rows.rows);
    }
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(covariance, { assumeSymmetric: true });
  const order = realEigenvalues.map((_, i) => i).sort((a, b) => realEigenvalues[b]! - realEigenvalues[a]!);
  const chosen = order.slice(0, count);
  const turned = new Float32Array(chosen.length * width);
  chosen.forEach((column, i) => {
    for (let b = 0; b < span; b++) {
      const weight = eigenvectorMatrix.get(b, column);
      for (let j = 0; j < width; j++) turned[i * width + j]! += weight * basis[b * width + j]!;
    }
  });
  return {
    mean,
    axes: { data: turned, rows: chosen.length, width },
    variances: Float64Array.from(chosen, (column) => Math.max(0, realEigenvalues[column]!)),
  };
}

/** Every basis vector times the rows' covariance. */
function spread(rows: Matrix, mean: Float64Array, basis: Float64Array): Float64Array {
  const { width } = rows;
  const span = basis.length / width;
  const { data } = coordinates(rows, { mean, axes: { data: Float32Array.from(basis), rows: span, width } });
  const out = new Float64Array(basis.length);
  for (let i = 0; i < rows.rows; i++) {
    const vector = row(rows, i);
    for (let b = 0; b < span; b++) {
      const weight = data[i * span + b]! / rows.rows;
      for (let j = 0; j < width; j++) out[b * width + j]! += weight * (vector[j]! - mean[j]!);
    }
  }
  return out;
}

/** Gram and Schmidt, in place, twice for accuracy. */
function orthonormalise(basis: Float64Array, width: number): void {
  for (let at = 0; at < basis.length; at += width) {
    const vector = basis.subarray(at, at + width);
    for (let round = 0; round < 2; round++)
      for (let before = 0; before < at; before += width) {
        const other = basis.subarray(before, before + width);
        const share = dot(vector, other);
        for (let j = 0; j < width; j++) vector[j]! -= share * other[j]!;
      }
    const length = Math.sqrt(dot(vector, vector)) || 1;
    for (let j = 0; j < width; j++) vector[j]! /= length;
  }
}
