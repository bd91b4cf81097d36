import { type RingLayout, MODULUS_BITS, RING_DEGREE } from "./parameters.ts";
import { type RingInstance, POLY_BYTES, instantiateRing } from "./ring-module.ts";
import { scoreWeights } from "./score-weights.ts";

/** Queries that one pass over the blocks serves. */
export const QUERIES_PER_PASS = 8;
/** Blocks scored together: queries meet them in twos or threes, and a slice of them all fits the first cache. */
export const BLOCKS_PER_TILE = 12;

/**
 * Blocks in a WebAssembly memory of their own, scored where they lie.
 *
 * A score is coefficient rc + c - 1 of the inverse transform of sum_j P_j Q_j. The first log2(c) layers of that transform weigh and add c
 * neighbouring residues, nothing else (score-weights.ts), so the weights are multiplied into the query once, and a block needs N / c inner
 * products of m c residues and an inverse transform of N / c of them. The result is the same to the bit.
 *
 * A block is [N/8][m][8] residues in NTT form as signed 16-bit halves; a query in the same order as three limbs a residue (kernels/score.as.ts).
 */
export class BlockArena {
  readonly #ring: RingInstance;
  readonly #layout: RingLayout;
  /** Blocks that were given back. */
  readonly #free: number[] = [];
  /** The first block that has never been given out, and where they end. */
  #unused: number;
  readonly #end: number;
  readonly #weights: number;
  readonly #poly: number;
  readonly #table: number;
  readonly #sums: number;
  readonly #packed: number;
  readonly #staging: number;
  readonly #publicRandomness: number;
  readonly #queries: number;
  readonly #held: (Uint32Array | null)[] = new Array<null>(QUERIES_PER_PASS).fill(null);

  /**
   * @param publicRandomness - a_j of every chunk, interleaved [N/8][m][8], NTT form; copied.
   * @param blockCount - Blocks to reserve room for, m x 8 KiB each. Room that is not used takes no memory.
   */
  constructor(layout: RingLayout, publicRandomness: Uint32Array, blockCount: number) {
    const { chunk, chunks, rowsPerBlock } = layout;
    this.#layout = layout;
    const blockBytes = chunks * POLY_BYTES;
    const sumsBytes = QUERIES_PER_PASS * BLOCKS_PER_TILE * rowsPerBlock * 4;
    const parts = [2, 1, 1].map((polynomials) => polynomials * POLY_BYTES);
    const sizes = [...parts, sumsBytes, sumsBytes, blockBytes, blockBytes, QUERIES_PER_PASS * 3 * blockBytes];
    const fixedBytes = sizes.reduce((sum, size) => sum + size, 0);
    this.#ring = instantiateRing(fixedBytes + blockCount * blockBytes);
    let next = this.#ring.heap;
    const starts = sizes.map((size) => (next += size) - size) as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    [
      this.#weights,
      this.#poly,
      this.#table,
      this.#sums,
      this.#packed,
      this.#staging,
      this.#publicRandomness,
      this.#queries,
    ] = starts;
    this.#unused = next;
    this.#end = next + blockCount * blockBytes;
    const { weights, weightsShoup } = scoreWeights(chunk);
    this.#view(this.#weights, RING_DEGREE).set(weights);
    this.#view(this.#weights + POLY_BYTES, RING_DEGREE).set(weightsShoup);
    this.#view(this.#publicRandomness, chunks * RING_DEGREE).set(publicRandomness);
  }

