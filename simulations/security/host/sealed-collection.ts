import { CapriseKey, STORED_SHARE, liftedNorm } from "../../../crypto/index.ts";
import { type Matrix, norm, row } from "../../sealing/matrix.ts";
import type { Lab } from "../lab.ts";

export interface SealOptions {
  readonly normMax: number;
  /** A share of normMax. */
  readonly beta: number;
  readonly rotation: boolean;
}

/** What a host of a collection holds. */
export interface SealedCollection {
  /** Ciphertexts over the scale that their norms tell, shape [rows][dim + 1]: a rotation of the lifted rows, and noise. */
  readonly rows: Matrix;
  /** Of the noise of a coordinate. */
  readonly noiseVariance: number;
}

/** Seals rows as their owner would, under a key and a scale of their own, and does what any thief begins with. */
export function sealCollection(lab: Lab, open: Matrix, { normMax, beta, rotation }: SealOptions): SealedCollection {
  const scale = 0.5 + lab.random();
  using key = new CapriseKey(lab.secret(), { dim: open.width, normMax, beta: beta * normMax, scale, rotation });
  const data = new Float32Array(open.rows * key.ciphertextDim);
  const plain = Array.from({ length: open.rows }, (_, i) => ({ rowId: `row ${i}`, version: 0, vector: row(open, i) }));
  key.encryptStoredInto(data, plain);
  const rows = { data, rows: open.rows, width: key.ciphertextDim };
  const noiseVariance = (STORED_SHARE * beta * normMax) ** 2 / (rows.width + 2);
  const guessed = scaleFromNorms(rows, liftedNorm(normMax) ** 2 + noiseVariance * rows.width);
  return { rows: { ...rows, data: data.map((value) => value / guessed) }, noiseVariance };
}

/** Every ciphertext has a squared norm of about s^2 (M^2 + R^2 n / (n + 2)), R = 3 beta / 8. */
function scaleFromNorms(rows: Matrix, squaredNorm: number): number {
  let squares = 0;
  for (let i = 0; i < rows.rows; i++) squares += norm(row(rows, i)) ** 2;
  return Math.sqrt(squares / rows.rows / squaredNorm);
}

/** Rows with the coordinate that gives all of them one norm, as anyone can compute it. */
export function lifted(rows: Matrix, normMax: number): Matrix {
  const width = rows.width + 1;
  const data = new Float32Array(rows.rows * width);
  for (let i = 0; i < rows.rows; i++) {
    const vector = row(rows, i);
    data.set(vector, i * width);
    data[i * width + rows.width] = Math.sqrt(Math.max(0, liftedNorm(normMax) ** 2 - norm(vector) ** 2));
  }
  return { data, rows: rows.rows, width };
}
