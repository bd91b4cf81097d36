import { multiplyModulo, nttTables, shoup } from "./ntt-tables.ts";
import { MODULUS, RING_DEGREE } from "./parameters.ts";

interface ScoreWeights {
  readonly weights: Uint32Array;
  readonly weightsShoup: Uint32Array;
}

/** By chunk, of which there are four; every shard and every querier needs one of them. */
const made = new Map<number, ScoreWeights>();

/**
 * What the first log2(c) layers of the inverse transform do to the coefficients that are scores, and its scaling.
 *
 * Layer l keeps (u - v) w of each pair where only odd positions are wanted, so after log2(c) layers place r holds
 * sum_t weight[rc + t] x[rc + t] over t < c: weight[i] is N^-1 times, for each layer, its root, negated where bit l of i is set
 * (Longa and Naehrig 2016, algorithm 2). The rest is an inverse transform of N / c residues without scaling.
 *
 * @param chunk - c, a power of two.
 * @returns Two arrays of shape [N], the second the Shoup companions; not to be modified.
 */
export function scoreWeights(chunk: number): ScoreWeights {
  const known = made.get(chunk) ?? make(chunk);
  made.set(chunk, known);
  return known;
}

function make(chunk: number): ScoreWeights {
  const weights = new Uint32Array(RING_DEGREE);
  for (let i = 0; i < RING_DEGREE; i++) {
    let weight = nttTables.degreeInverse;
    for (let width = 2; width <= chunk; width *= 2) {
      const root = nttTables.inverseRoots[(RING_DEGREE + i - (i % width)) / width]!;
      const product = multiplyModulo(weight, root);
      weight = (i & (width / 2)) === 0 ? product : MODULUS - product;
    }
    weights[i] = weight;
  }
  return { weights, weightsShoup: weights.map(shoup) };
}