  /** @returns A block for {@link write}, the caller's until {@link free}; null when the reserved room is used up. */
  allocate(): number | null {
    const again = this.#free.pop();
    if (again !== undefined) return again;
    if (this.#unused >= this.#end) return null;
    const fresh = this.#unused;
    this.#unused += this.#layout.chunks * POLY_BYTES;
    return fresh;
  }

  /** Gives back what {@link allocate} made, zeroed. */
  free(block: number): void {
    this.#block(block).fill(0);
    this.#free.push(block);
  }

  /**
   * Makes the block of these rows and its hint sum_j P_j a_j + e (DESIGN.md 4.3).
   *
   * @param rows - Quantised entries, [rowsPerBlock][dim], by slot; empty slots zero.
   * @param error - e, shape [N], coefficient form.
   * @returns The packed hint, hintBytes bytes, owned by the caller.
   */
  write(block: number, rows: Int16Array, error: Uint32Array): Uint8Array {
    const { chunk, chunks, dim, rowsPerBlock, hintBytes } = this.#layout;
    const { exports, memory, tables } = this.#ring;
    new Int16Array(memory.buffer, this.#staging, rowsPerBlock * dim).set(rows);
    for (let j = 0; j < chunks; j++) {
      exports.layChunk(this.#staging, rowsPerBlock, dim, j, chunk, this.#poly);
      exports.forwardNtt(this.#poly, tables.roots, tables.rootsShoup);
      exports.interleave(this.#poly, j, chunks, block);
    }
    exports.multiplyAccumulate(block, this.#publicRandomness, chunks, this.#staging);
    this.#view(this.#poly, RING_DEGREE).set(error);
    exports.forwardNtt(this.#poly, tables.roots, tables.rootsShoup);
    exports.addResidues(this.#staging, this.#poly, RING_DEGREE, this.#staging);
    exports.splitResidues(block, chunks * RING_DEGREE);
    exports.packBits(this.#staging, 1, RING_DEGREE, MODULUS_BITS, this.#poly);
    return new Uint8Array(memory.buffer, this.#poly, hintBytes).slice();
  }

  /** Makes the block of these residues, [N/8][m][8] in NTT form. */
  load(block: number, residues: Uint32Array): void {
    this.#block(block).set(residues);
    this.#ring.exports.splitResidues(block, residues.length);
  }

  /**
   * @param blocks - 1 to BLOCKS_PER_TILE of this arena's blocks.
   * @param queries - 1 to QUERIES_PER_PASS queries, interleaved residues. An array passed again in the same place is taken as unchanged.
   * @returns Packed scores [query][block][scoreBytesPerBlock]: a view that the next call overwrites.
   */
  score(blocks: readonly number[], queries: readonly Uint32Array[]): Uint8Array {
    const { chunk, chunks, rowsPerBlock, scoreBits, scoreBytesPerBlock } = this.#layout;
    if (blocks.length > BLOCKS_PER_TILE || queries.length > QUERIES_PER_PASS)
      throw new TypeError("score: too many blocks or queries at once");
    const { exports, memory, tables } = this.#ring;
    for (const [i, query] of queries.entries()) this.#prepare(i, query);
    this.#view(this.#table, blocks.length).set(blocks);
    const count = blocks.length * queries.length;
    const steps = (chunk * chunks) / 4;
    exports.accumulate(
      this.#table,
      blocks.length,
      this.#queries,
      3 * chunks * POLY_BYTES,
      queries.length,
      rowsPerBlock,
      steps,
      this.#sums,
    );
    exports.finishScores(
      this.#sums,
      count,
      rowsPerBlock,
      tables.inverseRoots,
      tables.inverseRootsShoup,
      scoreBits,
      this.#packed,
    );
    return new Uint8Array(memory.buffer, this.#packed, count * scoreBytesPerBlock);
  }

  #prepare(place: number, query: Uint32Array): void {
    if (this.#held[place] === query) return;
    const { chunks } = this.#layout;
    if (query.length !== chunks * RING_DEGREE) throw new TypeError("score: a query must have chunks x N residues");
    this.#view(this.#staging, query.length).set(query);
    this.#ring.exports.prepareQuery(
      this.#staging,
      chunks,
      this.#weights,
      this.#weights + POLY_BYTES,
      this.#queries + place * 3 * chunks * POLY_BYTES,
    );
    this.#held[place] = query;
  }

  /** A block as it is held: a view, m x 8 KiB, to be kept in a file and put back by another process. */
  bytes(block: number): Uint8Array {
    return new Uint8Array(this.#ring.memory.buffer, block, this.#layout.chunks * POLY_BYTES);
  }

  #block(block: number): Uint32Array {
    return this.#view(block, this.#layout.chunks * RING_DEGREE);
  }

  #view(pointer: number, length: number): Uint32Array {
    return new Uint32Array(this.#ring.memory.buffer, pointer, length);
  }
}
