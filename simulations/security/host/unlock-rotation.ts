import type { Matrix } from "../../sealing/matrix.ts";
import type { Lab } from "../lab.ts";
import { alignMoments } from "./alignment.ts";
import { type RigidMap, refine } from "./matching.ts";
import { type PrincipalAxes, coordinates, principalAxes } from "./principal-axes.ts";
import type { SealedCollection } from "./sealed-collection.ts";
import { nearestOrthogonal } from "./square.ts";
import { cloudShape } from "./third-moments.ts";

/** Sealed rows and the attacker's own in coordinates in which a map takes these to those. */
export interface Aligned {
  readonly targetAxes: PrincipalAxes;
  readonly sourceAxes: PrincipalAxes;
  /** Shape [rows][width]. */
  readonly targets: Matrix;
  readonly sources: Matrix;
  /** From the sources' coordinates to the targets'. */
  readonly map: RigidMap;
}

/** Axes that are kept; a text's direction among a thousand rows is in fewer. */
const AXES_MAX = 96;
const MOMENT_SIZES = [16, 32, 48];

export interface UnlockOptions {
  readonly starts: number;
  /** Of matching row by row, after the moments. */
  readonly rounds: number;
  readonly onStep: () => Promise<void>;
}

/**
 * Finds the secret rotation from ciphertexts and text of the same kind alone: first by moments, then by matching row by row.
 *
 * @param own - The attacker's rows, lifted; some of the sealed ones may be among them.
 */
export async function unlockRotation(
  lab: Lab,
  { rows, noiseVariance }: SealedCollection,
  own: Matrix,
  { starts, rounds, onStep }: UnlockOptions,
): Promise<Aligned> {
  const width = Math.min(rows.width - 1, AXES_MAX, rows.rows - 1, own.rows - 1);
  const tools = { random: lab.random, pause: onStep };
  const targetAxes = await principalAxes(rows, width, tools);
  const sourceAxes = await principalAxes(own, width, tools);
  const sizes = [...new Set(MOMENT_SIZES.map((size) => Math.min(size, width)))];
  const white = await alignMoments(
    (size) => ({
      source: cloudShape(own, sourceAxes, size, noiseVariance),
      target: cloudShape(rows, targetAxes, size, 0),
    }),
    { sizes, starts, random: lab.random, pause: onStep },
  );
  const size = sizes.at(-1)!;
  const rotation = new Float64Array(width * width);
  for (let a = 0; a < size; a++)
    for (let b = 0; b < size; b++)
      rotation[a * width + b] =
        white[a * size + b]! * Math.sqrt(targetAxes.variances[a]! * (sourceAxes.variances[b]! + noiseVariance));
  const start = { rotation: nearestOrthogonal(rotation, width), shift: new Float64Array(width) };
  const [targets, sources] = [coordinates(rows, targetAxes), coordinates(own, sourceAxes)];
  const map = await refine(targets, sources, start, {
    noiseVariance,
    rounds,
    signal: lab.signal,
    onRound: onStep,
  });
  return { targetAxes, sourceAxes, targets, sources, map };
}
