import { type Matrix, innerProduct, matrixOf, row, squaredDistance, stacked } from "../../sealing/matrix.ts";
import { probabilityBelow } from "../../sealing/statistics.ts";
import { denoised } from "./denoise.ts";

/** How alike question i of a first round and question j of a second one look; larger is more alike. */
export type Likeness = (i: number, j: number) => number;

/** Areas under the ROC curve of a threshold on the likeness. */
export interface Links {
  /** Two askings of one question against those of two questions. */
  readonly repeated: number;
  /** The same against those of the question and the most alike other one. */
  readonly repeatedFromAlike: number;
  /** Askings of two questions most alike against those of two others. */
  readonly alike: number;
}

/** Stored rows that show in which directions text differs. */
const ROWS_SEEN = 500;
/** Other questions that each is compared with. */
const OTHERS = 3;

/** @param mostAlike - For each question the most alike other one; at least two questions. */
export function measureLinks(likeness: Likeness, mostAlike: readonly number[]): Links {
  const count = mostAlike.length;
  const distance: Likeness = (i, j) => -likeness(i, j);
  const same = mostAlike.map((_, i) => distance(i, i));
  const alike = mostAlike.map((other, i) => distance(i, other));
  const others = mostAlike.flatMap((other, i) =>
    Array.from({ length: OTHERS }, (_, step) => (i + 1 + step) % count)
      .filter((j) => j !== i && j !== other)
      .map((j) => distance(i, j)),
  );
  return {
    repeated: probabilityBelow(same, others),
    repeatedFromAlike: probabilityBelow(same, alike),
    alike: probabilityBelow(alike, others),
  };
}

/** Each figure by the likeness that does best in it. */
export function bestLinks(all: readonly Links[]): Links {
  const best = (of: (links: Links) => number): number => Math.max(...all.map(of));
  return {
    repeated: best(({ repeated }) => repeated),
    repeatedFromAlike: best(({ repeatedFromAlike }) => repeatedFromAlike),
    alike: best(({ alike }) => alike),
  };
}

export interface Rounds {
  /** Ciphertexts of all questions. */
  readonly asked: Matrix;
  /** Of the same questions in the same order. */
  readonly again: Matrix;
  /** Stored ciphertexts: they show in which directions text differs. */
  readonly stored: Matrix;
  readonly noiseVariance: number;
}

/**
 * What an attacker compares ciphertexts by: their distance; their inner product about the common centre, which the noise's length does not disturb; both
 * after Wiener's filter or, where vectors are too wide for that, the inner product of what stored rows have to do with them, x -> X x, which weighs
 * directions by how much text differs in them.
 */
export function likenesses({ asked, again, stored, noiseVariance }: Rounds): Likeness[] {
  const count = asked.rows;
  const both = stacked(asked, again);
  const centred = aboutCentre(both);
  const filtered = denoised(both, noiseVariance);
  const by =
    (matrix: Matrix, of: (a: Float32Array, b: Float32Array) => number): Likeness =>
    (i, j) =>
      of(row(matrix, i), row(matrix, count + j));
  return [
    by(both, (a, b) => -squaredDistance(a, b)),
    by(centred, innerProduct),
    ...(filtered === both
      ? [by(project(aboutCentre(firstOf(stored, ROWS_SEEN)), centred), innerProduct)]
      : [by(filtered, innerProduct), by(filtered, (a, b) => -squaredDistance(a, b))]),
  ];
}

/** Cosine of the sets of rows of two askings, rows that everybody gets counting less (by inverse document frequency). */
export function sharedRows(asked: readonly (readonly number[])[], again: readonly (readonly number[])[]): Likeness {
  const counts = new Map<number, number>();
  for (const r of [...asked, ...again].flat()) counts.set(r, (counts.get(r) ?? 0) + 1);
  const weight = (r: number): number => Math.log(1 + (2 * asked.length) / counts.get(r)!) ** 2;
  const length = (rows: readonly number[]): number => Math.sqrt(rows.reduce((sum, r) => sum + weight(r), 0));
  const sets = asked.map((rows) => new Set(rows));
  const [lengths, lengthsAgain] = [asked.map(length), again.map(length)];
  return (i, j) => {
    let shared = 0;
    for (const r of again[j]!) if (sets[i]!.has(r)) shared += weight(r);
    return shared / (lengths[i]! * lengthsAgain[j]!);
  };
}

function firstOf({ data, rows, width }: Matrix, count: number): Matrix {
  return { data: data.subarray(0, count * width), rows: Math.min(rows, count), width };
}

function aboutCentre(matrix: Matrix): Matrix {
  const { data, rows, width } = matrix;
  const centre = new Float64Array(width);
  const centred = new Float32Array(data.length);
  for (let at = 0; at < data.length; at += width) for (let j = 0; j < width; j++) centre[j]! += data[at + j]! / rows;
  for (let at = 0; at < data.length; at += width)
    for (let j = 0; j < width; j++) centred[at + j] = data[at + j]! - centre[j]!;
  return { ...matrix, data: centred };
}

/** Inner products of each vector with all rows; shape [vectors][rows]. */
function project(rows: Matrix, vectors: Matrix): Matrix {
  const of = (vector: Float32Array): Float32Array =>
    Float32Array.from({ length: rows.rows }, (_, j) => innerProduct(row(rows, j), vector));
  return matrixOf(
    Array.from({ length: vectors.rows }, (_, i) => of(row(vectors, i))),
    rows.rows,
  );
}
