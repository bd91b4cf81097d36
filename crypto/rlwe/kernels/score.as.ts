// Scores of many blocks for several queries. See crypto/rlwe/score-arena.ts for the forms of blocks and queries.
//
// A residue, taken between -q/2 and q/2, is held as two signed 16-bit halves, x = low + 2^16 high, so that one instruction multiplies four
// residues by four factors y: x y = low y + high (2^16 y mod q), and y and 2^16 y mod q are cut into three signed limbs of 10 bits. |low| is at
// most 2^15, |high| 2^14 and a limb 2^10, so a pair of products is below 1.5 2^25 and 42 pairs fit 32 bits.

import { DEGREE, MODULUS, multiplyShoup, reduce } from "./arithmetic.as";

const HALF_MODULUS: i32 = 1073694720;
const STEPS_PER_FOLD: i32 = 42;
// floor(2^16 2^32 / q)
const SHIFT_SHOUP: i32 = 131077;

/** Turns `count` residues, a multiple of 4, into halves in place: the low half is read as signed, so the high one makes up for it. */
export function splitResidues(at: usize, count: u32): void {
  const sign = i32x4.splat(0x8000);
  const q = i32x4.splat(MODULUS);
  const half = i32x4.splat(HALF_MODULUS);
  for (const end = at + (count << 2); at < end; at += 16) {
    let x = v128.load(at);
    x = i32x4.sub(x, v128.and(q, i32x4.gt_s(x, half)));
    v128.store(at, i32x4.add(x, i32x4.shl(v128.and(x, sign), 1)));
  }
}

@inline
function storeLimb(limb: v128, limbShifted: v128, out: usize): void {
  v128.store(out, v128.or(v128.and(limb, i32x4.splat(0xffff)), i32x4.shl(limbShifted, 16)));
}

@inline
function lowLimb(y: v128): v128 {
  return i32x4.shr_s(i32x4.shl(y, 22), 22);
}

// Four residues times their weights as 3 x 4 pairs of limbs, 48 bytes.
@inline
function prepareFour(x: v128, w: v128, wShoup: v128, out: usize): void {
  const q = i32x4.splat(MODULUS);
  const half = i32x4.splat(HALF_MODULUS);
  let y = multiplyShoup(x, w, wShoup, q);
  let z = multiplyShoup(y, i32x4.splat(65536), i32x4.splat(SHIFT_SHOUP), q);
  y = i32x4.sub(y, v128.and(q, i32x4.gt_s(y, half)));
  z = i32x4.sub(z, v128.and(q, i32x4.gt_s(z, half)));
  let yLimb = lowLimb(y);
  let zLimb = lowLimb(z);
  storeLimb(yLimb, zLimb, out);
  y = i32x4.shr_s(i32x4.sub(y, yLimb), 10);
  z = i32x4.shr_s(i32x4.sub(z, zLimb), 10);
  yLimb = lowLimb(y);
  zLimb = lowLimb(z);
  storeLimb(yLimb, zLimb, out + 16);
  y = i32x4.shr_s(i32x4.sub(y, yLimb), 10);
  z = i32x4.shr_s(i32x4.sub(z, zLimb), 10);
  storeLimb(y, z, out + 32);
}

/** Weighs each residue of an interleaved [N/8][chunks][8] query by weights[i] and writes its limbs: 12 bytes a residue. */
export function prepareQuery(query: usize, chunks: u32, weights: usize, weightsShoup: usize, out: usize): void {
  for (let group: u32 = 0; group < DEGREE >> 3; ++group, weights += 32, weightsShoup += 32) {
    const w = v128.load(weights), wShoup = v128.load(weightsShoup);
    const w4 = v128.load(weights, 16), wShoup4 = v128.load(weightsShoup, 16);
    for (let chunk: u32 = 0; chunk < chunks; ++chunk, query += 32, out += 96) {
      prepareFour(v128.load(query), w, wShoup, out);
      prepareFour(v128.load(query, 16), w4, wShoup4, out + 48);
    }
  }
}

