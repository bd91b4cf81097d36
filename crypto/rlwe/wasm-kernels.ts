import { type RingKernels, packedBytes } from "./kernels.ts";
import { ringKernelBase64 } from "./kernels/ring.generated.ts";
import { nttTables } from "./ntt-tables.ts";
import { RING_DEGREE } from "./parameters.ts";

interface RingExports {
  heapBase(): number;
  forwardNtt(poly: number, roots: number, rootsShoup: number): void;
  inverseNtt(poly: number, roots: number, rootsShoup: number, degreeInverse: number, degreeInverseShoup: number): void;
  multiplyAccumulate(block: number, query: number, chunks: number, out: number): void;
  packBits(values: number, stride: number, count: number, bits: number, out: number): void;
  unpackBits(bytes: number, count: number, bits: number, out: number): void;
}

const POLY_BYTES = RING_DEGREE * 4;
const PAGE_BYTES = 65_536;

const module = new WebAssembly.Module(Uint8Array.from(atob(ringKernelBase64), (char) => char.charCodeAt(0)));

/**
 * The WebAssembly kernels with a memory of their own that never grows, so views into it stay valid.
 *
 * Blocks made by {@link allocateBlock} live inside that memory and are scored where they lie; any other buffer is copied in first.
 */
export class WasmKernels implements RingKernels {
  readonly #exports: RingExports;
  readonly #memory: WebAssembly.Memory;
  readonly #chunks: number;
  readonly #freeBlocks: number[] = [];
  readonly #roots: number;
  readonly #poly: number;
  readonly #out: number;
  readonly #query: number;
  readonly #block: number;
  #queryHeld: Uint32Array | null = null;

