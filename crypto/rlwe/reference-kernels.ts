import { type RingKernels, packedBytes } from "./kernels.ts";
import { multiplyModulo, nttTables } from "./ntt-tables.ts";
import { MODULUS, MODULUS_BITS, RING_DEGREE } from "./parameters.ts";

/** The plain twin of kernels/ring.as.ts: written to be read, used by the tests and where WebAssembly SIMD is missing. */
export const referenceKernels: RingKernels = {
  forwardNtt,
  inverseNtt,
  multiplyAccumulate,
  scoreCoefficients,
  packBits,
  unpackBits,
  wipe: () => undefined,
};

const at = (values: Uint32Array | Uint8Array, index: number): number => values[index] ?? 0;

/** Longa and Naehrig 2016, algorithm 1. */
function forwardNtt(poly: Uint32Array): void {
  for (let groups = 1, half = RING_DEGREE / 2; half >= 1; groups *= 2, half /= 2) {
    for (let group = 0; group < groups; group++) {
      const root = at(nttTables.roots, groups + group);
      for (let left = 2 * group * half; left < (2 * group + 1) * half; left++) {
        const u = at(poly, left);
        const t = multiplyModulo(at(poly, left + half), root);
        poly[left] = (u + t) % MODULUS;
        poly[left + half] = (u - t + MODULUS) % MODULUS;
      }
    }
  }
}

/** Longa and Naehrig 2016, algorithm 2. */
function inverseNtt(poly: Uint32Array): void {
  for (let groups = RING_DEGREE / 2, half = 1; groups >= 1; groups /= 2, half *= 2) {
    for (let group = 0; group < groups; group++) {
      const root = at(nttTables.inverseRoots, groups + group);
      for (let left = 2 * group * half; left < (2 * group + 1) * half; left++) {
        const u = at(poly, left);
        const v = at(poly, left + half);
        poly[left] = (u + v) % MODULUS;
        poly[left + half] = multiplyModulo((u - v + MODULUS) % MODULUS, root);
      }
    }
  }
  for (let i = 0; i < RING_DEGREE; i++) poly[i] = multiplyModulo(at(poly, i), nttTables.degreeInverse);
}

function multiplyAccumulate(block: Uint32Array, query: Uint32Array, chunks: number): Uint32Array {
  const out = new Uint32Array(RING_DEGREE);
  for (let i = 0; i < RING_DEGREE; i++) {
    const start = (i >> 3) * chunks * 8 + (i & 7);
    let sum = 0;
    for (let j = 0; j < chunks; j++)
      sum = (sum + multiplyModulo(at(block, start + 8 * j), at(query, start + 8 * j))) % MODULUS;
    out[i] = sum;
  }
  return out;
}

function scoreCoefficients(packed: Uint8Array, y: Uint32Array, chunk: number): Uint32Array | null {
  const x = unpackBits(packed, { count: RING_DEGREE, bits: MODULUS_BITS });
  if (x.some((residue) => residue >= MODULUS)) return null;
  const product = multiplyAccumulate(x, y, 1);
  inverseNtt(product);
  return product.filter((_, i) => i % chunk === chunk - 1);
}

function packBits(
  values: Uint32Array,
  { stride, count, bits }: { stride: number; count: number; bits: number },
): Uint8Array {
  const out = new Uint8Array(packedBytes(count, bits));
  for (let i = 0, position = 0; i < count; i++) {
    const cut = at(values, i * stride) >>> (MODULUS_BITS - bits);
    for (let bit = 0; bit < bits; bit++, position++) {
      if ((cut >>> bit) & 1) out[position >> 3] = at(out, position >> 3) | (1 << (position & 7));
    }
  }
  return out;
}

function unpackBits(bytes: Uint8Array, { count, bits }: { count: number; bits: number }): Uint32Array {
  const out = new Uint32Array(count);
  for (let i = 0, position = 0; i < count; i++) {
    let value = 0;
    for (let bit = 0; bit < bits; bit++, position++)
      value |= ((at(bytes, position >> 3) >>> (position & 7)) & 1) << bit;
    out[i] = (value << (MODULUS_BITS - bits)) >>> 0;
  }
  return out;
}
