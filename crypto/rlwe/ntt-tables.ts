import { MODULUS, RING_DEGREE } from "./parameters.ts";

/** Powers of psi (a primitive 2N-th root of unity) and of its inverse in bit-reversed order, with Shoup companions floor(w 2^32 / q). */
export interface NttTables {
  readonly roots: Uint32Array;
  readonly rootsShoup: Uint32Array;
  readonly inverseRoots: Uint32Array;
  readonly inverseRootsShoup: Uint32Array;
  readonly degreeInverse: number;
  readonly degreeInverseShoup: number;
}

/** x y mod q for residues below 2^31, exact in doubles: y is split at 16 bits. */
export function multiplyModulo(x: number, y: number): number {
  const high = (x * (y >>> 16)) % MODULUS;
  return (high * 65_536 + x * (y & 0xffff)) % MODULUS;
}

export function powerModulo(base: number, exponent: number): number {
  let result = 1;
  for (
    let square = base, left = exponent;
    left > 0;
    left = Math.floor(left / 2), square = multiplyModulo(square, square)
  ) {
    if (left % 2 === 1) result = multiplyModulo(result, square);
  }
  return result;
}

/** The smallest primitive 2N-th root of unity modulo q, which is the one SEAL uses, so that transforms can be compared. */
function minimalRoot(): number {
  const order = 2 * RING_DEGREE;
  let root = 0;
  for (let candidate = 2; root === 0; candidate++) {
    const power = powerModulo(candidate, (MODULUS - 1) / order);
    if (powerModulo(power, RING_DEGREE) === MODULUS - 1) root = power;
  }
  const square = multiplyModulo(root, root);
  let minimal = root;
  for (let i = 1, odd = root; i < RING_DEGREE; i++) {
    odd = multiplyModulo(odd, square);
    if (odd < minimal) minimal = odd;
  }
  return minimal;
}

function bitReverse(value: number, bits: number): number {
  let reversed = 0;
  for (let i = 0; i < bits; i++) reversed = (reversed << 1) | ((value >> i) & 1);
  return reversed;
}

/** The Shoup companion floor(w 2^32 / q). */
export const shoup = (w: number): number => Number((BigInt(w) << 32n) / BigInt(MODULUS));

function makeTables(): NttTables {
  const bits = Math.log2(RING_DEGREE);
  const powersInBitReversedOrder = (root: number): Uint32Array => {
    const powers = new Uint32Array(RING_DEGREE);
    for (let i = 0, power = 1; i < RING_DEGREE; i++, power = multiplyModulo(power, root))
      powers[bitReverse(i, bits)] = power;
    return powers;
  };
  const psi = minimalRoot();
  const roots = powersInBitReversedOrder(psi);
  const inverseRoots = powersInBitReversedOrder(powerModulo(psi, MODULUS - 2));
  const degreeInverse = powerModulo(RING_DEGREE, MODULUS - 2);
  return {
    roots,
    rootsShoup: roots.map(shoup),
    inverseRoots,
    inverseRootsShoup: inverseRoots.map(shoup),
    degreeInverse,
    degreeInverseShoup: shoup(degreeInverse),
  };
}

export const nttTables: NttTables = makeTables();
