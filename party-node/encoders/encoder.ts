/**
 * Turns text into vectors whose inner product ranks passages for a question.
 *
 * Implementers: passage vectors are never of unit norm by assumption; `normMax` is a promise that {@link assertInRange}
 * checks at ingest, because the scales of the encrypted scoring follow from it.
 */
export interface Encoder {
  /** What a person wrote to choose it, for example `lexical`, `onnx:models/minilm`, `hybrid(lexical,onnx:models/minilm)`. */
  readonly spec: string;
  /** Lower-case hex SHA-256 over everything that decides the vectors (algorithm version, options, model files). */
  readonly fingerprint: string;
  /** Length of every vector. */
  readonly dim: number;
  /** No passage vector has a larger Euclidean norm. */
  readonly normMax: number;
  /** What runs it, for the log: `"js"`, or an ONNX execution provider such as `"cpu"`, `"webgpu"`, `"cuda"`. */
  readonly device: string;
  /** Whether a passage's vector depends on the corpus statistics, so that new ones require encoding again. */
  readonly usesStatistics: boolean;

  /**
   * @param question - Any non-empty text.
   * @returns Shape [dim], owned by the caller, unit norm unless nothing of the question is known to the encoder
   *   (then all zero). Ranking is by inner product with the passage vectors.
   */
  encodeQuery(question: string): Promise<Float32Array>;

  /**
   * @param passages - Texts; order is kept.
   * @param statistics - What {@link Encoder.statistics} collected over this party's corpus; encoders that need none ignore it.
   * @returns One vector of shape [dim] a passage, owned by the caller, finite. Not yet range-checked.
   */
  encodePassages(passages: readonly string[], statistics: CorpusStatistics): Promise<Float32Array[]>;

  /**
   * The highest score that a passage's words can earn, whatever the statistics of the corpus it lies in: what a querier holds a party to, whose
   * statistics it does not know.
   *
   * @param question - As {@link Encoder.encodeQuery} gave it; not modified.
   * @param passages - Texts; order is kept.
   * @returns An upper bound a passage of the inner product of its vector, as {@link Encoder.encodePassages} gives it on any machine, with the question.
   */
  scoreMax(question: Float32Array, passages: readonly string[]): Promise<number[]>;

  /** A fresh, empty collector, or one restored from {@link CorpusStatistics.toBytes}. */
  statistics(bytes?: Uint8Array): CorpusStatistics;

  close(): Promise<void>;
}

/** What a party knows about its own corpus as a whole (document frequencies, mean length); never leaves the party. */
export interface CorpusStatistics {
  /** Passages added so far. */
  readonly passageCount: number;
  add(passage: string): void;
  toBytes(): Uint8Array;
}
