import { sodium } from "../sodium.ts";
import { MODULUS, RING_DEGREE } from "./parameters.ts";

/**
 * A 32-byte key for one purpose, from a key or public seed: BLAKE2b-256 keyed with `key` over the label and the parts, each preceded by
 * its length, so that no two inputs collide by concatenation.
 */
export function deriveSeed(key: Uint8Array, label: string, ...parts: readonly Uint8Array[]): Uint8Array {
  const state = sodium.crypto_generichash_init(key, 32);
  for (const part of [sodium.from_string(label), ...parts]) {
    const length = new Uint8Array(8);
    new DataView(length.buffer).setBigUint64(0, BigInt(part.length), true);
    sodium.crypto_generichash_update(state, length);
    sodium.crypto_generichash_update(state, part);
  }
  return sodium.crypto_generichash_final(state, 32);
}

/** The 4 little-endian bytes of a 32-bit number. */
export function u32Bytes(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

/**
 * The public uniform ring element a_j in NTT form (DESIGN.md 4.3): 31-bit words of the ChaCha20 stream of a seed derived from the
 * federation's, those not below q rejected.
 *
 * @param seed - 32 public bytes, the federation's.
 * @param chunk - j.
 * @returns Shape [N], owned by the caller.
 */
export function publicPolynomial(seed: Uint8Array, chunk: number): Uint32Array {
  const out = new Uint32Array(RING_DEGREE);
  // q / 2^31 is 0.99996: two spare words a hundred would be plenty, 64 never run out in practice, and the loop handles the rest.
  for (let filled = 0, counter = 0; filled < RING_DEGREE; counter++) {
    const block = deriveSeed(seed, "sotto rlwe a", u32Bytes(chunk), u32Bytes(counter));
    const stream = sodium.randombytes_buf_deterministic((RING_DEGREE + 64) * 4, block);
    const words = new DataView(stream.buffer, stream.byteOffset, stream.byteLength);
    for (let i = 0; i < stream.length && filled < RING_DEGREE; i += 4) {
      const candidate = words.getUint32(i, true) & 0x7fffffff;
      if (candidate < MODULUS) out[filled++] = candidate;
    }
  }
  return out;
}
