import { type BlockRow, occupancy } from "../scoring.ts";
import { hexOf } from "../hex.ts";
import { BLOCKS_PER_TILE, BlockArena } from "./block-arena.ts";
import { quantiseRows } from "./block-layout.ts";
import { hintError } from "./hint-error.ts";
import { interleaveChunk } from "./kernels.ts";
import { type RingLayout, RING_DEGREE } from "./parameters.ts";
import { deriveSeed, publicPolynomial, u32Bytes } from "./public-randomness.ts";
import type { ShardBlock } from "./shard.ts";
import type { SharedQuery } from "./shared-query.ts";

/** Memory is reserved, not yet taken, in pieces of about this size; a piece is one WebAssembly memory with its own copy of each query. */
const ARENA_BYTES = 512 * 1024 * 1024;
/** Work between two slices, in residues multiplied (about 5 ms). */
const SLICE_RESIDUES = 8 * 1024 * 1024;

interface HeldBlock {
  readonly arena: BlockArena;
  /** The arena's name for it. */
  readonly address: number;
}

/** A block on its way in; its description is the caller's afterwards, and not kept here. */
interface StagedBlock extends HeldBlock {
  readonly described: ShardBlock;
}

/** A block as it is kept between two runs of a process. */
export interface EncodedBlock extends ShardBlock {
  /** Shape [N/8][m][8], in the arena's form, little endian as in WebAssembly. */
  readonly residues: Uint8Array;
}

/** Blocks in the memory of one thread: what a {@link Shard} does, without its promises. */
export class BlockShard {
  readonly #layout: RingLayout;
  readonly #hintKey: Uint8Array;
  readonly #arenaBytes: number;
  readonly #publicRandomness: Uint32Array;
  /** The block being encoded, shape [rowsPerBlock][dim]: garbage of that size would cost more memory than the rows' own. */
  readonly #integers: Int16Array;
  readonly #arenas: BlockArena[] = [];
  readonly #staged = new Map<number, StagedBlock | null>();
  /** In order of block number; replaced, never changed. */
  #present: ReadonlyMap<number, HeldBlock> = new Map();
  /** Passes that still read blocks, and what to free once none does. */
  #passes = 0;
  #retired: HeldBlock[] = [];

