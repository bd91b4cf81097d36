// WebAssembly SIMD kernels of the ring Z_q[X]/(X^N + 1). Compiled by `npm run build:kernels`; each function has a plain
// TypeScript twin in reference-kernels.ts that the tests compare it with, bit for bit.
//
// Every residue is a u32 below q < 2^31. Pointers are byte offsets into the module's memory, 16-byte aligned.

import { DEGREE, MODULUS, addModulo, multiplyShoup, reduce, subtractModulo } from "./arithmetic.as";

export { splitResidues, prepareQuery, accumulate } from "./score.as";
export { layChunk } from "./layout.as";
export { areResidues, weighedSums } from "./coefficients.as";

/** First byte the caller may use. */
export function heapBase(): usize {
  return (__heap_base + 15) & ~15;
}

/**
 * Forward negacyclic NTT in place, natural order in, bit-reversed order out (Longa and Naehrig 2016, algorithm 1; the order SEAL uses).
 * roots[i] = psi^bitReverse(i), rootsShoup its Shoup companions.
 */
export function forwardNtt(poly: usize, roots: usize, rootsShoup: usize): void {
  const q = i32x4.splat(MODULUS);
  let half: u32 = DEGREE >> 1;
  let groups: u32 = 1;
  for (; half >= 4; half >>= 1, groups <<= 1) {
    for (let group: u32 = 0; group < groups; ++group) {
      const w = v128.load32_splat(roots + ((groups + group) << 2));
      const wShoup = v128.load32_splat(rootsShoup + ((groups + group) << 2));
      let left = poly + ((group * half) << 3);
      const end = left + (half << 2);
      for (; left < end; left += 16) {
        const right = left + (half << 2);
        const u = v128.load(left);
        const t = multiplyShoup(v128.load(right), w, wShoup, q);
        v128.store(left, addModulo(u, t, q));
        v128.store(right, subtractModulo(u, t, q));
      }
    }
  }
  forwardLastTwoLayers(poly, roots, rootsShoup, q);
}

// Butterflies of distance 2 and 1, eight residues at a time, by shuffling partners into separate vectors.
function forwardLastTwoLayers(poly: usize, roots: usize, rootsShoup: usize, q: v128): void {
  let quarter = (DEGREE >> 2) << 2;
  let eighth = (DEGREE >> 1) << 2;
  const end = poly + (DEGREE << 2);
  for (let at = poly; at < end; at += 32, quarter += 8, eighth += 16) {
    const a = v128.load(at);
    const b = v128.load(at, 16);
    let w = v128.load64_zero(roots + quarter);
    let wShoup = v128.load64_zero(rootsShoup + quarter);
    w = v128.shuffle<u32>(w, w, 0, 0, 1, 1);
    wShoup = v128.shuffle<u32>(wShoup, wShoup, 0, 0, 1, 1);
    let u = v128.shuffle<u32>(a, b, 0, 1, 4, 5);
    let t = multiplyShoup(v128.shuffle<u32>(a, b, 2, 3, 6, 7), w, wShoup, q);
    const sum = addModulo(u, t, q);
    const difference = subtractModulo(u, t, q);
    // sum = [a0 a1 b0 b1], difference = [a2 a3 b2 b3]
    u = v128.shuffle<u32>(sum, difference, 0, 4, 2, 6);
    t = v128.shuffle<u32>(sum, difference, 1, 5, 3, 7);
    t = multiplyShoup(t, v128.load(roots + eighth), v128.load(rootsShoup + eighth), q);
    const even = addModulo(u, t, q);
    const odd = subtractModulo(u, t, q);
    v128.store(at, v128.shuffle<u32>(even, odd, 0, 4, 1, 5));
    v128.store(at, v128.shuffle<u32>(even, odd, 2, 6, 3, 7), 16);
  }
}

/**
 * Inverse of forwardNtt in place, bit-reversed order in, natural order out, scaled by 1/N (Longa and Naehrig 2016, algorithm 2).
 * inverseRoots[i] = psi^-bitReverse(i); degreeInverse = N^-1 mod q.
 */
export function inverseNtt(poly: usize, inverseRoots: usize, inverseRootsShoup: usize, degreeInverse: u32, degreeInverseShoup: u32): void {
  inverseLayers(poly, DEGREE, inverseRoots, inverseRootsShoup);
  const q = i32x4.splat(MODULUS);
  const scale = i32x4.splat(degreeInverse);
  const scaleShoup = i32x4.splat(degreeInverseShoup);
  const end = poly + (DEGREE << 2);
  for (let at = poly; at < end; at += 16) v128.store(at, multiplyShoup(v128.load(at), scale, scaleShoup, q));
}

