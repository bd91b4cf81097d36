import type { Encoder } from "../party-node/encoders/index.ts";
import type { Passage } from "../party-node/documents/index.ts";
import type { DocumentRecord } from "../party-node/store/index.ts";
import { precomputedEncoder } from "./precomputed-encoder.ts";
import { unitVectors } from "./vectors.ts";

const CLUSTER_ROWS = 100;
const [CENTRE_SEED, ROW_SEED, QUESTION_SEED] = [101, 102, 0x20000000];
/** How far rows lie from their centre, in units of its norm; evenly spread, so that scores fall steadily with rank. */
const [NEAR, FAR] = [0.5, 2];
const GOLDEN = 0.6180339887498949;
const PASSAGES_PER_DOCUMENT = 20;
const TEXT_CHARACTERS = 1000;
const FILLER = "what a passage says is of no account here, only how long it is; ".repeat(
  Math.ceil(TEXT_CHARACTERS / 64),
);

/** Repeatable unit vectors that have neighbours, with passages of about a kilobyte, and questions that lie among them. */
export class ClusteredRows {
  readonly count: number;
  readonly dim: number;
  /** Shape [count][dim]. */
  readonly vectors: Float32Array;
  readonly #centres: Float32Array;

  constructor(count: number, dim: number) {
    this.count = count;
    this.dim = dim;
    this.#centres = unitVectors(Math.ceil(count / CLUSTER_ROWS), dim, CENTRE_SEED);
    this.vectors = unitVectors(count, dim, ROW_SEED);
    for (let row = 0; row < count; row++) this.#pull(this.vector(row), row, NEAR + (FAR - NEAR) * ((row * GOLDEN) % 1));
  }

  /** Shape [dim], a view. */
  vector(row: number): Float32Array {
    return this.vectors.subarray(row * this.dim, (row + 1) * this.dim);
  }

  /** Shape [dim], unit norm. */
  question(number: number): Float32Array {
    const vector = unitVectors(1, this.dim, QUESTION_SEED + number);
    this.#pull(vector, number, NEAR);
    return vector;
  }

  /** Takes the question "17" for question 17. */
  encoder(): Encoder {
    const encodeQuery = (question: string): Promise<Float32Array> => Promise.resolve(this.question(Number(question)));
    return { ...precomputedEncoder(this.dim), encodeQuery };
  }

  passage(row: number): Passage {
    const documentId = `document-${Math.floor(row / PASSAGES_PER_DOCUMENT)}`;
    const text = `passage ${row}: ${FILLER}`.slice(0, TEXT_CHARACTERS);
    return { documentId, title: "", text, ordinal: row % PASSAGES_PER_DOCUMENT };
  }

  /** Whole documents of rows first to end - 1. */
  documents(first: number, end: number): DocumentRecord[] {
    const starts = Array.from(
      { length: Math.ceil((end - first) / PASSAGES_PER_DOCUMENT) },
      (_, i) => first + i * PASSAGES_PER_DOCUMENT,
    );
    return starts.map((start) => {
      const rows = Array.from({ length: Math.min(PASSAGES_PER_DOCUMENT, end - start) }, (_, i) => start + i);
      const passages = rows.map((row) => this.passage(row));
      const { documentId } = passages[0]!;
      const vectors = rows.map((row) => this.vector(row));
      return { documentKey: documentId, contentHash: documentId, passages, vectors };
    });
  }

  /** Inner products of a question with all rows. */
  scores(question: Float32Array): Float32Array {
    const { dim, vectors } = this;
    return Float32Array.from({ length: this.count }, (_, row) => {
      let sum = 0;
      for (let i = 0, at = row * dim; i < dim; i++, at++) sum += question[i]! * vectors[at]!;
      return sum;
    });
  }

  /** The true best k passages of a question, see {@link passageName}. */
  best(question: Float32Array, k: number): string[] {
    const scores = this.scores(question);
    const threshold = scores.toSorted().at(-k) ?? -Infinity;
    const rows = [...scores.keys()].filter((row) => scores[row]! >= threshold);
    return rows
      .sort((a, b) => scores[b]! - scores[a]!)
      .slice(0, k)
      .map((row) => passageName(this.passage(row)));
  }

  /** Turns a unit vector into the unit vector at this multiple of it from the centre of a cluster. */
  #pull(vector: Float32Array, cluster: number, distance: number): void {
    const start = (cluster * this.dim) % this.#centres.length;
    let squares = 0;
    for (let i = 0; i < this.dim; i++) {
      vector[i] = this.#centres[start + i]! + distance * vector[i]!;
      squares += vector[i]! * vector[i]!;
    }
    // A hair below 1, so that rounding to float32 leaves no norm above it.
    const scale = (1 - 1e-6) / Math.sqrt(squares);
    for (let i = 0; i < this.dim; i++) vector[i]! *= scale;
  }
}

export function passageName({ documentId, ordinal }: Pick<Passage, "documentId" | "ordinal">): string {
  return `${documentId}/${ordinal}`;
}
