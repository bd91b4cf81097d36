import type { SealedRow } from "../../party-node/sealed-store/index.ts";
import { passageFor, rowId } from "./rows.ts";

/** Entries of a sparse vector, and the one that lifts all rows to one norm. */
export const LIFTED_DIM = 65;
const TERMS = LIFTED_DIM - 1;
const TERMS_OF_ROW = 12;
const NORM = 40;

/** The same for the same seed. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    return ((state ^ (state >>> 16)) >>> 0) / 2 ** 32;
  };
}

/** Whole numbers, so that float32 gives every distance without rounding; the same for the same seed. */
function sparse(seed: number, terms: number): Float32Array {
  const random = seeded(seed);
  const vector = new Float32Array(LIFTED_DIM);
  for (let i = 0; i < terms; i++) vector[Math.floor(TERMS * random() ** 2)] = 1 + Math.floor(7 * random());
  return vector;
}

/** A passage as a sparse encoder sees it, lifted to the norm of all rows. */
export function liftedRow(number: number, version = 1): SealedRow {
  const vector = sparse(1 + number + 1_000_003 * version, TERMS_OF_ROW);
  vector[TERMS] = Math.round(Math.sqrt(NORM ** 2 - squaredNorm(vector)));
  return {
    rowId: rowId(number),
    version,
    vector,
    passage: passageFor(number, version),
    fields: { year: 2000 + (number % 20) },
  };
}

/** A question, scaled to the norm of the rows: it has no entry where all of them have their largest. */
export function liftedQuestion(number: number): Float32Array {
  const vector = sparse(7_000_001 + number, 4);
  const scale = Math.floor(NORM / Math.sqrt(squaredNorm(vector)));
  return vector.map((value) => scale * value);
}

function squaredNorm(vector: Float32Array): number {
  return vector.reduce((sum, value) => sum + value * value, 0);
}
