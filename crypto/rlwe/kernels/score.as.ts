// Scores of many blocks for several queries. See crypto/rlwe/score-arena.ts for the forms of blocks and queries.
//
// A residue x is held as two signed 16-bit halves, x = low + 2^16 high, so that one instruction multiplies four residues by four factors y:
// x y = low y + high (2^16 y mod q), and y and 2^16 y mod q are cut into three signed limbs of 10 bits. Products of a half and a limb are below
// 2^25 in magnitude, pairs below 2^26, so 31 pairs fit 32 bits.

import { DEGREE, MODULUS, multiplyShoup, reduce } from "./arithmetic.as";

const HALF_MODULUS: i32 = 1073694720;
const STEPS_PER_FOLD: i32 = 31;
// floor(2^16 2^32 / q)
const SHIFT_SHOUP: i32 = 131077;

/** Turns `count` residues, a multiple of 4, into halves in place: the low half is read as signed, so the high one makes up for it. */
export function splitResidues(at: usize, count: u32): void {
  const sign = i32x4.splat(0x8000);
  for (const end = at + (count << 2); at < end; at += 16) {
    const x = v128.load(at);
    v128.store(at, i32x4.add(x, i32x4.shl(v128.and(x, sign), 1)));
  }
}

// @ts-ignore: decorator
@inline
function storeLimb(limb: v128, limbShifted: v128, out: usize): void {
  v128.store(out, v128.or(v128.and(limb, i32x4.splat(0xffff)), i32x4.shl(limbShifted, 16)));
}

// @ts-ignore: decorator
@inline
function lowLimb(y: v128): v128 {
  return i32x4.shr_s(i32x4.shl(y, 22), 22);
}

// Four residues times their weights as 3 x 4 pairs of limbs, 48 bytes.
// @ts-ignore: decorator
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

// @ts-ignore: decorator
@inline
function widen(sum0: v128, sum1: v128, sum2: v128): v128 {
  const low = i64x2.add(i64x2.extend_low_i32x4_s(sum0), i64x2.shl(i64x2.add(i64x2.extend_low_i32x4_s(sum1), i64x2.shl(i64x2.extend_low_i32x4_s(sum2), 10)), 10));
  const high = i64x2.add(i64x2.extend_high_i32x4_s(sum0), i64x2.shl(i64x2.add(i64x2.extend_high_i32x4_s(sum1), i64x2.shl(i64x2.extend_high_i32x4_s(sum2), 10)), 10));
  return i64x2.add(low, high);
}

// @ts-ignore: decorator
@inline
function storeSum(total: v128, out: usize): void {
  store<u32>(out, reduce(i64x2.extract_lane(total, 0) + i64x2.extract_lane(total, 1)));
}

function sum1x1(block: usize, query: usize, steps: i32, out: usize): void {
  let t = i64x2.splat(0);
  for (let step: i32 = 0; step < steps; ) {
    const stop = min(step + STEPS_PER_FOLD, steps);
    let a0 = i32x4.splat(0), a1 = i32x4.splat(0), a2 = i32x4.splat(0);
    for (; step < stop; ++step, block += 16, query += 48) {
      const x = v128.load(block);
      a0 = i32x4.add(a0, i32x4.dot_i16x8_s(x, v128.load(query)));
      a1 = i32x4.add(a1, i32x4.dot_i16x8_s(x, v128.load(query, 16)));
      a2 = i32x4.add(a2, i32x4.dot_i16x8_s(x, v128.load(query, 32)));
    }
    t = i64x2.add(t, widen(a0, a1, a2));
  }
  storeSum(t, out);
}

function sum1x4(blockA: usize, blockB: usize, blockC: usize, blockD: usize, query: usize, steps: i32, out: usize, outStride: usize): void {
  let tA = i64x2.splat(0), tB = i64x2.splat(0), tC = i64x2.splat(0), tD = i64x2.splat(0);
  for (let step: i32 = 0; step < steps; ) {
    const stop = min(step + STEPS_PER_FOLD, steps);
    let a0 = i32x4.splat(0), a1 = i32x4.splat(0), a2 = i32x4.splat(0);
    let b0 = i32x4.splat(0), b1 = i32x4.splat(0), b2 = i32x4.splat(0);
    let c0 = i32x4.splat(0), c1 = i32x4.splat(0), c2 = i32x4.splat(0);
    let d0 = i32x4.splat(0), d1 = i32x4.splat(0), d2 = i32x4.splat(0);
    for (; step < stop; ++step, blockA += 16, blockB += 16, blockC += 16, blockD += 16, query += 48) {
      const y0 = v128.load(query), y1 = v128.load(query, 16), y2 = v128.load(query, 32);
      let x = v128.load(blockA);
      a0 = i32x4.add(a0, i32x4.dot_i16x8_s(x, y0));
      a1 = i32x4.add(a1, i32x4.dot_i16x8_s(x, y1));
      a2 = i32x4.add(a2, i32x4.dot_i16x8_s(x, y2));
      x = v128.load(blockB);
      b0 = i32x4.add(b0, i32x4.dot_i16x8_s(x, y0));
      b1 = i32x4.add(b1, i32x4.dot_i16x8_s(x, y1));
      b2 = i32x4.add(b2, i32x4.dot_i16x8_s(x, y2));
      x = v128.load(blockC);
      c0 = i32x4.add(c0, i32x4.dot_i16x8_s(x, y0));
      c1 = i32x4.add(c1, i32x4.dot_i16x8_s(x, y1));
      c2 = i32x4.add(c2, i32x4.dot_i16x8_s(x, y2));
      x = v128.load(blockD);
      d0 = i32x4.add(d0, i32x4.dot_i16x8_s(x, y0));
      d1 = i32x4.add(d1, i32x4.dot_i16x8_s(x, y1));
      d2 = i32x4.add(d2, i32x4.dot_i16x8_s(x, y2));
    }
    tA = i64x2.add(tA, widen(a0, a1, a2));
    tB = i64x2.add(tB, widen(b0, b1, b2));
    tC = i64x2.add(tC, widen(c0, c1, c2));
    tD = i64x2.add(tD, widen(d0, d1, d2));
  }
  storeSum(tA, out);
  storeSum(tB, out + outStride);
  storeSum(tC, out + 2 * outStride);
  storeSum(tD, out + 3 * outStride);
}

