import { type BlockRow, LocalShard, MODULUS, type RingLayout, RlweIndex } from "../../../crypto/index.ts";
import { norm } from "../../sealing/matrix.ts";
import { type PublicRing, centredDifference } from "./ring.ts";

/** Parties in the attacker's hand: a real index over rows made for two questions, and statistics of what it computes from a ciphertext. */
export class ChosenRows {
  readonly #ring: PublicRing;
  readonly #index: RlweIndex;
  /** Scores of both questions without a mask, as they are cut. */
  #expected: readonly [Uint32Array, Uint32Array] = [new Uint32Array(0), new Uint32Array(0)];
  #rowCount = 0;

  constructor(ring: PublicRing, hintKey: Uint8Array) {
    this.#ring = ring;
    this.#index = new RlweIndex(ring.layout, { openShard: () => new LocalShard(ring.layout, hintKey) });
  }

  /** Rows: both questions, their difference, and single coordinates as far as a block goes. */
  async open(first: Float32Array, second: Float32Array): Promise<void> {
    const rows = chosenRows(first, second, this.#ring.layout);
    this.#rowCount = rows.length;
    await this.#index.stage(0, rows);
    this.#index.commit();
    const expected = async (question: Float32Array): Promise<Uint32Array> =>
      this.#scores(this.#ring.pack(this.#ring.question(question).map((chunk) => this.#ring.nttForm(chunk))));
    this.#expected = [await expected(first), await expected(second)];
  }

  /** How much nearer the answer is to the second question's than to the first's: by row for the first three, and over all coordinates. */
  async statistics(query: Uint8Array): Promise<number[]> {
    const scores = await this.#scores(query);
    const [first, second] = this.#expected.map((expected) => rowStatistics(scores, expected, this.#rowCount));
    return second!.map((value, i) => value - first![i]!);
  }

  close(): Promise<void> {
    return this.#index.close();
  }

  async #scores(query: Uint8Array): Promise<Uint32Array> {
    const { rowsPerBlock, scoreBits } = this.#ring.layout;
    const { scores } = await this.#index.answer(query);
    return this.#ring.kernels.unpackBits(scores, { count: rowsPerBlock, bits: scoreBits });
  }
}

const WHOLE_ROWS = 3;

function chosenRows(first: Float32Array, second: Float32Array, { dim, rowsPerBlock, normMax }: RingLayout): BlockRow[] {
  const whole = [first, second, second.map((x, i) => x - first[i]!)];
  const single = Array.from({ length: Math.min(dim, rowsPerBlock - WHOLE_ROWS) }, (_, i) =>
    new Float32Array(dim).with(i, 1),
  );
  return [...whole, ...single].map((vector, slot) => {
    const scale = normMax / (norm(vector) || 1);
    return { slot, vector: vector.map((x) => x * scale) };
  });
}

function rowStatistics(scores: Uint32Array, expected: Uint32Array, rowCount: number): number[] {
  const sizes = new Array<number>(2 * (WHOLE_ROWS + 1)).fill(0);
  for (let row = 0; row < rowCount; row++) {
    const rest = centredDifference(scores[row]!, expected[row]!) / MODULUS;
    const at = 2 * Math.min(row, WHOLE_ROWS);
    sizes[at]! += Math.abs(rest);
    sizes[at + 1]! += Math.cos(2 * Math.PI * rest);
  }
  return sizes;
}
