import { type Matrix, nearest, row } from "../../sealing/matrix.ts";
import { type Square, nearestOrthogonal } from "./square.ts";
import { timesTransposed } from "./times-transposed.ts";

/** x -> rotation x + shift. */
export interface RigidMap {
  readonly rotation: Square;
  readonly shift: Float64Array;
}

export interface RefineOptions {
  /** Of the noise of a target's coordinate. */
  readonly noiseVariance: number;
  readonly rounds: number;
  readonly signal: AbortSignal;
  readonly onRound: (round: number) => Promise<void>;
}

/** Candidates that a row may be, each with its probability. */
const CANDIDATES = 32;
/** Of the rows, those nearest to a candidate: the others may have none. */
const TRUSTED = 0.5;
const CLOSE = 1e-5;

/**
 * Brings a map nearer to the one that made the targets out of some of the sources: each target's likely sources by distance, then Procrustes' rotation between them, in turn
 * (Besl and McKay's iterative closest points, 1992, as an expectation maximisation; the trimming is Chetverikov et al.'s, 2002; with embeddings, Grave et al., 2019).
 *
 * @param targets - Shape [rows][width], centred.
 * @param sources - Shape [rows][width], centred.
 */
export async function refine(
  targets: Matrix,
  sources: Matrix,
  start: RigidMap,
  options: RefineOptions,
): Promise<RigidMap> {
  const { noiseVariance, rounds, signal, onRound } = options;
  const { width } = targets;
  let map = start;
  for (let round = 0; round < rounds; round++) {
    await onRound(round);
    const found = await nearest(apply(map, sources), targets, { count: CANDIDATES, by: "distance", signal });
    const closest = found.distances.map((distances) => distances[0]!);
    const limit = closest.toSorted((a, b) => a - b)[Math.floor(TRUSTED * closest.length)]!;
    const trusted = closest.flatMap((distance, i) => (distance <= limit ? [i] : []));
    const spread = trusted.reduce((sum, i) => sum + closest[i]!, 0) / trusted.length / width;
    const variance = Math.max(noiseVariance, spread);
    const pairs = trusted.map((i) => ({
      target: row(targets, i),
      source: expected(sources, found.rows[i]!, found.distances[i]!, variance),
    }));
    const next = procrustes(pairs, width);
    const moved = next.rotation.reduce((sum, value, i) => sum + (value - map.rotation[i]!) ** 2, 0);
    map = next;
    if (moved < CLOSE * width) break;
  }
  return map;
}

export interface Pair {
  readonly target: ArrayLike<number>;
  readonly source: ArrayLike<number>;
}

/** The rotation and shift with the least sum of squared distances (Schönemann, 1966). */
export function procrustes(pairs: readonly Pair[], width: number): RigidMap {
  const [to, from] = [new Float64Array(width), new Float64Array(width)];
  for (const { target, source } of pairs)
    for (let j = 0; j < width; j++) {
      to[j]! += target[j]! / pairs.length;
      from[j]! += source[j]! / pairs.length;
    }
  const cross = new Float64Array(width * width);
  for (const { target, source } of pairs)
    for (let a = 0; a < width; a++) {
      const factor = target[a]! - to[a]!;
      for (let b = 0; b < width; b++) cross[a * width + b]! += factor * (source[b]! - from[b]!);
    }
  const rotation = nearestOrthogonal(cross, width);
  const shift = to.map((value, a) => {
    let turned = 0;
    for (let b = 0; b < width; b++) turned += rotation[a * width + b]! * from[b]!;
    return value - turned;
  });
  return { rotation, shift };
}

/** @returns Shape [rows][width]. */
export function apply({ rotation, shift }: RigidMap, { data, rows, width }: Matrix): Matrix {
  const turned = timesTransposed(new Float64Array(data), rotation, width);
  return { data: new Float32Array(turned.map((value, at) => value + shift[at % width]!)), rows, width };
}

/** The sources' mean by their probabilities under Gaussian noise. */
function expected(
  sources: Matrix,
  candidates: readonly number[],
  distances: Float32Array,
  variance: number,
): Float64Array {
  const mean = new Float64Array(sources.width);
  const weights = Array.from(distances, (distance) => Math.exp((distances[0]! - distance) / (2 * variance)));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  candidates.forEach((candidate, c) => {
    const vector = row(sources, candidate);
    for (let j = 0; j < mean.length; j++) mean[j]! += (weights[c]! / total) * vector[j]!;
  });
  return mean;
}
