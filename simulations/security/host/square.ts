import { timesTransposed } from "./times-transposed.ts";

/** Shape [size][size], row by row. */
export type Square = Float64Array;

const STEPS_MAX = 40;
const CLOSE = 1e-6;

/**
 * The orthogonal matrix nearest to a square one, U V^T of its singular value decomposition: Procrustes' solution (Schönemann, 1966), by Newton and Schulz's iteration
 * X <- X (3 I - X^T X) / 2. Directions in which the matrix is nearly zero stay short.
 */
export function nearestOrthogonal(matrix: Square, size: number): Square {
  const scale = spectralBound(matrix, size) || 1;
  let current: Square = matrix.map((value) => value / scale);
  for (let step = 0; step < STEPS_MAX; step++) {
    const turned = transposed(current, size);
    const gram = timesTransposed(turned, turned, size);
    let away = 0;
    for (let i = 0; i < size; i++) gram[i * size + i]! -= 1;
    for (let at = 0; at < gram.length; at++) {
      away += gram[at]! ** 2;
      gram[at]! /= -2;
    }
    for (let i = 0; i < size; i++) gram[i * size + i]! += 1;
    if (away < CLOSE * size) break;
    // The gram is symmetric.
    current = timesTransposed(current, gram, size);
  }
  return current;
}

function transposed(matrix: Square, size: number): Square {
  const out = new Float64Array(size * size);
  for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) out[j * size + i] = matrix[i * size + j]!;
  return out;
}

/** At least the largest singular value: sqrt(||A||_1 ||A||_inf). */
function spectralBound(matrix: Square, size: number): number {
  const [rows, columns] = [new Float64Array(size), new Float64Array(size)];
  matrix.forEach((value, i) => {
    rows[Math.floor(i / size)]! += Math.abs(value);
    columns[i % size]! += Math.abs(value);
  });
  return Math.sqrt(Math.max(...rows) * Math.max(...columns));
}

/** The upper left part of another size; new rows and columns are those of the identity. */
export function resized(matrix: Square, from: number, to: number): Square {
  const out = new Float64Array(to * to);
  for (let i = 0; i < to; i++)
    for (let j = 0; j < to; j++) out[i * to + j] = i < from && j < from ? matrix[i * from + j]! : i === j ? 1 : 0;
  return out;
}
