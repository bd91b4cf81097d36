import { CholeskyDecomposition, Matrix as Dense } from "ml-matrix";
import { encoderInput } from "../../party-node/documents/index.ts";
import { terms } from "../../party-node/encoders/tokenize.ts";
import type { BeirDocument } from "../beir.ts";
import { type Matrix, row } from "../sealing/matrix.ts";
import { type Prior, addScaled, priorOf } from "./prior.ts";

/** In fewer passages than this a word says nothing that a regression could learn. */
const PASSAGES_MIN = 3;
/** In a larger share of passages it says little of any of them. */
const PASSAGE_SHARE_MAX = 0.1;

/** Less likely words are in no best set: they would have to be likelier than half of its F1. */
const LIKELIHOOD_MIN = 0.01;

/** Word -> its column: the most frequent of the words, stemmed and without stop words, that tell passages apart; equally frequent ones by alphabet. */
export function vocabularyOf(documents: readonly BeirDocument[], wordsMax: number): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const document of documents)
    for (const word of new Set(terms(encoderInput(document)))) counts.set(word, (counts.get(word) ?? 0) + 1);
  const most = documents.length * PASSAGE_SHARE_MAX;
  const frequent = [...counts].filter(([, count]) => count >= PASSAGES_MIN && count <= most);
  frequent.sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  return new Map(frequent.slice(0, wordsMax).map(([word], column) => [word, column]));
}

/** The columns of the words that a text holds. */
export function wordsOf(document: BeirDocument, vocabulary: ReadonlyMap<string, number>): ReadonlySet<number> {
  return new Set(terms(encoderInput(document)).flatMap((word) => vocabulary.get(word) ?? []));
}

/**
 * Guesses the words of a text from its vector: ridge regression of each word's presence, learned on text of the attacker's own (Song and Raghunathan,
 * "Information leakage in embedding models", 2020, use multi-label classification likewise). Being linear, it is as good on the posterior mean of a vector as a regression that was
 * learned on such.
 */
export class WordInverter {
  readonly #prior: Prior;
  readonly #words: number;
  /** Shape [words]: share of the attacker's texts that hold each. */
  readonly #frequency: Float64Array;
  /** Shape [dim][words]. */
  readonly #weights: Float64Array;

  /**
   * @param held - Which columns of the vocabulary each of the attacker's texts holds.
   * @param vectors - Of the same texts.
   */
  constructor(held: readonly ReadonlySet<number>[], vectors: Matrix, words: number, prior: Prior = priorOf(vectors)) {
    const { dim, mean } = prior;
    this.#prior = prior;
    this.#words = words;
    this.#frequency = new Float64Array(words);
    for (const set of held) for (const word of set) this.#frequency[word]! += 1 / held.length;
    const together = new Float64Array(dim * words);
    held.forEach((set, i) => {
      const vector = row(vectors, i);
      for (let j = 0; j < dim; j++) {
        const x = (vector[j]! - mean[j]!) / held.length;
        if (x !== 0) for (const word of set) together[j * words + word]! += x;
      }
    });
    this.#weights = solve(prior, together, words);
  }

  /**
   * Of each vector the set of words with the largest expected F1, if words were independent (Lewis, 1995): the likeliest ones, as many as are worth it.
   *
   * @param vectors - Shape [any][dim].
   */
  guesses(vectors: Float64Array): ReadonlySet<number>[] {
    const { mean, dim } = this.#prior;
    const likelihoods = Array.from({ length: vectors.length / dim }, () => this.#frequency.slice());
    for (let j = 0; j < dim; j++) {
      const weights = this.#weights.subarray(j * this.#words, (j + 1) * this.#words);
      likelihoods.forEach((likelihood, i) => {
        addScaled(likelihood, vectors[i * dim + j]! - mean[j]!, weights);
      });
    }
    return likelihoods.map(bestSet);
  }
}

function bestSet(likelihood: Float64Array): ReadonlySet<number> {
  const clamped = likelihood.map((p) => Math.min(1, Math.max(0, p)));
  const order = [...clamped.keys()].filter((word) => clamped[word]! > LIKELIHOOD_MIN);
  order.sort((a, b) => clamped[b]! - clamped[a]!);
  const expected = clamped.reduce((a, b) => a + b, 0);
  let [found, best, taken] = [0, 0, 0];
  order.forEach((word, i) => {
    found += clamped[word]!;
    const f1 = (2 * found) / (i + 1 + expected);
    if (f1 > best) [best, taken] = [f1, i + 1];
  });
  return new Set(order.slice(0, taken));
}

/** Of two sets: the harmonic mean of precision and recall, 0 where one is empty. */
export function f1Score(guessed: ReadonlySet<number>, held: ReadonlySet<number>): number {
  let both = 0;
  for (const word of guessed) if (held.has(word)) both++;
  return both === 0 ? 0 : (2 * both) / (guessed.size + held.size);
}

/** Columns that are solved for at a time: what of them is at hand stays in the cache. */
const COLUMNS_AT_ONCE = 32;

/** X of covariance X = right, shape [dim][columns]: the library's solver goes down columns, which takes ten times as long for many of them. */
function solve({ covariance, dim }: Prior, right: Float64Array, columns: number): Float64Array {
  const lower = new CholeskyDecomposition(Dense.from1DArray(dim, dim, covariance)).lowerTriangularMatrix.to1DArray();
  const x = right.slice();
  for (let first = 0; first < columns; first += COLUMNS_AT_ONCE) {
    const end = Math.min(columns, first + COLUMNS_AT_ONCE);
    const subtract = (into: number, from: number, weight: number): void => {
      if (weight !== 0) for (let c = first; c < end; c++) x[into * columns + c]! -= weight * x[from * columns + c]!;
    };
    const divide = (j: number): void => {
      for (let c = first; c < end; c++) x[j * columns + c]! /= lower[j * dim + j]!;
    };
    for (let j = 0; j < dim; j++) {
      for (let k = 0; k < j; k++) subtract(j, k, lower[j * dim + k]!);
      divide(j);
    }
    for (let j = dim - 1; j >= 0; j--) {
      divide(j);
      for (let k = 0; k < j; k++) subtract(k, j, lower[j * dim + k]!);
    }
  }
  return x;
}
