import {
  type BlockDescription,
  LocalShard,
  type RingLayout,
  RlweIndex,
  isOccupied,
  scoreStandardDeviation,
} from "../../../crypto/index.ts";
import { RlweAsker } from "../../../crypto/secret/index.ts";
import { normalDraw } from "../../hashvfl/randomness.ts";
import { type Matrix, row } from "../../sealing/matrix.ts";

/** A party as its querier knows it: a question in, a score of every row out. */
export interface AskedParty {
  /** Standard deviation of a score around the inner product. */
  readonly scoreDeviation: number;
  /** @param question - Shape [dim], norm at most 1. @returns Shape [rows]. */
  ask(question: Float64Array): Promise<Float64Array>;
}

const PARTY = "owner";

/** Scores by the encryption that ships: blocks, hints, query keys, the cut to p bits. */
export class EncryptedParty implements AskedParty, AsyncDisposable {
  readonly scoreDeviation: number;
  readonly #layout: RingLayout;
  readonly #index: RlweIndex;
  readonly #asker: RlweAsker;
  readonly #rows: number;

  private constructor(layout: RingLayout, index: RlweIndex, rows: number) {
    this.scoreDeviation = scoreStandardDeviation(layout);
    this.#layout = layout;
    this.#index = index;
    this.#asker = new RlweAsker(layout, { poolSize: 0 });
    this.#rows = rows;
  }

  static async open(rows: Matrix, layout: RingLayout, hintKey: Uint8Array): Promise<EncryptedParty> {
    const index = new RlweIndex(layout, { openShard: () => new LocalShard(layout, hintKey) });
    for (let first = 0; first < rows.rows; first += layout.rowsPerBlock) {
      const count = Math.min(layout.rowsPerBlock, rows.rows - first);
      const held = Array.from({ length: count }, (_, slot) => ({ slot, vector: row(rows, first + slot) }));
      await index.stage(first / layout.rowsPerBlock, held);
    }
    index.commit();
    return new EncryptedParty(layout, index, rows.rows);
  }

  async ask(question: Float64Array): Promise<Float64Array> {
    const { query, secrets } = await this.#asker.ask(Float32Array.from(question, (x) => x * (1 - 1e-6)));
    try {
      const { blocks, scores } = await this.#index.answer(query);
      const read = new Float64Array(this.#rows);
      blocks.forEach(({ block }, i) => {
        const { rowsPerBlock, scoreBytesPerBlock: bytes } = this.#layout;
        const description: BlockDescription = this.#index.describe(block)!;
        secrets.read(PARTY, description, scores.subarray(i * bytes, (i + 1) * bytes)).forEach((score, slot) => {
          if (isOccupied(description.occupied, slot)) read[block * rowsPerBlock + slot] = score;
        });
      });
      return read;
    } finally {
      secrets[Symbol.dispose]();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#asker.close();
    await this.#index.close();
  }
}

/** Inner products with Gaussian errors of the size that the encryption and the cut give them; where keys for every question would take too long. */
export class ModelledParty implements AskedParty {
  readonly scoreDeviation: number;
  readonly #rows: readonly Float32Array[];
  readonly #random: () => number;

  constructor(rows: Matrix, layout: RingLayout, random: () => number) {
    this.scoreDeviation = scoreStandardDeviation(layout);
    this.#rows = Array.from({ length: rows.rows }, (_, i) => row(rows, i));
    this.#random = random;
  }

  ask(question: Float64Array): Promise<Float64Array> {
    const present = [...question.keys()].filter((j) => question[j] !== 0);
    const score = (vector: Float32Array): number => {
      let sum = this.scoreDeviation * normalDraw(this.#random);
      for (const j of present) sum += question[j]! * vector[j]!;
      return sum;
    };
    return Promise.resolve(Float64Array.from(this.#rows, score));
  }
}
