// WebAssembly SIMD kernels of the ring Z_q[X]/(X^N + 1). Compiled by `npm run build:kernels`; each function has a plain
// TypeScript twin in reference-kernels.ts that the tests compare it with, bit for bit.
//
// Every residue is a u32 below q < 2^31. Pointers are byte offsets into the module's memory, 16-byte aligned.

const DEGREE: u32 = 2048;
const MODULUS: u32 = 2147389441;
const MODULUS_64: u64 = 2147389441;

/** First byte the caller may use. */
export function heapBase(): usize {
  return (__heap_base + 15) & ~15;
}

// x * w mod q in [0, q) by Shoup's method: w' = floor(w * 2^32 / q), so x * w - floor(x * w' / 2^32) * q is below 2q.
// Shoup, see Harvey, "Faster arithmetic for number-theoretic transforms", 2014, section 2.
// @ts-ignore: decorator
@inline
function multiplyShoup(x: v128, w: v128, wShoup: v128, q: v128): v128 {
  const low = i64x2.extmul_low_i32x4_u(x, wShoup);
  const high = i64x2.extmul_high_i32x4_u(x, wShoup);
  const quotient = v128.shuffle<u32>(low, high, 1, 3, 5, 7);
  const remainder = i32x4.sub(i32x4.mul(x, w), i32x4.mul(quotient, q));
  return i32x4.min_u(remainder, i32x4.sub(remainder, q));
}

// @ts-ignore: decorator
@inline
function addModulo(x: v128, y: v128, q: v128): v128 {
  const sum = i32x4.add(x, y);
  return i32x4.min_u(sum, i32x4.sub(sum, q));
}

// @ts-ignore: decorator
@inline
function subtractModulo(x: v128, y: v128, q: v128): v128 {
  const difference = i32x4.sub(x, y);
  return i32x4.min_u(difference, i32x4.add(difference, q));
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
  const q = i32x4.splat(MODULUS);
  inverseFirstTwoLayers(poly, inverseRoots, inverseRootsShoup, q);
  let half: u32 = 4;
  let groups: u32 = DEGREE >> 3;
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
  const scale = i32x4.splat(degreeInverse);
  const scaleShoup = i32x4.splat(degreeInverseShoup);
  const end = poly + (DEGREE << 2);
  for (let at = poly; at < end; at += 16) v128.store(at, multiplyShoup(v128.load(at), scale, scaleShoup, q));
}

function inverseFirstTwoLayers(poly: usize, roots: usize, rootsShoup: usize, q: v128): void {
  let quarter = (DEGREE >> 2) << 2;
  let eighth = (DEGREE >> 1) << 2;
  const end = poly + (DEGREE << 2);
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

// @ts-ignore: decorator
@inline
function foldHigh(sum: v128): v128 {
  return i64x2.shr_u(sum, 32);
}

// @ts-ignore: decorator
@inline
function reduceToU32(low: u64, high: u64): u32 {
  // low + 2^32 * high mod q; both are sums of few terms below 2^34, so one 64-bit remainder each is exact.
  return <u32>((low + (((high % MODULUS_64) << 32) % MODULUS_64)) % MODULUS_64);
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
  let buffer: u64 = 0;
  let held: u32 = 0;
  for (let i: u32 = 0; i < count; ++i, values += stride << 2) {
    buffer |= (<u64>(load<u32>(values) >> (31 - bits))) << held;
    held += bits;
    for (; held >= 8; held -= 8, buffer >>= 8, ++out) store<u8>(out, <u8>buffer);
  }
}

/** Inverse of packBits for stride 1: the dropped low bits come back as zero. */
export function unpackBits(bytes: usize, count: u32, bits: u32, out: usize): void {
  const mask: u64 = (1 << <u64>bits) - 1;
  let buffer: u64 = 0;
  let held: u32 = 0;
  for (let i: u32 = 0; i < count; ++i, out += 4) {
    for (; held < bits; held += 8, ++bytes) buffer |= (<u64>load<u8>(bytes)) << held;
    store<u32>(out, (<u32>(buffer & mask)) << (31 - bits));
    buffer >>= bits;
    held -= bits;
  }
}
