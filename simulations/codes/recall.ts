import { HammingIndex, RefinedCoder, RetrievalCoder } from "../../crypto/index.ts";
import { mean, ndcgAtK } from "../metrics.ts";
import { type Matrix, innerProduct, matrixOf, nearest, row } from "../sealing/matrix.ts";
import { sampleIndices, seededRandom } from "../seeded-random.ts";

/** Passages and questions as vectors. */
export interface SearchedVectors {
  readonly rows: Matrix;
  readonly questions: Matrix;
  /** For each question, row -> grade; null where nobody has judged. */
  readonly grades: readonly ReadonlyMap<string, number>[] | null;
}

/** What a search by codes finds; means over the questions. */
export interface CodeFigures {
  /** Of a whole code, all its layers together. */
  readonly bits: number;
  /** 1 for a plain code, searched by Hamming distance. */
  readonly layers: number;
  /** Share of the hundred rows of largest inner product that are among the hundred best by code. */
  readonly recallAt100: number;
  /** Of the order that the codes give; null without judgements. */
  readonly ndcgAt10: number | null;
  /** Of those hundred in the order of their exact inner products. */
  readonly rerankedNdcgAt10: number | null;
  /** Of plain codes: over rows that the coder was not fitted to. */
  readonly balance: BitBalance | null;
}

export interface BitBalance {
  /** Share of the bits that are set for 45 to 55 % of the rows. */
  readonly balanced: number;
  /** The largest distance of a bit's share of rows from one half. */
  readonly worst: number;
  /** Rows that it was measured on. */
  readonly rows: number;
}

export interface CodeResults {
  readonly rows: number;
  readonly questions: number;
  readonly dim: number;
  /** Of exact inner products. */
  readonly ndcgAt10: number | null;
  readonly figures: readonly CodeFigures[];
}

export interface CodeOptions {
  readonly bits: readonly number[];
  /** Layers at equal total bits; a layer has at least 64. */
  readonly layers: readonly number[];
  readonly seed: number;
  readonly signal: AbortSignal;
}

const FOUND = 100;
const NDCG_AT = 10;
/** A coder is fitted to so many rows, and to half of them at most. */
const SAMPLE_MAX = 2000;

/** Searches the rows by codes of every length, fitted to a part of the rows, and compares with exact inner products. */
export async function measureCodes(vectors: SearchedVectors, options: CodeOptions): Promise<CodeResults> {
  const { rows, questions, grades } = vectors;
  const { signal, seed } = options;
  const sample = sampleIndices(rows.rows, Math.min(SAMPLE_MAX, Math.ceil(rows.rows / 2)), seededRandom(seed));
  const exact = await nearest(rows, questions, { count: FOUND, by: "innerProduct", signal });
  const figures: CodeFigures[] = [];
  for (const bits of options.bits)
    for (const layers of options.layers) {
      if (bits / layers < 64) continue;
      signal.throwIfAborted();
      const coding = { bits, layers, seed: new Uint8Array(32).fill(seed), sample, signal };
      const { found, balance } = layers === 1 ? searchPlain(vectors, coding) : await searchRefined(vectors, coding);
      figures.push({ bits, layers, balance, ...judge(vectors, found, exact.rows) });
    }
  const { length } = figures;
  if (length === 0) throw new TypeError("measureCodes: no length has 64 bits for each layer");
  return { rows: rows.rows, questions: questions.rows, dim: rows.width, ndcgAt10: ndcg(exact.rows, grades), figures };
}

interface Coding {
  readonly bits: number;
  readonly layers: number;
  readonly seed: Uint8Array;
  /** Rows that the coder is fitted to. */
  readonly sample: readonly number[];
  readonly signal: AbortSignal;
}

interface Searched {
  /** Rows of each question, best first. */
  readonly found: readonly (readonly number[])[];
  readonly balance: BitBalance | null;
}

function searchPlain({ rows, questions }: SearchedVectors, { bits, seed, sample }: Coding): Searched {
  const coder = RetrievalCoder.fit({ dim: rows.width, bits, seed, sample: sample.map((i) => row(rows, i)) });
  const codes = each(rows, (vector) => coder.encode(vector));
  const index = new HammingIndex({ bits });
  for (const code of codes) index.add(code);
  const found = each(questions, (question) => index.search(coder.encode(question), FOUND).map(({ row: at }) => at));
  const fitted = new Set(sample);
  return { found, balance: bitBalance(codes.filter((_, i) => !fitted.has(i))) };
}

async function searchRefined({ rows, questions }: SearchedVectors, coding: Coding): Promise<Searched> {
  const { layers, seed, sample, signal } = coding;
  const bits = coding.bits / layers;
  const coder = RefinedCoder.fit({ dim: rows.width, bits, seed, layers, sample: sample.map((i) => row(rows, i)) });
  const refined = (all: Matrix): Matrix =>
    matrixOf(
      each(all, (vector) => coder.decode(coder.encode(vector))),
      bits,
    );
  const { rows: found } = await nearest(refined(rows), refined(questions), {
    count: FOUND,
    by: "innerProduct",
    signal,
  });
  return { found, balance: null };
}

/** How evenly bits are set. @param codes - At least one, of equal lengths. */
export function bitBalance(codes: readonly Uint8Array[]): BitBalance {
  const off = Array.from({ length: 8 * codes[0]!.length }, (_, i) => {
    const set = codes.reduce((sum, code) => sum + ((code[i >> 3]! >> (i & 7)) & 1), 0);
    return Math.abs(set / codes.length - 0.5);
  });
  return {
    balanced: off.filter((distance) => distance <= 0.05).length / off.length,
    worst: Math.max(...off),
    rows: codes.length,
  };
}

function judge(
  { rows, questions, grades }: SearchedVectors,
  found: Searched["found"],
  exact: readonly (readonly number[])[],
): Pick<CodeFigures, "recallAt100" | "ndcgAt10" | "rerankedNdcgAt10"> {
  const recalls = found.map((one, i) => {
    const best = new Set(exact[i]);
    return one.filter((at) => best.has(at)).length / best.size;
  });
  const reranked = found.map((one, i) => {
    const question = row(questions, i);
    const scores = new Map(one.map((at) => [at, innerProduct(row(rows, at), question)]));
    return one.toSorted((a, b) => scores.get(b)! - scores.get(a)!);
  });
  return { recallAt100: mean(recalls), ndcgAt10: ndcg(found, grades), rerankedNdcgAt10: ndcg(reranked, grades) };
}

function ndcg(found: readonly (readonly number[])[], grades: SearchedVectors["grades"]): number | null {
  return grades && mean(found.map((one, i) => ndcgAtK(one.map(String), grades[i]!, NDCG_AT)));
}

function each<Value>(matrix: Matrix, of: (vector: Float32Array) => Value): Value[] {
  return Array.from({ length: matrix.rows }, (_, i) => of(row(matrix, i)));
}
