import { CholeskyDecomposition, Matrix as Dense } from "ml-matrix";
import { type Matrix, row } from "../../sealing/matrix.ts";
import { dot } from "./principal-axes.ts";
import { nearestOrthogonal } from "./square.ts";

/** Known rows with their ciphertexts; both shape [pairs][width]. */
export interface KnownPairs {
  readonly open: Matrix;
  readonly sealed: Matrix;
}

/**
 * Recovers rows by the rotation between known pairs: the orthogonal Procrustes problem (Schönemann, 1966), taken in the span of the pairs where those are fewer than the
 * width; nothing is known of what lies outside.
 *
 * @returns Shape [rows][width].
 */
export function recoverByRotation({ open, sealed }: KnownPairs, rows: Matrix): Matrix {
  const [from, to] = [spanOf(open), spanOf(sealed)];
  const size = Math.min(from.rows, to.rows);
  const [x, c] = [within(open, from, size), within(sealed, to, size)];
  const cross = new Float64Array(size * size);
  for (let i = 0; i < x.rows; i++)
    for (let a = 0; a < size; a++)
      for (let b = 0; b < size; b++) cross[a * size + b]! += c.data[i * size + a]! * x.data[i * size + b]!;
  const rotation = nearestOrthogonal(cross, size);
  const seen = within(rows, to, size);
  const data = new Float32Array(rows.data.length);
  for (let i = 0; i < rows.rows; i++) {
    const out = data.subarray(i * rows.width, (i + 1) * rows.width);
    for (let b = 0; b < size; b++) {
      let share = 0;
      for (let a = 0; a < size; a++) share += rotation[a * size + b]! * seen.data[i * size + a]!;
      const direction = row(from, b);
      for (let j = 0; j < out.length; j++) out[j]! += share * direction[j]!;
    }
  }
  return { ...rows, data };
}

/**
 * Recovers rows by ridge regression of known rows on their ciphertexts, X^T K (K + penalty)^-1 with K = C C^T or its primal form, whichever is smaller.
 *
 * @param noiseVariance - Of a ciphertext's coordinate; the penalty is it times the width, for a rotation's entries have variance 1 / width.
 * @returns Shape [rows][width].
 */
export function recoverByLeastSquares({ open, sealed }: KnownPairs, rows: Matrix, noiseVariance: number): Matrix {
  const { width } = rows;
  const penalty = noiseVariance * width;
  const [x, c, seen] = [dense(open), dense(sealed), dense(rows)];
  const isDual = open.rows < width;
  const gram = isDual ? c.mmul(c.transpose()) : c.transpose().mmul(c);
  for (let i = 0; i < gram.rows; i++) gram.set(i, i, gram.get(i, i) + penalty);
  const solver = new CholeskyDecomposition(gram);
  const recovered = isDual
    ? seen.mmul(c.transpose()).mmul(solver.solve(x))
    : seen.mmul(solver.solve(c.transpose().mmul(x)));
  return { ...rows, data: Float32Array.from(recovered.to1DArray()) };
}

function dense({ data, rows, width }: Matrix): Dense {
  return Dense.from1DArray(rows, width, data);
}

/** An orthonormal basis of what rows span, shape [at most width][width]. */
function spanOf(rows: Matrix): Matrix {
  const { width } = rows;
  const basis: Float32Array[] = [];
  for (let i = 0; i < rows.rows && basis.length < width; i++) {
    const vector = Float64Array.from(row(rows, i));
    const before = Math.sqrt(dot(vector, vector));
    for (let round = 0; round < 2; round++)
      for (const other of basis) {
        const share = dot(vector, other);
        for (let j = 0; j < width; j++) vector[j]! -= share * other[j]!;
      }
    const left = Math.sqrt(dot(vector, vector));
    if (left > 1e-4 * before) basis.push(Float32Array.from(vector, (value) => value / left));
  }
  const data = new Float32Array(basis.length * width);
  basis.forEach((vector, i) => data.set(vector, i * width));
  return { data, rows: basis.length, width };
}

/** Coordinates along the first `size` vectors of a basis. */
function within(rows: Matrix, basis: Matrix, size: number): Matrix {
  const data = new Float32Array(rows.rows * size);
  for (let i = 0; i < rows.rows; i++)
    for (let a = 0; a < size; a++) data[i * size + a] = dot(row(basis, a), row(rows, i));
  return { data, rows: rows.rows, width: size };
}
