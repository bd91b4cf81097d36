// Random numbers from the bytes of a PRF's stream, by operations that IEEE 754 fixes to the last bit: what was drawn on one machine is drawn
// again on any other.

/** Bytes of stream that {@link uniform} takes. */
export const UNIFORM_BYTES = 8;
/** Bytes of stream that {@link gaussians} take. */
export function gaussianBytes(count: number): number {
  return 8 * Math.ceil(count / 2);
}

/** Uniform on the 2^53 multiples of 2^-53 in (0, 1], from the 8 bytes at `offset`. */
export function uniform(stream: DataView, offset: number): number {
  const high = stream.getUint32(offset, true) >>> 5;
  const low = stream.getUint32(offset + 4, true) >>> 6;
  return (high * 67_108_864 + low + 1) / 9_007_199_254_740_992;
}

const { LN2, PI, SQRT2, clz32, sqrt } = Math;
/** 2^(zeros - 31): brings a 32-bit number with this many leading zeros into [1, 2). */
const INTO_ONE_TO_TWO = Float64Array.from({ length: 33 }, (_, zeros) => 2 ** (zeros - 31));

/**
 * Fills `out` with independent standard normal numbers: Box and Muller's transform (1958) of 32-bit words, two words a pair.
 *
 * Resolution: a radius is one of 2^32, at most 6.76; an angle is one of 2^32, spaced evenly. Such a pair can be coupled with an exactly normal
 * one so that they differ by 2.4e-6 in root mean square; the direction of the whole vector is then off a uniform one by 1.7e-6 radians. The
 * polynomials add less than 5e-8 (tests/crypto/dcpe/gaussian.test.ts). Not constant time.
 *
 * @param stream - Holds gaussianBytes(out.length) bytes from `offset` on.
 */
export function gaussians(stream: DataView, offset: number, out: Float64Array): void {
  for (let i = 0; i < out.length; i += 2, offset += 8) {
    const radius = sqrt(minusTwoLog(stream.getUint32(offset, true)));
    const word = stream.getInt32(offset + 4, true);
    // 30 bits of angle within +-45 degrees; one bit mirrors it at the diagonal, one turns it by half a circle. No branch on a random bit.
    const angle = ((word >> 2) + 0.5) * (PI / 2 ** 31);
    const signed = radius * (1 - 2 * (word & 1));
    const swap = (word >> 1) & 1;
    const s = angle * angle;
    // Taylor; the first terms left out are below 2e-9 at 45 degrees. The last write of an odd length falls behind the end, where it does nothing.
    out[i + swap] = signed * (1 - s * (1 / 2 - s * (1 / 24 - s * (1 / 720 - s * (1 / 40_320 - s * (1 / 3_628_800))))));
    out[i + 1 - swap] = signed * angle * (1 - s * (1 / 6 - s * (1 / 120 - s * (1 / 5040 - s * (1 / 362_880)))));
  }
}

/**
 * -2 ln((word + 1/2) / 2^32), which is never zero. With m in [1, 2) the number without its power of two and z = (m - sqrt 2) / (m + sqrt 2),
 * ln m = ln 2 / 2 + 2 artanh z, and z^2 stays below 0.0295.
 */
function minusTwoLog(word: number): number {
  const zeros = clz32(word);
  const m = (word + 0.5) * INTO_ONE_TO_TWO[zeros]!;
  const z = (m - SQRT2) / (m + SQRT2);
  const y = z * z;
  const artanh = z * (1 + y * (1 / 3 + y * (1 / 5 + y * (1 / 7 + y * (1 / 9 + y * (1 / 11 + y * (1 / 13)))))));
  return (2 * zeros + 1) * LN2 - 4 * artanh;
}