@inline
function widen(sum0: v128, sum1: v128, sum2: v128): v128 {
  const low = i64x2.add(i64x2.extend_low_i32x4_s(sum0), i64x2.shl(i64x2.add(i64x2.extend_low_i32x4_s(sum1), i64x2.shl(i64x2.extend_low_i32x4_s(sum2), 10)), 10));
  const high = i64x2.add(i64x2.extend_high_i32x4_s(sum0), i64x2.shl(i64x2.add(i64x2.extend_high_i32x4_s(sum1), i64x2.shl(i64x2.extend_high_i32x4_s(sum2), 10)), 10));
  return i64x2.add(low, high);
}

@inline
function storeSum(total: v128, out: usize): void {
  store<u32>(out, reduce(i64x2.extract_lane(total, 0) + i64x2.extract_lane(total, 1)));
}

@inline
function addProduct(sum: v128, x: v128, y: v128): v128 {
  return i32x4.add(sum, i32x4.dot_i16x8_s(x, y));
}

function sumOne(block: usize, query: usize, steps: i32, out: usize): void {
  let total = i64x2.splat(0);
  for (let step: i32 = 0; step < steps; ) {
    const stop = min(step + STEPS_PER_FOLD, steps);
    let a0 = i32x4.splat(0), a1 = i32x4.splat(0), a2 = i32x4.splat(0);
    for (; step < stop; ++step, block += 16, query += 48) {
      const x = v128.load(block);
      a0 = addProduct(a0, x, v128.load(query));
      a1 = addProduct(a1, x, v128.load(query, 16));
      a2 = addProduct(a2, x, v128.load(query, 32));
    }
    total = i64x2.add(total, widen(a0, a1, a2));
  }
  storeSum(total, out);
}

// Nine sums, three limbs, a block's residues and a product: 14 of the 15 registers V8 hands out on x64.
function sumThree(a: usize, b: usize, c: usize, query: usize, steps: i32, out: usize, outStride: usize): void {
  let totalA = i64x2.splat(0), totalB = i64x2.splat(0), totalC = i64x2.splat(0);
  for (let step: i32 = 0; step < steps; ) {
    const stop = min(step + STEPS_PER_FOLD, steps);
    let a0 = i32x4.splat(0), a1 = i32x4.splat(0), a2 = i32x4.splat(0);
    let b0 = i32x4.splat(0), b1 = i32x4.splat(0), b2 = i32x4.splat(0);
    let c0 = i32x4.splat(0), c1 = i32x4.splat(0), c2 = i32x4.splat(0);
    for (; step < stop; step += 2, a += 32, b += 32, c += 32, query += 96) {
      let y0 = v128.load(query), y1 = v128.load(query, 16), y2 = v128.load(query, 32);
      let x = v128.load(a);
      a0 = addProduct(a0, x, y0); a1 = addProduct(a1, x, y1); a2 = addProduct(a2, x, y2);
      x = v128.load(b);
      b0 = addProduct(b0, x, y0); b1 = addProduct(b1, x, y1); b2 = addProduct(b2, x, y2);
      x = v128.load(c);
      c0 = addProduct(c0, x, y0); c1 = addProduct(c1, x, y1); c2 = addProduct(c2, x, y2);
      y0 = v128.load(query, 48); y1 = v128.load(query, 64); y2 = v128.load(query, 80);
      x = v128.load(a, 16);
      a0 = addProduct(a0, x, y0); a1 = addProduct(a1, x, y1); a2 = addProduct(a2, x, y2);
      x = v128.load(b, 16);
      b0 = addProduct(b0, x, y0); b1 = addProduct(b1, x, y1); b2 = addProduct(b2, x, y2);
      x = v128.load(c, 16);
      c0 = addProduct(c0, x, y0); c1 = addProduct(c1, x, y1); c2 = addProduct(c2, x, y2);
    }
    totalA = i64x2.add(totalA, widen(a0, a1, a2));
    totalB = i64x2.add(totalB, widen(b0, b1, b2));
    totalC = i64x2.add(totalC, widen(c0, c1, c2));
  }
  storeSum(totalA, out);
  storeSum(totalB, out + outStride);
  storeSum(totalC, out + 2 * outStride);
}

