import { sodium } from "../sodium.ts";
import { HINT_STANDARD_DEVIATION, MODULUS, RING_DEGREE } from "./parameters.ts";

/**
 * Gaussian error of a hint, rounded to integers modulo q, from a 32-byte PRF output: the same seed gives the same error, so that a hint
 * served a thousand times is one sample (DESIGN.md 4.3).
 *
 * Box-Muller on 53-bit uniforms of the ChaCha20 stream; tails reach 8.6 standard deviations. Not constant time: it runs where a block is
 * indexed, on the owner's machine.
 *
 * @param seed - 32 secret bytes bound to the block's content; never used for two different contents.
 * @returns Shape [N], coefficient form, owned by the caller.
 */
export function hintError(seed: Uint8Array): Uint32Array {
  const stream = sodium.randombytes_buf_deterministic(RING_DEGREE * 8, seed);
  const words = new DataView(stream.buffer, stream.byteOffset, stream.byteLength);
  const uniform = (index: number): number => {
    const high = words.getUint32(8 * index, true) >>> 5;
    const low = words.getUint32(8 * index + 4, true) >>> 6;
    return (high * 67_108_864 + low + 1) / 9_007_199_254_740_992;
  };
  const out = new Uint32Array(RING_DEGREE);
  for (let i = 0; i < RING_DEGREE; i += 2) {
    const radius = HINT_STANDARD_DEVIATION * Math.sqrt(-2 * Math.log(uniform(i)));
    const angle = 2 * Math.PI * uniform(i + 1);
    out[i] = toResidue(Math.round(radius * Math.cos(angle)));
    out[i + 1] = toResidue(Math.round(radius * Math.sin(angle)));
  }
  sodium.memzero(stream);
  return out;
}

/** The residue of an integer of magnitude below q. */
export function toResidue(value: number): number {
  return value < 0 ? value + MODULUS : value;
}