  /**
   * @param chunks - m: the largest number of polynomials a block or query passed in will have.
   * @param blockCount - Blocks to reserve room for; chunks x 8 KiB each.
   */
  constructor({ chunks, blockCount = 0 }: { readonly chunks: number; readonly blockCount?: number }) {
    const blockBytes = chunks * POLY_BYTES;
    const fixedBytes = PAGE_BYTES + 4 * POLY_BYTES + 2 * POLY_BYTES + 2 * blockBytes;
    this.#memory = new WebAssembly.Memory({ initial: Math.ceil((fixedBytes + blockCount * blockBytes) / PAGE_BYTES) });
    const instance = new WebAssembly.Instance(module, { env: { memory: this.#memory } });
    this.#exports = instance.exports as unknown as RingExports;
    this.#chunks = chunks;
    this.#roots = this.#exports.heapBase();
    this.#poly = this.#roots + 4 * POLY_BYTES;
    this.#out = this.#poly + POLY_BYTES;
    this.#query = this.#out + POLY_BYTES;
    this.#block = this.#query + blockBytes;
    for (let i = blockCount; i >= 1; i--) this.#freeBlocks.push(this.#block + i * blockBytes);
    const { roots, rootsShoup, inverseRoots, inverseRootsShoup } = nttTables;
    [roots, rootsShoup, inverseRoots, inverseRootsShoup].forEach((table, i) =>
      this.#view(this.#roots + i * POLY_BYTES, RING_DEGREE).set(table),
    );
  }

  /** @returns Shape [N/8][chunks][8], zeroed, owned by the caller until {@link freeBlock}; null when the reserved room is used up. */
  allocateBlock(): Uint32Array | null {
    const pointer = this.#freeBlocks.pop();
    return pointer === undefined ? null : this.#view(pointer, this.#chunks * RING_DEGREE).fill(0);
  }

  /** Gives back what {@link allocateBlock} made, zeroed. */
  freeBlock(block: Uint32Array): void {
    if (block.buffer !== this.#memory.buffer) throw new TypeError("freeBlock: not a block of this memory");
    block.fill(0);
    this.#freeBlocks.push(block.byteOffset);
  }

  forwardNtt(poly: Uint32Array): void {
    this.#inPlace(poly, (pointer) => {
      this.#exports.forwardNtt(pointer, this.#roots, this.#roots + POLY_BYTES);
    });
  }

  inverseNtt(poly: Uint32Array): void {
    const { degreeInverse, degreeInverseShoup } = nttTables;
    this.#inPlace(poly, (pointer) => {
      this.#exports.inverseNtt(
        pointer,
        this.#roots + 2 * POLY_BYTES,
        this.#roots + 3 * POLY_BYTES,
        degreeInverse,
        degreeInverseShoup,
      );
    });
  }

  multiplyAccumulate(block: Uint32Array, query: Uint32Array, chunks: number): Uint32Array {
    if (block.length !== chunks * RING_DEGREE || query.length !== block.length || chunks > this.#chunks) {
      throw new TypeError("multiplyAccumulate: block and query must both have chunks x N residues");
    }
    if (query !== this.#queryHeld) this.#view(this.#query, query.length).set(query);
    this.#queryHeld = null;
    this.#exports.multiplyAccumulate(this.#pointerOf(block, this.#block), this.#query, chunks, this.#out);
    return this.#view(this.#out, RING_DEGREE).slice();
  }

  /**
   * multiplyAccumulate, inverseNtt and packBits of one block without leaving this memory. The same `query` array passed again in a row is
   * not copied again; the caller does not change it meanwhile.
   */
  scoreBlock(
    block: Uint32Array,
    query: Uint32Array,
    cut: { readonly offset: number; readonly stride: number; readonly count: number; readonly bits: number },
  ): Uint8Array {
    if (query !== this.#queryHeld) {
      this.#view(this.#query, query.length).set(query);
      this.#queryHeld = query;
    }
    const { degreeInverse, degreeInverseShoup } = nttTables;
    const chunks = query.length / RING_DEGREE;
    this.#exports.multiplyAccumulate(this.#pointerOf(block, this.#block), this.#query, chunks, this.#out);
    this.#exports.inverseNtt(
      this.#out,
      this.#roots + 2 * POLY_BYTES,
      this.#roots + 3 * POLY_BYTES,
      degreeInverse,
      degreeInverseShoup,
    );
    this.#exports.packBits(this.#out + 4 * cut.offset, cut.stride, cut.count, cut.bits, this.#poly);
    return new Uint8Array(this.#memory.buffer, this.#poly, packedBytes(cut.count, cut.bits)).slice();
  }

  packBits(values: Uint32Array, { stride, count, bits }: { stride: number; count: number; bits: number }): Uint8Array {
    const pieces = new Uint8Array(packedBytes(count, bits));
    const perPiece = Math.floor(RING_DEGREE / stride);
    for (let done = 0; done < count; done += perPiece) {
      const piece = Math.min(perPiece, count - done);
      this.#view(this.#poly, RING_DEGREE).set(
        values.subarray(done * stride, Math.min((done + piece) * stride, values.length)),
      );
      this.#exports.packBits(this.#poly, stride, piece, bits, this.#out);
      pieces.set(new Uint8Array(this.#memory.buffer, this.#out, packedBytes(piece, bits)), packedBytes(done, bits));
    }
    return pieces;
  }

  unpackBits(bytes: Uint8Array, { count, bits }: { count: number; bits: number }): Uint32Array {
    const values = new Uint32Array(count);
    for (let done = 0; done < count; done += RING_DEGREE) {
      const piece = Math.min(RING_DEGREE, count - done);
      const start = packedBytes(done, bits);
      new Uint8Array(this.#memory.buffer, this.#out, POLY_BYTES).set(
        bytes.subarray(start, start + packedBytes(piece, bits)),
      );
      this.#exports.unpackBits(this.#out, piece, bits, this.#poly);
      values.set(this.#view(this.#poly, piece), done);
    }
    return values;
  }

  #inPlace(poly: Uint32Array, run: (pointer: number) => void): void {
    const pointer = this.#pointerOf(poly, this.#poly);
    run(pointer);
    if (pointer === this.#poly) poly.set(this.#view(pointer, RING_DEGREE));
  }

  #pointerOf(values: Uint32Array, scratch: number): number {
    if (values.buffer === this.#memory.buffer) return values.byteOffset;
    this.#view(scratch, values.length).set(values);
    return scratch;
  }

  #view(pointer: number, length: number): Uint32Array {
    return new Uint32Array(this.#memory.buffer, pointer, length);
  }
}
