import { setImmediate as nextTurn } from "node:timers/promises";
import { Fault } from "../fault.ts";
import {
  type BlockDescription,
  type BlockRow,
  type IndexAnswer,
  type ScoringFaultCode,
  type ScoringIndex,
  occupancy,
} from "../scoring.ts";
import { sodium } from "../sodium.ts";
import { BLOCKS_PER_TILE, BlockArena, QUERIES_PER_PASS } from "./block-arena.ts";
import { quantiseRows } from "./block-layout.ts";
import { hintError } from "./hint-error.ts";
import { interleaveChunk } from "./kernels.ts";
import { type RingLayout, MODULUS, MODULUS_BITS, RING_DEGREE } from "./parameters.ts";
import { deriveSeed, publicPolynomial, u32Bytes } from "./public-randomness.ts";
import { WasmKernels } from "./wasm-kernels.ts";

/** Memory is reserved, not yet taken, in pieces of about this size; a piece is one WebAssembly memory with its own copy of each query. */
const ARENA_BYTES = 256 * 1024 * 1024;
/** Work between two turns of the event loop, in residues multiplied (about 5 ms). */
const SLICE_RESIDUES = 8 * 1024 * 1024;

interface HeldBlock {
  readonly version: string;
  readonly occupied: Uint8Array;
  readonly hint: Uint8Array;
  readonly arena: BlockArena;
  /** The arena's name for it. */
  readonly address: number;
}

/** A query waiting for the next pass over the blocks. */
interface Waiting {
  /** Interleaved [N/8][m][8], NTT form. */
  readonly residues: Uint32Array;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (answer: IndexAnswer) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Encrypted scoring at the party (DESIGN.md section 4): holds blocks in NTT form and answers an encrypted query with the p high bits of the
 * coefficients that are scores, and nothing else. Queries that arrive during a pass over the blocks share the next one, up to eight.
 */
export class RlweIndex implements ScoringIndex {
  readonly rowsPerBlock: number;
  readonly queryBytes: number;
  readonly #layout: RingLayout;
  readonly #hintKey: Uint8Array;
  readonly #publicRandomness: Uint32Array;
  readonly #kernels = new WasmKernels({ chunks: 1 });
  readonly #arenas: BlockArena[] = [];
  readonly #blocks = new Map<number, HeldBlock>();
  /** Replaced during a pass; freed when it ends. */
  #retired: HeldBlock[] = [];
  #waiting: Waiting[] = [];
  #passing = false;