function sum2x2(blockA: usize, blockB: usize, query: usize, queryStride: usize, steps: i32, outA: usize, outB: usize, outStride: usize): void {
  let tA = i64x2.splat(0), tB = i64x2.splat(0), tC = i64x2.splat(0), tD = i64x2.splat(0);
  const apart = blockB - blockA;
    for (let step: i32 = 0; step < steps; ) {
    const stop = min(step + STEPS_PER_FOLD, steps);
    let a0 = i32x4.splat(0), a1 = i32x4.splat(0), a2 = i32x4.splat(0);
    let b0 = i32x4.splat(0), b1 = i32x4.splat(0), b2 = i32x4.splat(0);
    let c0 = i32x4.splat(0), c1 = i32x4.splat(0), c2 = i32x4.splat(0);
    let d0 = i32x4.splat(0), d1 = i32x4.splat(0), d2 = i32x4.splat(0);
    for (; step < stop; ++step, blockA += 16, query += 48) {
      const x = v128.load(blockA), z = v128.load(blockA + apart);
      let y = v128.load(query);
      a0 = i32x4.add(a0, i32x4.dot_i16x8_s(x, y));
      b0 = i32x4.add(b0, i32x4.dot_i16x8_s(z, y));
      y = v128.load(query, 16);
      a1 = i32x4.add(a1, i32x4.dot_i16x8_s(x, y));
      b1 = i32x4.add(b1, i32x4.dot_i16x8_s(z, y));
      y = v128.load(query, 32);
      a2 = i32x4.add(a2, i32x4.dot_i16x8_s(x, y));
      b2 = i32x4.add(b2, i32x4.dot_i16x8_s(z, y));
      y = v128.load(query + queryStride);
      c0 = i32x4.add(c0, i32x4.dot_i16x8_s(x, y));
      d0 = i32x4.add(d0, i32x4.dot_i16x8_s(z, y));
      y = v128.load(query + queryStride, 16);
      c1 = i32x4.add(c1, i32x4.dot_i16x8_s(x, y));
      d1 = i32x4.add(d1, i32x4.dot_i16x8_s(z, y));
      y = v128.load(query + queryStride, 32);
      c2 = i32x4.add(c2, i32x4.dot_i16x8_s(x, y));
      d2 = i32x4.add(d2, i32x4.dot_i16x8_s(z, y));
    }
    tA = i64x2.add(tA, widen(a0, a1, a2));
    tB = i64x2.add(tB, widen(b0, b1, b2));
    tC = i64x2.add(tC, widen(c0, c1, c2));
    tD = i64x2.add(tD, widen(d0, d1, d2));
  }
  storeSum(tA, outA);
  storeSum(tB, outB);
  storeSum(tC, outA + outStride);
  storeSum(tD, outB + outStride);
}

/**
 * out[query][block][output] for every query and block: the inner product, mod q, of the output-th slice of `steps` 16-byte vectors of the block
 * with the query's. `blocks` is a table of pointers. All queries and blocks of a call pass through the first cache together, slice by slice.
 */
export function accumulate(blocks: usize, blockCount: u32, queries: usize, queryStride: usize, queryCount: u32, outputs: u32, steps: i32, out: usize): void {
  const blockStride: usize = outputs << 2;
  const outStride: usize = blockCount * blockStride;
  for (let output: u32 = 0; output < outputs; ++output, out += 4) {
    const at: usize = (output * steps) << 4;
    let query = queries + 3 * at;
    let to = out;
    let left = queryCount;
    for (; left >= 2; left -= 2, query += 2 * queryStride, to += 2 * outStride) {
      sliceOfTwoQueries(blocks, blockCount, at, query, queryStride, steps, to, blockStride, outStride);
    }
    if (left > 0) sliceOfOneQuery(blocks, blockCount, at, query, steps, to, blockStride);
  }
}

function sliceOfOneQuery(blocks: usize, blockCount: u32, at: usize, query: usize, steps: i32, out: usize, blockStride: usize): void {
  const end = blocks + (blockCount << 2);
  for (; blocks + 12 < end; blocks += 16, out += 4 * blockStride) {
    sum1x4(load<u32>(blocks) + at, load<u32>(blocks, 4) + at, load<u32>(blocks, 8) + at, load<u32>(blocks, 12) + at, query, steps, out, blockStride);
  }
  for (; blocks < end; blocks += 4, out += blockStride) sum1x1(load<u32>(blocks) + at, query, steps, out);
}

function sliceOfTwoQueries(blocks: usize, blockCount: u32, at: usize, query: usize, queryStride: usize, steps: i32, out: usize, blockStride: usize, outStride: usize): void {
  const end = blocks + (blockCount << 2);
  for (; blocks + 4 < end; blocks += 8, out += 2 * blockStride) {
    sum2x2(load<u32>(blocks) + at, load<u32>(blocks, 4) + at, query, queryStride, steps, out, out + blockStride, outStride);
  }
  if (blocks < end) {
    sum1x1(load<u32>(blocks) + at, query, steps, out);
    sum1x1(load<u32>(blocks) + at, query + queryStride, steps, out + outStride);
  }
}
