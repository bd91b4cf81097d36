import { type Matrix, row } from "../../sealing/matrix.ts";
import { type PrincipalAxes, coordinates, dot } from "./principal-axes.ts";
import { timesTransposed } from "./times-transposed.ts";
import { type TokenQuality, type Vocabulary, tokenQuality } from "./text-tokens.ts";

/** Linear features of an embedding from which the presence of each word is estimated. */
export interface WordModel {
  readonly vocabulary: Vocabulary;
  /** Shape [words][width]: presence is frequency + weights (x - mean). */
  readonly weights: Matrix;
  readonly mean: Float64Array;
  /** A word is named from this estimate on. */
  readonly threshold: number;
}

export interface TrainingText {
  /** Shape [passages][width]. */
  readonly vectors: Matrix;
  readonly words: readonly ReadonlySet<string>[];
}

/** Of a coordinate, in units of the mean variance, where no noise is expected: keeps directions with next to no variance out. */
const RIDGE_MIN = 1e-2;
export const THRESHOLDS = Array.from({ length: 30 }, (_, i) => 0.02 * (i + 1));

/**
 * Ridge regression of word presence on embeddings (after Song and Raghunathan, 2020), the penalty being the variance of the noise to come: the best linear estimate under
 * it. In principal axes the normal equations are diagonal.
 *
 * @param axes - Of the training vectors.
 */
export function ridgeWeights(
  { vectors, words }: TrainingText,
  vocabulary: Vocabulary,
  axes: PrincipalAxes,
  noiseVariance: number,
): Matrix {
  const z = coordinates(vectors, axes);
  const penalty = Math.max(
    noiseVariance,
    (RIDGE_MIN * axes.variances.reduce((sum, value) => sum + value, 0)) / z.width,
  );
  const data = new Float32Array(vocabulary.words.length * vectors.width);
  const sums = wordSums(z, words, vocabulary);
  vocabulary.words.forEach((_, w) => {
    for (let a = 0; a < z.width; a++) {
      const weight = sums[w * z.width + a]! / vectors.rows / (axes.variances[a]! + penalty);
      const axis = row(axes.axes, a);
      for (let j = 0; j < axis.length; j++) data[w * vectors.width + j]! += weight * axis[j]!;
    }
  });
  return { data, rows: vocabulary.words.length, width: vectors.width };
}

/**
 * The same with one feature a word: its inner product with the word asked as a question. With `lexical` this reads the word's bucket.
 *
 * @param questions - Shape [words][width].
 */
export function matchedWeights(
  { vectors, words }: TrainingText,
  vocabulary: Vocabulary,
  mean: Float64Array,
  questions: Matrix,
  noiseVariance: number,
): Matrix {
  const weights: Matrix = { ...questions, data: questions.data.slice() };
  vocabulary.words.forEach((word, w) => {
    const question = row(questions, w);
    const offset = dot(question, mean);
    let [both, squares] = [0, 0];
    for (let i = 0; i < vectors.rows; i++) {
      const feature = dot(question, row(vectors, i)) - offset;
      squares += feature * feature;
      if (words[i]!.has(word)) both += feature;
    }
    const slope = both / (squares + vectors.rows * noiseVariance * dot(question, question) + 1e-12);
    row(weights, w).forEach((value, j, own) => (own[j] = slope * value));
  });
  return weights;
}

/** Chooses the threshold with the best F1 on held-out text of the attacker's own. */
export function calibrated(
  model: Omit<WordModel, "threshold">,
  heldOut: TrainingText,
): { readonly model: WordModel; readonly quality: TokenQuality } {
  let best: { model: WordModel; quality: TokenQuality } | null = null;
  const estimates = estimate(model, heldOut.vectors);
  for (const threshold of THRESHOLDS) {
    const quality = tokenQuality(named(model.vocabulary, estimates, threshold), heldOut.words);
    if (!best || quality.f1 > best.quality.f1) best = { model: { ...model, threshold }, quality };
  }
  return best!;
}

/**
 * The words of each embedding.
 *
 * @param estimates - The model's {@link estimate} of them.
 */
export function nameWords({ vocabulary, threshold }: WordModel, estimates: Matrix): string[][] {
  return named(vocabulary, estimates, threshold);
}

/** Words of more passages than this tell nothing of one. */
const COMMON = 0.05;
const LIKELIEST = 10;

/** The ten words of each embedding whose estimates are the most standard deviations of a word above its frequency, common words left out. */
export function likeliestWords({ vocabulary: { words, frequencies } }: WordModel, estimates: Matrix): string[][] {
  const telling = words.flatMap((_, w) => (frequencies[w]! <= COMMON ? [w] : []));
  return Array.from({ length: estimates.rows }, (_, i) => {
    const own = row(estimates, i);
    const surplus = Float64Array.from(telling, (w) => (own[w]! - frequencies[w]!) / Math.sqrt(frequencies[w]!));
    const limit = surplus.toSorted().at(-LIKELIEST) ?? -Infinity;
    return telling.filter((_, t) => surplus[t]! >= limit).map((w) => words[w]!);
  });
}

/** The ten most frequent of the words that are not common. */
export function frequentTelling({ words, frequencies }: Vocabulary): string[] {
  return words.filter((_, w) => frequencies[w]! <= COMMON).slice(0, LIKELIEST);
}

/** The same words for every passage: those above a frequency. */
export function frequentWords({ words, frequencies }: Vocabulary, threshold: number): string[] {
  return words.filter((_, w) => frequencies[w]! >= threshold);
}

/** Of every word for every embedding, shape [vectors][words]. */
export function estimate({ vocabulary, weights, mean }: Omit<WordModel, "threshold">, vectors: Matrix): Matrix {
  const learnt = new Float64Array(weights.data);
  const atMean = timesTransposed(mean, learnt, weights.width);
  const products = timesTransposed(new Float64Array(vectors.data), learnt, weights.width);
  for (let at = 0; at < products.length; at++) {
    const word = at % weights.rows;
    products[at]! += vocabulary.frequencies[word]! - atMean[word]!;
  }
  return { data: new Float32Array(products), rows: vectors.rows, width: weights.rows };
}

function named({ words }: Vocabulary, estimates: Matrix, threshold: number): string[][] {
  return Array.from({ length: estimates.rows }, (_, i) => {
    const own = row(estimates, i);
    return words.filter((_, w) => own[w]! >= threshold);
  });
}

/** Sum of the coordinates of the passages that have a word, shape [words][width]. */
function wordSums(z: Matrix, words: readonly ReadonlySet<string>[], vocabulary: Vocabulary): Float64Array {
  const index = new Map(vocabulary.words.map((word, w) => [word, w]));
  const sums = new Float64Array(vocabulary.words.length * z.width);
  words.forEach((own, i) => {
    const vector = row(z, i);
    for (const word of own) {
      const w = index.get(word);
      if (w === undefined) continue;
      for (let a = 0; a < z.width; a++) sums[w * z.width + a]! += vector[a]!;
    }
  });
  return sums;
}
