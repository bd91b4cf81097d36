/** Shape [size][size], row by row. */
export type Square = Float64Array;

/** a b, where `a` may be transposed. */
export function product(a: Square, b: Square, size: number, { transposed = false } = {}): Square {
  const out = new Float64Array(size * size);
  for (let i = 0; i < size; i++)
    for (let k = 0; k < size; k++) {
      const factor = transposed ? a[k * size + i]! : a[i * size + k]!;
      for (let j = 0; j < size; j++) out[i * size + j]! += factor * b[k * size + j]!;
    }
  return out;
}

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
    const gram = product(current, current, size, { transposed: true });
    let away = 0;
    for (let i = 0; i < gram.length; i++) {
      const expected = i % (size + 1) === 0 ? 1 : 0;
      away += (gram[i]! - expected) ** 2;
      gram[i] = (3 * expected - gram[i]!) / 2;
    }
    if (away < CLOSE * size) break;
    current = product(current, gram, size);
  }
  return current;
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
