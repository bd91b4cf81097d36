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
import { blockPolynomials } from "./block-layout.ts";
import { hintError } from "./hint-error.ts";
import { interleaveChunk } from "./kernels.ts";
import { type RingLayout, MODULUS, MODULUS_BITS, RING_DEGREE } from "./parameters.ts";
import { deriveSeed, publicPolynomial } from "./public-randomness.ts";
import { WasmKernels } from "./wasm-kernels.ts";

/** Memory is reserved in pieces of about this size; a piece is one WebAssembly memory. */
const ARENA_BYTES = 64 * 1024 * 1024;
/** Work between two turns of the event loop, in residues multiplied (about 5 ms). */
const SLICE_RESIDUES = 8 * 1024 * 1024;

interface HeldBlock {
  readonly version: string;
  readonly occupied: Uint8Array;
  readonly hint: Uint8Array;
  readonly kernels: WasmKernels;
  /** Shape [N/8][m][8], NTT form, inside the kernels' memory. */
  readonly residues: Uint32Array;
}

/**
 * Encrypted scoring at the party (DESIGN.md section 4): holds blocks in NTT form and answers an encrypted query with the p high bits of the
 * coefficients that are scores, and nothing else.
 */
export class RlweIndex implements ScoringIndex {
  readonly rowsPerBlock: number;
  readonly queryBytes: number;
  readonly #layout: RingLayout;
  readonly #hintKey: Uint8Array;
  readonly #publicRandomness: Uint32Array;
  readonly #arenas: WasmKernels[] = [];
  readonly #blocks = new Map<number, HeldBlock>();
  /** Replaced while a query was running; freed when the last one ends. */
  #retired: HeldBlock[] = [];
  #queriesRunning = 0;

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
    const polynomials = blockPolynomials(rows, this.#layout);
    const old = this.#blocks.get(block);
    if (rows.length === 0) this.#blocks.delete(block);
    else this.#blocks.set(block, this.#hold(rows, polynomials));
    if (old) this.#retire(old);
  }

  describe(block: number): BlockDescription | null {
    const held = this.#blocks.get(block);
    return held ? { block, version: held.version, occupied: held.occupied, hint: held.hint } : null;
  }

  async answer(query: Uint8Array, signal?: AbortSignal): Promise<IndexAnswer> {
    const { chunk, scoreBits, scoreBytesPerBlock, rowsPerBlock } = this.#layout;
    const residues = this.#unpackQuery(query);
    const snapshot = [...this.#blocks].sort(([a], [b]) => a - b);
    const scores = new Uint8Array(snapshot.length * scoreBytesPerBlock);
    const blocksPerSlice = Math.max(1, Math.floor(SLICE_RESIDUES / residues.length));
    this.#queriesRunning++;
    try {
      for (const [i, [, held]] of snapshot.entries()) {
        if (i > 0 && i % blocksPerSlice === 0) await nextTurn();
        if (signal?.aborted) throw new Fault<ScoringFaultCode>("ABORTED", "the query was cancelled");
        scores.set(
          held.kernels.scoreBlock(held.residues, residues, {
            offset: chunk - 1,
            stride: chunk,
            count: rowsPerBlock,
            bits: scoreBits,
          }),
          i * scoreBytesPerBlock,
        );
      }
    } finally {
      this.#queriesRunning--;
      this.#freeRetired();
    }
    return { blocks: snapshot.map(([block, { version }]) => ({ block, version })), scores };
  }

  /** Residues of a packed query, interleaved; every one is checked to be below q. */
  #unpackQuery(query: Uint8Array): Uint32Array {
    const malformed = (what: string): Fault => new Fault("QUERY_MALFORMED", `the encrypted query ${what}`);
    if (query.length !== this.queryBytes)
      throw malformed(`has ${String(query.length)} bytes, expected ${String(this.queryBytes)}`);
    const residues = this.#anyKernels().unpackBits(query, {
      count: this.#layout.chunks * RING_DEGREE,
      bits: MODULUS_BITS,
    });
    if (!areResidues(residues)) throw malformed("holds a residue that is not below the modulus");
    return residues;
  }

  #hold(rows: readonly BlockRow[], polynomials: readonly Uint32Array[]): HeldBlock {
    const seed = this.#contentSeed(polynomials);
    const { kernels, residues } = this.#allocate();
    for (const [j, polynomial] of polynomials.entries()) {
      kernels.forwardNtt(polynomial);
      interleaveChunk(polynomial, j, this.#layout.chunks, residues);
    }
    const occupied = occupancy(
      this.rowsPerBlock,
      rows.map(({ slot }) => slot),
    );
    const version = sodium.to_hex(deriveSeed(seed, "sotto block version", occupied).subarray(0, 16));
    return { version, occupied, hint: this.#makeHint(kernels, residues, seed), kernels, residues };
  }

  /**
   * A PRF of the node's key, the public randomness and the block's content. Version and hint error follow from it: equal content gives the
   * same hint again (averaging gains nothing), different content an independent error (subtracting two hints does not cancel it).
   */
  #contentSeed(polynomials: readonly Uint32Array[]): Uint8Array {
    const content = polynomials.map((p) => new Uint8Array(p.buffer, p.byteOffset, p.byteLength));
    return deriveSeed(this.#hintKey, "sotto block content", this.#layout.seed, ...content);
  }

  /** h = sum_j P_j a_j + e in NTT form, packed (DESIGN.md 4.3). */
  #makeHint(kernels: WasmKernels, residues: Uint32Array, seed: Uint8Array): Uint8Array {
    const hint = kernels.multiplyAccumulate(residues, this.#publicRandomness, this.#layout.chunks);
    const error = hintError(deriveSeed(seed, "sotto hint error"));
    kernels.forwardNtt(error);
    for (let i = 0; i < RING_DEGREE; i++) hint[i] = ((hint[i] ?? 0) + (error[i] ?? 0)) % MODULUS;
    return kernels.packBits(hint, { stride: 1, count: RING_DEGREE, bits: MODULUS_BITS });
  }

  #allocate(): { kernels: WasmKernels; residues: Uint32Array } {
    for (const kernels of this.#arenas) {
      const residues = kernels.allocateBlock();
      if (residues) return { kernels, residues };
    }
    const { chunks } = this.#layout;
    // The first piece is small: most collections begin small.
    const bytes = this.#arenas.length === 0 ? ARENA_BYTES / 8 : ARENA_BYTES;
    this.#arenas.push(
      new WasmKernels({ chunks, blockCount: Math.max(1, Math.floor(bytes / (chunks * RING_DEGREE * 4))) }),
    );
    return this.#allocate();
  }

  #anyKernels(): WasmKernels {
    const first = this.#arenas[0];
    if (first) return first;
    const { kernels, residues } = this.#allocate();
    kernels.freeBlock(residues);
    return kernels;
  }

  #retire(held: HeldBlock): void {
    this.#retired.push(held);
    this.#freeRetired();
  }

  #freeRetired(): void {
    if (this.#queriesRunning > 0) return;
    for (const { kernels, residues } of this.#retired) kernels.freeBlock(residues);
    this.#retired = [];
  }
}

/** Whether every value is below q. */
export function areResidues(values: Uint32Array): boolean {
  return values.every((value) => value < MODULUS);
}