  /**
   * @param hintKey - 32 secret bytes of the node: keys the hints' error and the versions.
   * @param arenaBytes - Of a piece of memory; less only where many shards are opened for little.
   */
  constructor(layout: RingLayout, hintKey: Uint8Array, arenaBytes = ARENA_BYTES) {
    this.#layout = layout;
    this.#arenaBytes = arenaBytes;
    this.#hintKey = hintKey;
    this.#integers = new Int16Array(layout.rowsPerBlock * layout.dim);
    this.#publicRandomness = new Uint32Array(layout.chunks * RING_DEGREE);
    for (let j = 0; j < layout.chunks; j++)
      interleaveChunk(publicPolynomial(layout.seed, j), j, layout.chunks, this.#publicRandomness);
  }

  /** @throws Fault ROW_INVALID. */
  stage(block: number, rows: readonly BlockRow[]): ShardBlock | null {
    quantiseRows(rows, this.#layout, this.#integers);
    return this.#stage(block, rows.length === 0 ? null : this.#encode(block, rows));
  }

  /** @param encoded - Of {@link encoded}, of the same layout and hint key; copied. */
  stageEncoded(block: number, { version, occupied, hint, residues }: EncodedBlock): ShardBlock | null {
    const { arena, address } = this.#allocate();
    arena.bytes(address).set(residues);
    return this.#stage(block, { described: { version, occupied, hint }, arena, address });
  }

  /** A staged block in the form that {@link stageEncoded} takes: `residues` is a view, valid until the next call of anything. */
  encoded(block: number): EncodedBlock | null {
    const staged = this.#staged.get(block);
    return staged ? { ...staged.described, residues: staged.arena.bytes(staged.address) } : null;
  }

  commit(): void {
    const present = new Map(this.#present);
    for (const [block, held] of this.#staged) {
      const old = present.get(block);
      if (old) this.#retired.push(old);
      if (held) present.set(block, { arena: held.arena, address: held.address });
      else present.delete(block);
    }
    this.#staged.clear();
    this.#present = new Map([...present].sort(([a], [b]) => a - b));
    this.#freeRetired();
  }

  discard(): void {
    for (const held of this.#staged.values()) if (held) this.#retired.push(held);
    this.#staged.clear();
    this.#freeRetired();
  }

  /** {@link Shard.score} in slices of a few milliseconds; leaves out queries once they are cancelled, and ends early when all are. */
  *score(queries: readonly SharedQuery[]): Generator<void, Uint8Array[]> {
    const { scoreBytesPerBlock } = this.#layout;
    const blocks = [...this.#present.values()];
    const scores = queries.map(() => new Uint8Array(blocks.length * scoreBytesPerBlock));
    const blocksPerSlice = Math.max(1, Math.floor(SLICE_RESIDUES / (queries.length * queries[0]!.residues.length)));
    let wanted = [...queries.entries()];
    this.#passes++;
    try {
      let sliceBlocks = 0;
      for (const { arena, first, addresses } of tiles(blocks, Math.min(BLOCKS_PER_TILE, blocksPerSlice))) {
        if (sliceBlocks > 0 && sliceBlocks + addresses.length > blocksPerSlice) {
          yield;
          sliceBlocks = 0;
        }
        wanted = wanted.filter(([, { cancelled }]) => !cancelled);
        if (wanted.length === 0) break;
        const packed = arena.score(
          addresses,
          wanted.map(([, { residues }]) => residues),
        );
        const bytes = addresses.length * scoreBytesPerBlock;
        for (const [at, [i]] of wanted.entries())
          scores[i]!.set(packed.subarray(at * bytes, (at + 1) * bytes), first * scoreBytesPerBlock);
        sliceBlocks += addresses.length;
      }
    } finally {
      this.#passes--;
      this.#freeRetired();
    }
    return scores;
  }

  #stage(block: number, staged: StagedBlock | null): ShardBlock | null {
    const before = this.#staged.get(block);
    if (before) this.#retired.push(before);
    this.#staged.set(block, staged);
    return staged && staged.described;
  }

  #encode(block: number, rows: readonly BlockRow[]): StagedBlock {
    const seed = this.#contentSeed();
    const occupied = occupancy(
      this.#layout.rowsPerBlock,
      rows.map(({ slot }) => slot),
    );
    // Two blocks of the same rows share a hint and its error, and are told apart by their versions.
    const version = hexOf(deriveSeed(seed, "sotto block version", u32Bytes(block), occupied).subarray(0, 16));
    const { arena, address } = this.#allocate();
    const hint = arena.write(address, this.#integers, hintError(deriveSeed(seed, "sotto hint error")));
    return { described: { version, occupied, hint }, arena, address };
  }

  /**
   * A PRF of the node's key, the public randomness and the block's content. Version and hint error follow from it: equal content gives the
   * same hint again (averaging gains nothing), different content an independent error (subtracting two hints does not cancel it).
   * Dimension, chunk and integers together determine the polynomials, and the polynomials them.
   */
  #contentSeed(): Uint8Array {
    const { dim, chunk, seed } = this.#layout;
    const content = new Uint8Array(this.#integers.buffer);
    return deriveSeed(this.#hintKey, "sotto block rows", seed, u32Bytes(dim), u32Bytes(chunk), content);
  }

  #allocate(): { arena: BlockArena; address: number } {
    for (const arena of this.#arenas) {
      const address = arena.allocate();
      if (address !== null) return { arena, address };
    }
    const { chunks } = this.#layout;
    const blockCount = Math.max(1, Math.floor(this.#arenaBytes / (chunks * RING_DEGREE * 4)));
    this.#arenas.push(new BlockArena(this.#layout, this.#publicRandomness, blockCount));
    return this.#allocate();
  }

  /** What a pass under way may still read is freed when the last one ends. */
  #freeRetired(): void {
    if (this.#passes > 0) return;
    for (const { arena, address } of this.#retired) arena.free(address);
    this.#retired = [];
  }
}

/** Consecutive blocks that lie in one arena, up to `count` at a time. */
function* tiles(
  blocks: readonly HeldBlock[],
  count: number,
): Generator<{ readonly arena: BlockArena; readonly first: number; readonly addresses: readonly number[] }> {
  for (let first = 0; first < blocks.length;) {
    const { arena } = blocks[first]!;
    const addresses: number[] = [];
    for (let at = first; addresses.length < count && blocks[at]?.arena === arena; at++)
      addresses.push(blocks[at]!.address);
    yield { arena, first, addresses };
    first += addresses.length;
  }
}
