import { Fault } from "../fault.ts";
import type { BlockRow, ScoringFaultCode } from "../scoring.ts";
import { toResidue } from "./hint-error.ts";
import { type RingLayout, RING_DEGREE } from "./parameters.ts";

/** Relative slack for a norm computed in single precision. */
const NORM_SLACK = 1e-4;

/**
 * Checks an embedding before it is used as integers.
 *
 * @returns What is wrong, or null. Never holds a value of the vector.
 */
export function vectorProblem(
  vector: Float32Array,
  { dim, normMax }: { readonly dim: number; readonly normMax: number },
): string | null {
  if (vector.length !== dim) return `has ${String(vector.length)} entries, expected ${String(dim)}`;
  let squares = 0;
  for (let i = 0; i < dim; i++) squares += vector[i]! * vector[i]!;
  if (!Number.isFinite(squares)) return "has an entry that is not a finite number";
  if (Math.sqrt(squares) > normMax * (1 + NORM_SLACK))
    return `has a norm above the largest allowed, ${String(normMax)}`;
  return null;
}

/**
 * A block's rows as integers v = round(S_D x), which stay below 2^15 (parameters.ts).
 *
 * @param out - Shape [rowsPerBlock][dim] by slot, overwritten; empty slots become zero.
 * @throws Fault ROW_INVALID: wrong dimension, not finite, longer than normMax, slot out of range or given twice.
 */
export function quantiseRows(rows: readonly BlockRow[], layout: RingLayout, out: Int16Array): void {
  const { dataScale, dim, rowsPerBlock } = layout;
  out.fill(0);
  const taken = new Set<number>();
  for (const { slot, vector } of rows) {
    const slotIsGood = Number.isInteger(slot) && slot >= 0 && slot < rowsPerBlock && !taken.has(slot);
    const problem = slotIsGood ? vectorProblem(vector, layout) : "has a slot out of range or given twice";
    if (problem !== null)
      throw new Fault<ScoringFaultCode>("ROW_INVALID", `the row for slot ${String(slot)} ${problem}`);
    taken.add(slot);
    quantiseRow(vector, dataScale, out, slot * dim);
  }
}

function quantiseRow(vector: Float32Array, scale: number, out: Int16Array, start: number): void {
  // What Math.round gives, in half its time.
  for (let i = 0; i < vector.length; i++) out[start + i] = Math.floor(scale * vector[i]! + 0.5);
}

/**
 * A block's rows as m polynomials, P_j(X) = sum_r sum_k v[r, jc + k] X^(rc + c - 1 - k) with v of {@link quantiseRows} (DESIGN.md 4.2),
 * coefficient form. Plain twin of BlockArena.write, for tests.
 *
 * @returns m arrays of shape [N], residues; owned by the caller.
 * @throws Fault ROW_INVALID.
 */
export function blockPolynomials(rows: readonly BlockRow[], layout: RingLayout): Uint32Array[] {
  const { chunk, chunks, dim, rowsPerBlock } = layout;
  const integers = new Int16Array(rowsPerBlock * dim);
  quantiseRows(rows, layout, integers);
  const polynomials = Array.from({ length: chunks }, () => new Uint32Array(RING_DEGREE));
  for (const [at, value] of integers.entries()) {
    const [slot, i] = [Math.floor(at / dim), at % dim];
    polynomials[Math.floor(i / chunk)]![slot * chunk + chunk - 1 - (i % chunk)] = toResidue(value);
  }
  return polynomials;
}

/**
 * A query's chunk j as a polynomial, Q_j(X) = sum_k round(S_Q q[jc + k]) X^k (DESIGN.md 4.2), coefficient form.
 *
 * @returns Shape [N], residues; owned by the caller.
 */
export function queryPolynomial(embedding: Float32Array, j: number, layout: RingLayout): Uint32Array {
  const polynomial = new Uint32Array(RING_DEGREE);
  for (let k = 0; k < layout.chunk; k++)
    polynomial[k] = toResidue(Math.round(layout.queryScale * (embedding[j * layout.chunk + k] ?? 0)));
  return polynomial;
}
