import { deriveSeed, u32Bytes } from "../rlwe/public-randomness.ts";
import { UNIFORM_BYTES, uniform } from "./gaussian.ts";
import { withStream } from "./noise.ts";

/** Each round spreads a coordinate over sixteen: 16^4 is the largest dimension. */
const ROUNDS = 4;

/**
 * A secret orthogonal map of d coordinates, for any d >= 1, in O(d log d) (the number of rounds is that of the largest d): rounds of a random
 * permutation with random signs, then Hadamard's 4 x 4 matrix on every four neighbours and on every four that lie d / 4 apart. The up to three
 * coordinates left over sit out a round. Like the rounds of Andoni et al., "Practical and optimal LSH for angular distance", 2015, but with
 * fewer steps than their transform of all coordinates, and no padding to a power of two.
 *
 * Not a uniformly random rotation, and no encryption: whoever knows about d vectors with their images solves for it. Below four coordinates it
 * is a permutation with signs.
 */
export class SecretRotation {
  readonly #rounds: readonly Round[];
  readonly #scratch: Float64Array;

  /** @param key - 32 secret bytes. */
  constructor(key: Uint8Array, dim: number) {
    this.#rounds = Array.from({ length: ROUNDS }, (_, round) => drawRound(key, round, dim));
    this.#scratch = new Float64Array(dim);
  }

  /** Rotates `vector`, shape [dim], in place; its norm changes by rounding only. */
  apply(vector: Float64Array): void {
    const scratch = this.#scratch;
    for (const { order, factors } of this.#rounds) {
      for (let i = 0; i < scratch.length; i++) scratch[i] = vector[order[i]!]! * factors[i]!;
      vector.set(scratch);
      mixNeighbours(vector);
      mixQuarters(vector);
    }
  }

  /** Undoes {@link apply}, up to rounding. */
  invert(vector: Float64Array): void {
    const scratch = this.#scratch;
    for (const { order, factors } of this.#rounds.toReversed()) {
      mixQuarters(vector);
      mixNeighbours(vector);
      for (let i = 0; i < scratch.length; i++) scratch[order[i]!] = vector[i]! * factors[i]!;
      vector.set(scratch);
    }
  }

  wipe(): void {
    for (const { order, factors } of this.#rounds) {
      order.fill(0);
      factors.fill(0);
    }
    this.#scratch.fill(0);
  }
}

/** New coordinate i is factors[i] times old coordinate order[i]; a factor is a sign, a quarter of it where mixing doubles twice. */
interface Round {
  readonly order: Uint32Array;
  readonly factors: Float64Array;
}

/** Fisher and Yates's shuffle and a coin a coordinate; each choice is off uniform by less than d 2^-53. */
function drawRound(key: Uint8Array, round: number, dim: number): Round {
  const order = Uint32Array.from({ length: dim }, (_, i) => i);
  const factors = new Float64Array(dim);
  withStream(deriveSeed(key, "sotto rotation", u32Bytes(round)), (UNIFORM_BYTES + 1) * dim, (stream) => {
    for (let i = dim - 1; i >= 0; i--) {
      const j = Math.ceil(uniform(stream, UNIFORM_BYTES * i) * (i + 1)) - 1;
      [order[i], order[j]] = [order[j]!, order[i]!];
      const isNegative = stream.getUint8(UNIFORM_BYTES * dim + i) & 1;
      factors[i] = (isNegative ? -1 : 1) * (i < dim - (dim % 4) ? 0.25 : 1);
    }
  });
  return { order, factors };
}

/** Hadamard's matrix without its factor 1/2 on coordinates 4 i .. 4 i + 3, in place. */
function mixNeighbours(vector: Float64Array): void {
  for (let i = 0; i + 3 < vector.length; i += 4) mixFour(vector, i, 1);
}

/** The same on the i-th coordinate of each quarter. */
function mixQuarters(vector: Float64Array): void {
  const quarter = Math.floor(vector.length / 4);
  for (let i = 0; i < quarter; i++) mixFour(vector, i, quarter);
}

/** Twice is four times the identity. */
function mixFour(vector: Float64Array, i: number, stride: number): void {
  const a = vector[i]! + vector[i + stride]!;
  const b = vector[i]! - vector[i + stride]!;
  const c = vector[i + 2 * stride]! + vector[i + 3 * stride]!;
  const d = vector[i + 2 * stride]! - vector[i + 3 * stride]!;
  vector[i] = a + c;
  vector[i + stride] = b + d;
  vector[i + 2 * stride] = a - c;
  vector[i + 3 * stride] = b - d;
}