/**
 * The layers of an inverse transform of `degree` residues, a power of two from 16, without the scaling. Below N this is what remains of the
 * large transform when only every (N / degree)-th coefficient is wanted: the same roots, the last layers.
 */
export function inverseLayers(poly: usize, degree: u32, inverseRoots: usize, inverseRootsShoup: usize): void {
  const q = i32x4.splat(MODULUS);
  inverseFirstTwoLayers(poly, degree, inverseRoots, inverseRootsShoup, q);
  let half: u32 = 4;
  let groups: u32 = degree >> 3;
  for (; groups >= 1; half <<= 1, groups >>= 1) {
    for (let group: u32 = 0; group < groups; ++group) {
      const w = v128.load32_splat(inverseRoots + ((groups + group) << 2));
      const wShoup = v128.load32_splat(inverseRootsShoup + ((groups + group) << 2));
      let left = poly + ((group * half) << 3);
      const end = left + (half << 2);
      for (; left < end; left += 16) {
        const right = left + (half << 2);
        const u = v128.load(left);
        const v = v128.load(right);
        v128.store(left, addModulo(u, v, q));
        v128.store(right, multiplyShoup(subtractModulo(u, v, q), w, wShoup, q));
      }
    }
  }
}

function inverseFirstTwoLayers(poly: usize, degree: u32, roots: usize, rootsShoup: usize, q: v128): void {
  let quarter = (degree >> 2) << 2;
  let eighth = (degree >> 1) << 2;
  const end = poly + (degree << 2);
  for (let at = poly; at < end; at += 32, quarter += 8, eighth += 16) {
    const a = v128.load(at);
    const b = v128.load(at, 16);
    let u = v128.shuffle<u32>(a, b, 0, 2, 4, 6);
    let v = v128.shuffle<u32>(a, b, 1, 3, 5, 7);
    const sum = addModulo(u, v, q);
    const difference = multiplyShoup(subtractModulo(u, v, q), v128.load(roots + eighth), v128.load(rootsShoup + eighth), q);
    // sum = [a0 a2 b0 b2], difference = [a1 a3 b1 b3]
    u = v128.shuffle<u32>(sum, difference, 0, 4, 2, 6);
    v = v128.shuffle<u32>(sum, difference, 1, 5, 3, 7);
    let w = v128.load64_zero(roots + quarter);
    let wShoup = v128.load64_zero(rootsShoup + quarter);
    w = v128.shuffle<u32>(w, w, 0, 0, 1, 1);
    wShoup = v128.shuffle<u32>(wShoup, wShoup, 0, 0, 1, 1);
    const left = addModulo(u, v, q);
    const right = multiplyShoup(subtractModulo(u, v, q), w, wShoup, q);
    v128.store(at, v128.shuffle<u32>(left, right, 0, 1, 4, 5));
    v128.store(at, v128.shuffle<u32>(left, right, 2, 3, 6, 7), 16);
  }
}

@inline
function foldHigh(sum: v128): v128 {
  return i64x2.shr_u(sum, 32);
}

// 2^32 mod q; high is below 2^40 (256 folds at most), low below 2^41.
const FOLD: u64 = 188414;

@inline
function reduceToU32(low: u64, high: u64): u32 {
  return reduce(low + high * FOLD);
}

/**
 * out[i] = sum over j of block[i][j] * query[i][j] mod q for i < N, both laid out [N/8][chunks][8].
 *
 * Four products of residues below q <= 2^31 - 1 fit 64 bits; after each four the sum is split into its 32-bit halves.
 */
