// Arithmetic modulo q that the kernels share.

export const DEGREE: u32 = 2048;
export const MODULUS: u32 = 2147389441;

// x * w mod q in [0, q) by Shoup's method: w' = floor(w * 2^32 / q), so x * w - floor(x * w' / 2^32) * q is below 2q.
// Shoup, see Harvey, "Faster arithmetic for number-theoretic transforms", 2014, section 2.
@inline
export function multiplyShoup(x: v128, w: v128, wShoup: v128, q: v128): v128 {
  const low = i64x2.extmul_low_i32x4_u(x, wShoup);
  const high = i64x2.extmul_high_i32x4_u(x, wShoup);
  const quotient = v128.shuffle<u32>(low, high, 1, 3, 5, 7);
  const remainder = i32x4.sub(i32x4.mul(x, w), i32x4.mul(quotient, q));
  return i32x4.min_u(remainder, i32x4.sub(remainder, q));
}

@inline
export function addModulo(x: v128, y: v128, q: v128): v128 {
  const sum = i32x4.add(x, y);
  return i32x4.min_u(sum, i32x4.sub(sum, q));
}

@inline
export function subtractModulo(x: v128, y: v128, q: v128): v128 {
  const difference = i32x4.sub(x, y);
  return i32x4.min_u(difference, i32x4.add(difference, q));
}

// x mod q in [0, q) for |x| < 2^60: the quotient from doubles is off by one at most.
@inline
export function reduce(x: i64): u32 {
  const quotient = <i64>Math.floor(<f64>x * (1.0 / 2147389441.0));
  let r = x - quotient * <i64>MODULUS;
  r += r < 0 ? <i64>MODULUS : 0;
  r -= r >= <i64>MODULUS ? <i64>MODULUS : 0;
  return <u32>r;
}
