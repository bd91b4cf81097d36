import { sodium } from "../sodium.ts";
import { MODULUS } from "./parameters.ts";
import { deriveSeed, u32Bytes } from "./public-randomness.ts";

/**
 * Inner products with secret vectors that a share carries behind its scores. Whoever does not know the vectors changes a sum unnoticed with probability
 * q^-2, 2^-62.
 */
export const SHARE_CHECKS = 2;
/** Words drawn at once; a spare hundredth would be plenty. */
const SEGMENT_WORDS = 8192;

/**
 * Residues that are uniform below q: 31-bit words of ChaCha20 streams under seeds derived from `seed` and a counter, those not below q rejected.
 *
 * @param seed - 32 bytes, for this purpose alone.
 * @returns Shape [count], owned by the caller.
 */
export function uniformResidues(seed: Uint8Array, count: number): Uint32Array {
  const out = new Uint32Array(count);
  for (let filled = 0, counter = 0; filled < count; counter++) {
    const segment = deriveSeed(seed, "sotto uniform residues", u32Bytes(counter));
    const stream = sodium.randombytes_buf_deterministic(SEGMENT_WORDS * 4, segment);
    const words = new Uint32Array(stream.slice().buffer);
    for (let i = 0; i < words.length && filled < count; i++) {
      const candidate = words[i]! & 0x7fffffff;
      if (candidate < MODULUS) out[filled++] = candidate;
    }
  }
  return out;
}

/** sum + more mod q, in place; both of one length, residues. Without a branch, which random residues would take at random. */
export function addResidues(sum: Uint32Array, more: Uint32Array): void {
  if (sum.length !== more.length) throw new TypeError("addResidues: the lengths differ");
  for (let i = 0; i < sum.length; i++) {
    const both = sum[i]! - MODULUS + more[i]!;
    sum[i] = both + (MODULUS & (both >> 31));
  }
}

/** sum - less mod q, in place; both of one length, residues. */
export function subtractResidues(sum: Uint32Array, less: Uint32Array): void {
  if (sum.length !== less.length) throw new TypeError("subtractResidues: the lengths differ");
  for (let i = 0; i < sum.length; i++) {
    const difference = sum[i]! - less[i]!;
    sum[i] = difference + (MODULUS & (difference >> 31));
  }
}

/**
 * <r_t, values> mod q for the secret vectors r_t, t < SHARE_CHECKS: a linear universal hash (Carter and Wegman, 1979), so that the checks of shares add up to
 * those of their sum.
 *
 * @param checkKey - 32 bytes of this query alone; every r_t follows from it.
 * @param values - Residues; not modified.
 * @returns Shape [SHARE_CHECKS].
 */
export function shareChecks(checkKey: Uint8Array, values: Uint32Array): Uint32Array {
  return Uint32Array.from({ length: SHARE_CHECKS }, (_, t) =>
    innerProduct(uniformResidues(deriveSeed(checkKey, "sotto share check", u32Bytes(t)), values.length), values),
  );
}

/** Exact: products of 16 by 31 bits, 32 of them and a residue stay below 2^53. */
function innerProduct(a: Uint32Array, b: Uint32Array): number {
  let [high, low] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    high += (a[i]! >>> 16) * b[i]!;
    low += (a[i]! & 0xffff) * b[i]!;
    if ((i & 31) === 31) {
      high %= MODULUS;
      low %= MODULUS;
    }
  }
  return ((((high % MODULUS) * 0x10000) % MODULUS) + (low % MODULUS)) % MODULUS;
}

/** Little-endian 32-bit words, as on every platform Node runs WebAssembly on; a view. */
export function residueBytes(residues: Uint32Array): Uint8Array {
  return new Uint8Array(residues.buffer, residues.byteOffset, residues.byteLength);
}

/** @returns Inverse of {@link residueBytes}, a copy; null when the length is no multiple of 4 or a word is not below q. */
export function readResidues(bytes: Uint8Array): Uint32Array | null {
  if (bytes.length % 4 !== 0) return null;
  const residues = new Uint32Array(bytes.slice().buffer);
  let largest = 0;
  for (let i = 0; i < residues.length; i++) if (residues[i]! > largest) largest = residues[i]!;
  return largest < MODULUS ? residues : null;
}