export function multiplyAccumulate(block: usize, query: usize, chunks: u32, out: usize): void {
  const mask = i64x2.splat(0xffffffff);
  const zero = i64x2.splat(0);
  for (let group: u32 = 0; group < DEGREE >> 3; ++group, out += 32) {
    let low0 = zero, low1 = zero, low2 = zero, low3 = zero;
    let high0 = zero, high1 = zero, high2 = zero, high3 = zero;
    for (let chunk: u32 = 0; chunk < chunks; ) {
      const stop = min(chunk + 4, chunks);
      let sum0 = zero, sum1 = zero, sum2 = zero, sum3 = zero;
      for (; chunk < stop; ++chunk, block += 32, query += 32) {
        const p = v128.load(block), r = v128.load(query);
        const p4 = v128.load(block, 16), r4 = v128.load(query, 16);
        sum0 = i64x2.add(sum0, i64x2.extmul_low_i32x4_u(p, r));
        sum1 = i64x2.add(sum1, i64x2.extmul_high_i32x4_u(p, r));
        sum2 = i64x2.add(sum2, i64x2.extmul_low_i32x4_u(p4, r4));
        sum3 = i64x2.add(sum3, i64x2.extmul_high_i32x4_u(p4, r4));
      }
      low0 = i64x2.add(low0, v128.and(sum0, mask)); high0 = i64x2.add(high0, foldHigh(sum0));
      low1 = i64x2.add(low1, v128.and(sum1, mask)); high1 = i64x2.add(high1, foldHigh(sum1));
      low2 = i64x2.add(low2, v128.and(sum2, mask)); high2 = i64x2.add(high2, foldHigh(sum2));
      low3 = i64x2.add(low3, v128.and(sum3, mask)); high3 = i64x2.add(high3, foldHigh(sum3));
    }
    store<u32>(out, reduceToU32(i64x2.extract_lane(low0, 0), i64x2.extract_lane(high0, 0)), 0);
    store<u32>(out, reduceToU32(i64x2.extract_lane(low0, 1), i64x2.extract_lane(high0, 1)), 4);
    store<u32>(out, reduceToU32(i64x2.extract_lane(low1, 0), i64x2.extract_lane(high1, 0)), 8);
    store<u32>(out, reduceToU32(i64x2.extract_lane(low1, 1), i64x2.extract_lane(high1, 1)), 12);
    store<u32>(out, reduceToU32(i64x2.extract_lane(low2, 0), i64x2.extract_lane(high2, 0)), 16);
    store<u32>(out, reduceToU32(i64x2.extract_lane(low2, 1), i64x2.extract_lane(high2, 1)), 20);
    store<u32>(out, reduceToU32(i64x2.extract_lane(low3, 0), i64x2.extract_lane(high3, 0)), 24);
    store<u32>(out, reduceToU32(i64x2.extract_lane(low3, 1), i64x2.extract_lane(high3, 1)), 28);
  }
}

/** out = (x + y) mod q for `count` residues, a multiple of 4. */
export function addResidues(x: usize, y: usize, count: u32, out: usize): void {
  const q = i32x4.splat(MODULUS);
  for (const end = x + (count << 2); x < end; x += 16, y += 16, out += 16) v128.store(out, addModulo(v128.load(x), v128.load(y), q));
}

/** Writes polynomial `poly` (N residues) as chunk `chunk` of an interleaved [N/8][chunks][8] buffer. */
export function interleave(poly: usize, chunk: u32, chunks: u32, out: usize): void {
  out += chunk << 5;
  for (let group: u32 = 0; group < DEGREE >> 3; ++group, poly += 32, out += chunks << 5) {
    v128.store(out, v128.load(poly));
    v128.store(out, v128.load(poly, 16), 16);
  }
}

/** Packs count values, each cut to its `bits` high bits of 31, least significant bit first. count * bits is a multiple of 8. */
export function packBits(values: usize, stride: u32, count: u32, bits: u32, out: usize): void {
  const dropped = 31 - bits;
  let buffer: u64 = 0;
  let held: u32 = 0;
  for (let i: u32 = 0; i < count; ++i, values += stride << 2) {
    buffer |= (<u64>(load<u32>(values) >> dropped)) << held;
    held += bits;
    if (held >= 32) {
      store<u32>(out, <u32>buffer);
      out += 4;
      buffer >>= 32;
      held -= 32;
    }
  }
  for (; held >= 8; held -= 8, buffer >>= 8, ++out) store<u8>(out, <u8>buffer);
}

/** Inverse of packBits for stride 1: the dropped low bits come back as zero. Reads, and ignores, up to 8 bytes behind the packed ones. */
export function unpackBits(bytes: usize, count: u32, bits: u32, out: usize): void {
  const mask: u64 = (1 << <u64>bits) - 1;
  const dropped = 31 - bits;
  let position: u32 = 0;
  for (const end = out + (count << 2); out < end; out += 4, position += bits) {
    const word = load<u64>(bytes + (position >> 3)) >> (position & 7);
    store<u32>(out, (<u32>(word & mask)) << dropped);
  }
}

/**
 * Turns `count` rows of `degree` sums into packed coefficients: the remaining layers of the inverse transform, in place, and the cut to
 * `bits` bits, fused so that a row is in the first cache.
 */
export function finishScores(sums: usize, count: u32, degree: u32, inverseRoots: usize, inverseRootsShoup: usize, bits: u32, out: usize): void {
  const packed = (degree * bits) >> 3;
  for (; count > 0; --count, sums += degree << 2, out += packed) {
    inverseLayers(sums, degree, inverseRoots, inverseRootsShoup);
    packBits(sums, 1, degree, bits, out);
  }
}
