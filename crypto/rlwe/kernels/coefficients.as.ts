import { DEGREE, MODULUS, multiplyShoup, reduce } from "./arithmetic.as";

// 2^32 mod q; a sum of at most 32 products has low halves below 2^37 and high halves below 2^35.
const FOLD: u64 = 188414;

@inline
function reduceLanes(low: v128, high: v128): u32 {
  const lows = i64x2.extract_lane(low, 0) + i64x2.extract_lane(low, 1);
  const highs = i64x2.extract_lane(high, 0) + i64x2.extract_lane(high, 1);
  return reduce(lows + highs * FOLD);
}

/**
 * out[r] = sum over t < width of x[i] y[i] weights[i] mod q for i = r width + t: the sums that the remaining layers of the inverse transform turn
 * into the coefficients that are scores (crypto/rlwe/score-weights.ts). width is a multiple of 4.
 */
export function weighedSums(x: usize, y: usize, weights: usize, weightsShoup: usize, width: u32, out: usize): void {
  const q = i32x4.splat(MODULUS);
  const mask = i64x2.splat(0xffffffff);
  for (const end = out + ((DEGREE / width) << 2); out < end; out += 4) {
    let low = i64x2.splat(0), high = i64x2.splat(0);
    for (let t: u32 = 0; t < width; t += 4, x += 16, y += 16, weights += 16, weightsShoup += 16) {
      const z = multiplyShoup(v128.load(y), v128.load(weights), v128.load(weightsShoup), q);
      const p = v128.load(x);
      const sum = i64x2.add(i64x2.extmul_low_i32x4_u(p, z), i64x2.extmul_high_i32x4_u(p, z));
      low = i64x2.add(low, v128.and(sum, mask));
      high = i64x2.add(high, i64x2.shr_u(sum, 32));
    }
    store<u32>(out, reduceLanes(low, high));
  }
}

/** Whether `count` values, a multiple of 4, are all below q. */
export function areResidues(values: usize, count: u32): bool {
  let largest = i32x4.splat(0);
  for (const end = values + (count << 2); values < end; values += 16) largest = i32x4.max_u(largest, v128.load(values));
  return !v128.any_true(i32x4.ge_u(largest, i32x4.splat(MODULUS)));
}