// Two blocks by two queries: one value too many for the registers, and still the fastest for several queries; unrolled it is slower.
function sumTwoByTwo(a: usize, b: usize, query: usize, queryStride: usize, steps: i32, out: usize, blockStride: usize, outStride: usize): void {
  let totalA = i64x2.splat(0), totalB = i64x2.splat(0), totalC = i64x2.splat(0), totalD = i64x2.splat(0);
  const apart = b - a;
  for (let step: i32 = 0; step < steps; ) {
    const stop = min(step + STEPS_PER_FOLD, steps);
    let a0 = i32x4.splat(0), a1 = i32x4.splat(0), a2 = i32x4.splat(0);
    let b0 = i32x4.splat(0), b1 = i32x4.splat(0), b2 = i32x4.splat(0);
    let c0 = i32x4.splat(0), c1 = i32x4.splat(0), c2 = i32x4.splat(0);
    let d0 = i32x4.splat(0), d1 = i32x4.splat(0), d2 = i32x4.splat(0);
    for (; step < stop; ++step, a += 16, query += 48) {
      const x = v128.load(a), z = v128.load(a + apart);
      let y = v128.load(query);
      a0 = addProduct(a0, x, y); b0 = addProduct(b0, z, y);
      y = v128.load(query, 16);
      a1 = addProduct(a1, x, y); b1 = addProduct(b1, z, y);
      y = v128.load(query, 32);
      a2 = addProduct(a2, x, y); b2 = addProduct(b2, z, y);
      y = v128.load(query + queryStride);
      c0 = addProduct(c0, x, y); d0 = addProduct(d0, z, y);
      y = v128.load(query + queryStride, 16);
      c1 = addProduct(c1, x, y); d1 = addProduct(d1, z, y);
      y = v128.load(query + queryStride, 32);
      c2 = addProduct(c2, x, y); d2 = addProduct(d2, z, y);
    }
    totalA = i64x2.add(totalA, widen(a0, a1, a2));
    totalB = i64x2.add(totalB, widen(b0, b1, b2));
    totalC = i64x2.add(totalC, widen(c0, c1, c2));
    totalD = i64x2.add(totalD, widen(d0, d1, d2));
  }
  storeSum(totalA, out);
  storeSum(totalB, out + blockStride);
  storeSum(totalC, out + outStride);
  storeSum(totalD, out + outStride + blockStride);
}

/**
 * out[query][block][output] for every query and block: the inner product, mod q, of the output-th slice of `steps` 16-byte vectors of the block
 * with the query's. `blocks` is a table of pointers; steps is even. All queries meet a slice of the blocks while it is in the first cache.
 */
export function accumulate(blocks: usize, blockCount: u32, queries: usize, queryStride: usize, queryCount: u32, outputs: u32, steps: i32, out: usize): void {
  const blockStride: usize = outputs << 2;
  const outStride: usize = blockCount * blockStride;
  const end = blocks + (blockCount << 2);
  for (let output: u32 = 0; output < outputs; ++output, out += 4) {
    const at: usize = (output * steps) << 4;
    let query = queries + 3 * at;
    let to = out;
    let left = queryCount;
    for (; left >= 2; left -= 2, query += 2 * queryStride, to += 2 * outStride) sliceOfTwo(blocks, end, at, query, queryStride, steps, to, blockStride, outStride);
    if (left > 0) sliceOfOne(blocks, end, at, query, steps, to, blockStride);
  }
}

function sliceOfOne(block: usize, end: usize, at: usize, query: usize, steps: i32, out: usize, blockStride: usize): void {
  for (; block + 8 < end; block += 12, out += 3 * blockStride) {
    sumThree(load<u32>(block) + at, load<u32>(block, 4) + at, load<u32>(block, 8) + at, query, steps, out, blockStride);
  }
  for (; block < end; block += 4, out += blockStride) sumOne(load<u32>(block) + at, query, steps, out);
}

function sliceOfTwo(block: usize, end: usize, at: usize, query: usize, queryStride: usize, steps: i32, out: usize, blockStride: usize, outStride: usize): void {
  for (; block + 4 < end; block += 8, out += 2 * blockStride) {
    sumTwoByTwo(load<u32>(block) + at, load<u32>(block, 4) + at, query, queryStride, steps, out, blockStride, outStride);
  }
  if (block < end) {
    sumOne(load<u32>(block) + at, query, steps, out);
    sumOne(load<u32>(block) + at, query + queryStride, steps, out + outStride);
  }
}
