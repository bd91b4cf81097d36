import { createHash } from "node:crypto";
import type { CorpusStatistics, Encoder } from "./encoder.ts";
import { encoderFault } from "./faults.ts";
import { featureHash, type HashedTerm } from "./feature-hash.ts";
import { LexicalStatistics } from "./lexical-statistics.ts";
import { STOP_WORDS } from "./stop-words.ts";
import { countTerms, terms } from "./tokenize.ts";
import { euclideanNorm, normaliseInPlace, scaleInPlace } from "./vector.ts";

/** Raise it whenever the same text would give another vector. */
const ALGORITHM_VERSION = 1;
const DIM_DEFAULT = 1024;
const DIM_MIN = 16;
const DIM_MAX = 65_536;

/** BM25's saturation and length normalisation (Robertson & Zaragoza 2009), the values of Anserini and BEIR. */
const K1 = 0.9;
const B = 0.4;

/**
 * No term weighs more than this. Hashing makes a heavy rare term speak for every term that shares its bucket, so a cap
 * ranks better (`benchmarks/encoders.ts`).
 */
const TERM_WEIGHT_MAX = 4;
/** Longer vectors are scaled down to this norm: giant passages otherwise gather chance matches by sheer length. */
const NORM_MAX = 24;
/** Keeps a vector scaled to that norm below it after rounding to float32. */
const ROUNDING = 1e-6;

/**
 * BM25 as an inner product, by signed feature hashing; needs no download.
 *
 * A passage's term weighs w = min({@link TERM_WEIGHT_MAX}, idf * tf / (tf + k1 (1 - b + b length / meanLength))) and goes,
 * with its sign, into its bucket; a bucket keeps its weightiest term alone (the sum of several would be none's weight).
 * A question counts its terms into the same buckets with the same signs and is brought to unit norm.
 *
 * @param dim - Buckets, 16..65536; fewer are faster and rank worse.
 * @throws Fault BAD_OPTION.
 */
export async function openLexical(dim: number = DIM_DEFAULT): Promise<Encoder> {
  if (!Number.isInteger(dim) || dim < DIM_MIN || dim > DIM_MAX) {
    throw encoderFault(
      "BAD_OPTION",
      `The lexical encoder takes ${DIM_MIN} to ${DIM_MAX} buckets; write lexical or, for example, lexical:2048.`,
    );
  }
  return new LexicalEncoder(dim, await featureHash(dim));
}

class LexicalEncoder implements Encoder {
  readonly spec: string;
  readonly fingerprint: string;
  readonly dim: number;
  readonly normMax = NORM_MAX;
  readonly device = "js";
  readonly usesStatistics = true;
  readonly #hash: (term: string) => HashedTerm;

  constructor(dim: number, hash: (term: string) => HashedTerm) {
    this.dim = dim;
    this.#hash = hash;
    this.spec = dim === DIM_DEFAULT ? "lexical" : `lexical:${dim}`;
    const decisive = ["lexical", ALGORITHM_VERSION, dim, K1, B, TERM_WEIGHT_MAX, NORM_MAX, [...STOP_WORDS].sort()];
    this.fingerprint = createHash("sha256").update(JSON.stringify(decisive)).digest("hex");
  }

  encodeQuery(question: string): Promise<Float32Array> {
    const vector = new Float32Array(this.dim);
    for (const [term, count] of countTerms(terms(question))) {
      const { bucket, sign } = this.#hash(term);
      vector[bucket]! += sign * count;
    }
    return Promise.resolve(normaliseInPlace(vector));
  }

  encodePassages(passages: readonly string[], statistics: CorpusStatistics): Promise<Float32Array[]> {
    if (!(statistics instanceof LexicalStatistics)) {
      return Promise.reject(new TypeError("lexical needs its own statistics()"));
    }
    return Promise.resolve(passages.map((passage) => this.#encodePassage(passage, statistics)));
  }

  /**
   * A term may weigh anything up to {@link TERM_WEIGHT_MAX}, and which of a bucket's terms is the weightiest is open. So each bucket that the question has
   * earns at most that weight, and nothing where the passage has no term of the same sign in it; all of them together no more than {@link NORM_MAX} times their norm.
   */
  scoreMax(question: Float32Array, passages: readonly string[]): Promise<number[]> {
    return Promise.resolve(passages.map((passage) => this.#scoreMax(question, passage)));
  }

  statistics(bytes?: Uint8Array): CorpusStatistics {
    return bytes ? LexicalStatistics.fromBytes(bytes) : new LexicalStatistics();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #scoreMax(question: Float32Array, passage: string): number {
    const earning = new Set<number>();
    for (const term of new Set(terms(passage))) {
      const { bucket, sign } = this.#hash(term);
      if (sign * question[bucket]! > 0) earning.add(bucket);
    }
    let [sum, squares] = [0, 0];
    for (const bucket of earning) {
      sum += Math.abs(question[bucket]!);
      squares += question[bucket]! ** 2;
    }
    return Math.min(TERM_WEIGHT_MAX * sum, NORM_MAX * Math.sqrt(squares));
  }

  #encodePassage(passage: string, statistics: LexicalStatistics): Float32Array {
    const found = terms(passage);
    const relativeLength = statistics.meanLength === 0 ? 1 : found.length / statistics.meanLength;
    const vector = new Float32Array(this.dim);
    for (const [term, count] of countTerms(found)) {
      const saturated = count / (count + K1 * (1 - B + B * relativeLength));
      const weight = Math.min(TERM_WEIGHT_MAX, statistics.inverseDocumentFrequency(term) * saturated);
      const { bucket, sign } = this.#hash(term);
      if (weight > Math.abs(vector[bucket]!)) vector[bucket] = sign * weight;
    }
    const norm = euclideanNorm(vector);
    return norm > NORM_MAX ? scaleInPlace(vector, (NORM_MAX / norm) * (1 - ROUNDING)) : vector;
  }
}
