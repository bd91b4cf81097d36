import { type RingKernels, packedBytes } from "./kernels.ts";
import { nttTables } from "./ntt-tables.ts";
import { MODULUS_BITS, RING_DEGREE } from "./parameters.ts";
import { type RingInstance, POLY_BYTES, instantiateRing } from "./ring-module.ts";
import { scoreWeights } from "./score-weights.ts";

/** The WebAssembly kernels on buffers of the caller's, which are copied in and out. */
export class WasmKernels implements RingKernels {
  readonly #ring: RingInstance;
  readonly #chunks: number;
  readonly #poly: number;
  readonly #out: number;
  readonly #query: number;
  readonly #block: number;
  readonly #weights: number;
  #weightsChunk = 0;

  /** @param chunks - m: the largest number of polynomials a block or query passed in will have. */
  constructor({ chunks }: { readonly chunks: number }) {
    this.#ring = instantiateRing((4 + 2 * chunks) * POLY_BYTES);
    this.#chunks = chunks;
    this.#poly = this.#ring.heap;
    this.#out = this.#poly + POLY_BYTES;
    this.#query = this.#out + POLY_BYTES;
    this.#block = this.#query + chunks * POLY_BYTES;
    this.#weights = this.#block + chunks * POLY_BYTES;
  }

  wipe(): void {
    this.#view(this.#poly, (2 + 2 * this.#chunks) * RING_DEGREE).fill(0);
  }

  forwardNtt(poly: Uint32Array): void {
    const { exports, tables } = this.#ring;
    this.#view(this.#poly, RING_DEGREE).set(poly);
    exports.forwardNtt(this.#poly, tables.roots, tables.rootsShoup);
    poly.set(this.#view(this.#poly, RING_DEGREE));
  }

  inverseNtt(poly: Uint32Array): void {
    const { exports, tables } = this.#ring;
    const { degreeInverse, degreeInverseShoup } = nttTables;
    this.#view(this.#poly, RING_DEGREE).set(poly);
    exports.inverseNtt(this.#poly, tables.inverseRoots, tables.inverseRootsShoup, degreeInverse, degreeInverseShoup);
    poly.set(this.#view(this.#poly, RING_DEGREE));
  }

  multiplyAccumulate(block: Uint32Array, query: Uint32Array, chunks: number): Uint32Array {
    if (block.length !== chunks * RING_DEGREE || query.length !== block.length || chunks > this.#chunks) {
      throw new TypeError("multiplyAccumulate: block and query must both have chunks x N residues");
    }
    this.#view(this.#query, query.length).set(query);
    this.#view(this.#block, block.length).set(block);
    this.#ring.exports.multiplyAccumulate(this.#block, this.#query, chunks, this.#out);
    return this.#view(this.#out, RING_DEGREE).slice();
  }

  scoreCoefficients(packed: Uint8Array, y: Uint32Array, chunk: number): Uint32Array | null {
    const { exports, memory, tables } = this.#ring;
    const weights = this.#weightsOf(chunk);
    new Uint8Array(memory.buffer, this.#out, POLY_BYTES).set(packed);
    exports.unpackBits(this.#out, RING_DEGREE, MODULUS_BITS, this.#poly);
    if (!exports.areResidues(this.#poly, RING_DEGREE)) return null;
    this.#view(this.#query, RING_DEGREE).set(y);
    exports.weighedSums(this.#poly, this.#query, weights, weights + POLY_BYTES, chunk, this.#out);
    exports.inverseLayers(this.#out, RING_DEGREE / chunk, tables.inverseRoots, tables.inverseRootsShoup);
    return this.#view(this.#out, RING_DEGREE / chunk).slice();
  }

  packBits(values: Uint32Array, { stride, count, bits }: { stride: number; count: number; bits: number }): Uint8Array {
    const pieces = new Uint8Array(packedBytes(count, bits));
    const perPiece = Math.floor(RING_DEGREE / stride);
    for (let done = 0; done < count; done += perPiece) {
      const piece = Math.min(perPiece, count - done);
      this.#view(this.#poly, RING_DEGREE).set(
        values.subarray(done * stride, Math.min((done + piece) * stride, values.length)),
      );
      this.#ring.exports.packBits(this.#poly, stride, piece, bits, this.#out);
      pieces.set(
        new Uint8Array(this.#ring.memory.buffer, this.#out, packedBytes(piece, bits)),
        packedBytes(done, bits),
      );
    }
    return pieces;
  }

  unpackBits(bytes: Uint8Array, { count, bits }: { count: number; bits: number }): Uint32Array {
    const values = new Uint32Array(count);
    for (let done = 0; done < count; done += RING_DEGREE) {
      const piece = Math.min(RING_DEGREE, count - done);
      const start = packedBytes(done, bits);
      new Uint8Array(this.#ring.memory.buffer, this.#out, POLY_BYTES).set(
        bytes.subarray(start, start + packedBytes(piece, bits)),
      );
      this.#ring.exports.unpackBits(this.#out, piece, bits, this.#poly);
      values.set(this.#view(this.#poly, piece), done);
    }
    return values;
  }

  /** Where the weights of this chunk are, and behind them their Shoup companions. */
  #weightsOf(chunk: number): number {
    if (this.#weightsChunk !== chunk) {
      const { weights, weightsShoup } = scoreWeights(chunk);
      this.#view(this.#weights, RING_DEGREE).set(weights);
      this.#view(this.#weights + POLY_BYTES, RING_DEGREE).set(weightsShoup);
      this.#weightsChunk = chunk;
    }
    return this.#weights;
  }

  #view(pointer: number, length: number): Uint32Array {
    return new Uint32Array(this.#ring.memory.buffer, pointer, length);
  }
}