  /** @param hintKey - 32 secret bytes of the node: keys the hints' error and the versions. */
  constructor(layout: RingLayout, hintKey: Uint8Array) {
    this.rowsPerBlock = layout.rowsPerBlock;
    this.queryBytes = layout.queryBytes;
    this.#layout = layout;
    this.#hintKey = hintKey;
    this.#publicRandomness = new Uint32Array(layout.chunks * RING_DEGREE);
    for (let j = 0; j < layout.chunks; j++)
      interleaveChunk(publicPolynomial(layout.seed, j), j, layout.chunks, this.#publicRandomness);
  }

  setBlock(block: number, rows: readonly BlockRow[]): void {
    const integers = quantiseRows(rows, this.#layout);
    const old = this.#blocks.get(block);
    if (rows.length === 0) this.#blocks.delete(block);
    else this.#blocks.set(block, this.#hold(block, rows, integers));
    if (old) this.#retire(old);
  }

  describe(block: number): BlockDescription | null {
    const held = this.#blocks.get(block);
    return held ? { block, version: held.version, occupied: held.occupied, hint: held.hint } : null;
  }

  async answer(query: Uint8Array, signal?: AbortSignal): Promise<IndexAnswer> {
    const [answer] = await this.answerAll([query], signal);
    return answer!;
  }

  /**
   * {@link answer} for several queries in as few passes over the blocks as can be, eight a pass.
   * @throws Fault QUERY_MALFORMED if one of them is; none is answered then.
   */
  async answerAll(queries: readonly Uint8Array[], signal?: AbortSignal): Promise<IndexAnswer[]> {
    const unpacked = queries.map((query) => this.#unpackQuery(query));
    const answers = unpacked.map(
      (residues) =>
        new Promise<IndexAnswer>((resolve, reject) => this.#waiting.push({ residues, signal, resolve, reject })),
    );
    void this.#drain();
    return await Promise.all(answers);
  }

  async #drain(): Promise<void> {
    if (this.#passing) return;
    this.#passing = true;
    while (this.#waiting.length > 0) {
      const queries = this.#waiting.splice(0, QUERIES_PER_PASS);
      try {
        await this.#pass(queries);
      } catch (error) {
        for (const { reject } of queries) reject(error);
      }
      this.#freeRetired();
    }
    this.#passing = false;
    this.#freeRetired();
  }

  /** Answers these queries on the blocks as they are now. */
  async #pass(queries: readonly Waiting[]): Promise<void> {
    const { scoreBytesPerBlock } = this.#layout;
    const snapshot = [...this.#blocks].sort(([a], [b]) => a - b);
    const blocks = snapshot.map(([block, { version }]) => ({ block, version }));
    const scores = queries.map(() => new Uint8Array(snapshot.length * scoreBytesPerBlock));
    const residues = queries.map((query) => query.residues);
    const blocksPerSlice = Math.max(1, Math.floor(SLICE_RESIDUES / (queries.length * residues[0]!.length)));
    let sliceBlocks = 0;
    for (const { arena, first, addresses } of tiles(
      snapshot.map(([, held]) => held),
      Math.min(BLOCKS_PER_TILE, blocksPerSlice),
    )) {
      if (sliceBlocks > 0 && sliceBlocks + addresses.length > blocksPerSlice) {
        await nextTurn();
        sliceBlocks = 0;
      }
      if (queries.every(({ signal }) => signal?.aborted)) break;
      const packed = arena.score(addresses, residues);
      const bytes = addresses.length * scoreBytesPerBlock;
      for (const [i, of] of scores.entries())
        of.set(packed.subarray(i * bytes, (i + 1) * bytes), first * scoreBytesPerBlock);
      sliceBlocks += addresses.length;
    }
    for (const [i, { signal, resolve, reject }] of queries.entries()) {
      if (signal?.aborted) reject(new Fault<ScoringFaultCode>("ABORTED", "the query was cancelled"));
      else resolve({ blocks, scores: scores[i]! });
    }
  }

  /** Residues of a packed query, interleaved; every one is checked to be below q. */
  #unpackQuery(query: Uint8Array): Uint32Array {
    const malformed = (what: string): Fault => new Fault("QUERY_MALFORMED", `the encrypted query ${what}`);
    if (query.length !== this.queryBytes)
      throw malformed(`has ${String(query.length)} bytes, expected ${String(this.queryBytes)}`);
    const residues = this.#kernels.unpackBits(query, {
      count: this.#layout.chunks * RING_DEGREE,
      bits: MODULUS_BITS,
    });
    if (!areResidues(residues)) throw malformed("holds a residue that is not below the modulus");
    return residues;
  }

  #hold(block: number, rows: readonly BlockRow[], integers: Int16Array): HeldBlock {
    const seed = this.#contentSeed(integers);
    const occupied = occupancy(
      this.rowsPerBlock,
      rows.map(({ slot }) => slot),
    );
    // Two blocks of the same rows share a hint and its error, and are told apart by their versions.
    const version = sodium.to_hex(deriveSeed(seed, "sotto block version", u32Bytes(block), occupied).subarray(0, 16));
    const { arena, address } = this.#allocate();
    const hint = arena.write(address, integers, hintError(deriveSeed(seed, "sotto hint error")));
    return { version, occupied, hint, arena, address };
  }

  /**
   * A PRF of the node's key, the public randomness and the block's content. Version and hint error follow from it: equal content gives the
   * same hint again (averaging gains nothing), different content an independent error (subtracting two hints does not cancel it).
   * Dimension, chunk and integers together determine the polynomials, and the polynomials them.
   */
  #contentSeed(integers: Int16Array): Uint8Array {
    const { dim, chunk, seed } = this.#layout;
    const content = new Uint8Array(integers.buffer, integers.byteOffset, integers.byteLength);
    return deriveSeed(this.#hintKey, "sotto block rows", seed, u32Bytes(dim), u32Bytes(chunk), content);
  }

  #allocate(): { arena: BlockArena; address: number } {
    for (const arena of this.#arenas) {
      const address = arena.allocate();
      if (address !== null) return { arena, address };
    }
    const { chunks } = this.#layout;
    const blockCount = Math.max(1, Math.floor(ARENA_BYTES / (chunks * RING_DEGREE * 4)));
    this.#arenas.push(new BlockArena(this.#layout, this.#publicRandomness, blockCount));
    return this.#allocate();
  }

  #retire(held: HeldBlock): void {
    this.#retired.push(held);
    if (!this.#passing) this.#freeRetired();
  }

  #freeRetired(): void {
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

/** Whether every value is below q. */
export function areResidues(values: Uint32Array): boolean {
  let largest = 0;
  for (let i = 0; i < values.length; i++) if (values[i]! > largest) largest = values[i]!;
  return largest < MODULUS;
}
