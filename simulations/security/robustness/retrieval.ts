import type { Encoder } from "../../../party-node/encoders/index.ts";
import type { BeirDocument } from "../../beir.ts";
import { ndcgAtK } from "../../metrics.ts";
import { type Matrix, matrixOf, nearest } from "../../sealing/matrix.ts";
import type { Lab } from "../lab.ts";

/** Length of the rankings. */
export const K = 10;

/** Grades of documents by id. */
export type Grades = ReadonlyMap<string, number>;

/** A collection under one encoder, ranked as `private` ranks it, but for the rounding of scores. */
export class Retrieval {
  readonly #lab: Lab;
  readonly #encoder: Encoder;
  readonly #documents: readonly BeirDocument[];
  readonly #rows: Matrix;

  static async of(lab: Lab, encoder: Encoder, documents: readonly BeirDocument[]): Promise<Retrieval> {
    return new Retrieval(lab, encoder, documents, await lab.encode(encoder, documents));
  }

  private constructor(lab: Lab, encoder: Encoder, documents: readonly BeirDocument[], rows: Matrix) {
    this.#lab = lab;
    this.#encoder = encoder;
    this.#documents = documents;
    this.#rows = rows;
  }

  /** The first ten documents for every question; none where the encoder knows no word of it. */
  async rank(questions: readonly string[]): Promise<readonly (readonly string[])[]> {
    const vectors: Float32Array[] = [];
    for (const [i, question] of questions.entries()) {
      if (i % 32 === 0) await this.#lab.pause();
      vectors.push(await this.#encoder.encodeQuery(question));
    }
    const asked = matrixOf(vectors, this.#encoder.dim);
    const found = await nearest(this.#rows, asked, { count: K, by: "innerProduct", signal: this.#lab.signal });
    return found.rows.map((of, i) => (vectors[i]!.some((x) => x !== 0) ? of.map((at) => this.#documents[at]!.id) : []));
  }

  /** nDCG@10 of every question. */
  async quality(questions: readonly string[], grades: readonly Grades[]): Promise<readonly number[]> {
    return (await this.rank(questions)).map((ranking, i) => ndcgAtK(ranking, grades[i]!, K));
  }
}

/** What is lost of each question's figure. */
export function lost(before: readonly number[], after: readonly number[]): readonly number[] {
  return before.map((figure, i) => figure - after[i]!);
}

/** Each question's place taken by another one's. */
export function othersInPlace(questions: readonly string[]): string[] {
  const half = Math.max(1, Math.floor(questions.length / 2));
  return questions.map((_, i) => questions[(i + half) % questions.length]!);
}
