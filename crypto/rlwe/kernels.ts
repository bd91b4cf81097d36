import { MODULUS_BITS, RING_DEGREE } from "./parameters.ts";

/**
 * Arithmetic on ring elements: arrays of N residues below q. Two implementations, the WebAssembly SIMD module and its plain TypeScript twin,
 * agree bit for bit (tests/crypto/kernels.test.ts). Buffers are the caller's and are changed only where said.
 */
export interface RingKernels {
  /** Clears what earlier calls have left in scratch memory. */
  wipe(): void;
  /** Forward negacyclic NTT of `poly`, in place; natural order in, bit-reversed order out. */
  forwardNtt(poly: Uint32Array): void;
  /** Inverse of {@link forwardNtt}, in place. */
  inverseNtt(poly: Uint32Array): void;
  /** sum over j < chunks of block[j] query[j] mod q, pointwise; both interleaved [N/8][chunks][8]. Returns shape [N], owned by the caller. */
  multiplyAccumulate(block: Uint32Array, query: Uint32Array, chunks: number): Uint32Array;
  /**
   * Coefficients r c + c - 1 of the inverse transform of the pointwise product x y: what of a hint times a secret belongs to scores.
   * @param packed - x, shape [N] packed at 31 bits; the caller has checked its size.
   * @param chunk - c, the same in every call.
   * @returns Shape [N / c], owned by the caller; null when a residue of x is not below q.
   */
  scoreCoefficients(packed: Uint8Array, y: Uint32Array, chunk: number): Uint32Array | null;
  /** Keeps the `bits` high bits of each of `count` residues values[i * stride], packed least significant bit first. count bits is a multiple of 8, stride a power of two. */
  packBits(
    values: Uint32Array,
    options: { readonly stride: number; readonly count: number; readonly bits: number },
  ): Uint8Array;
  /** Inverse of {@link packBits} at stride 1, dropped bits zero. The caller has checked that bytes hold count * bits bits. */
  unpackBits(bytes: Uint8Array, options: { readonly count: number; readonly bits: number }): Uint32Array;
}

/** Position of residue `i` of chunk `j` in an interleaved buffer. */
export function interleavedIndex(i: number, j: number, chunks: number): number {
  return ((i >> 3) * chunks + j) * 8 + (i & 7);
}

/** Writes `poly` as chunk `j` of the interleaved buffer `into`. */
export function interleaveChunk(poly: Uint32Array, j: number, chunks: number, into: Uint32Array): void {
  for (let group = 0; group < RING_DEGREE; group += 8) {
    into.set(poly.subarray(group, group + 8), interleavedIndex(group, j, chunks));
  }
}

/** Bytes that `count` values of `bits` bits take when packed. */
export function packedBytes(count: number, bits: number = MODULUS_BITS): number {
  return Math.ceil((count * bits) / 8);
}
