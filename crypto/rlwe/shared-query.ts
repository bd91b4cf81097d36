import { RING_DEGREE } from "./parameters.ts";

/**
 * A checked query in memory that threads share: it is written once, and every shard reads the same bytes. The last word says whether anybody still
 * waits for the answer.
 */
export class SharedQuery {
  /** What a thread needs to make its own {@link SharedQuery} of the same bytes. */
  readonly memory: SharedArrayBuffer;
  /** Interleaved [N/8][m][8], NTT form; not modified. */
  readonly residues: Uint32Array;
  readonly #cancelled: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    const wordCount = memory.byteLength / 4 - 1;
    this.memory = memory;
    this.residues = new Uint32Array(memory, 0, wordCount);
    this.#cancelled = new Int32Array(memory, 4 * wordCount, 1);
  }

  /** @param residues - Shape [m N], copied. */
  static of(residues: Uint32Array): SharedQuery {
    if (residues.length % RING_DEGREE !== 0) throw new TypeError("a query has a multiple of N residues");
    const query = new SharedQuery(new SharedArrayBuffer(4 * (residues.length + 1)));
    query.residues.set(residues);
    return query;
  }

  get cancelled(): boolean {
    return Atomics.load(this.#cancelled, 0) !== 0;
  }

  cancel(): void {
    Atomics.store(this.#cancelled, 0, 1);
  }
}
