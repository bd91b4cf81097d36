import { type Matrix, row } from "../../sealing/matrix.ts";
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
const AXES_MAX = { quick: 64, standard: 96, full: 128 };
/** Axes for the moments: few first. */
const MOMENT_SIZES = { quick: [16, 32], standard: [16, 32, 48], full: [16, 32, 64] };

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
  const width = Math.min(rows.width - 1, lab.bySize(AXES_MAX), rows.rows - 1, own.rows - 1);
  const tools = { random: lab.random, pause: onStep };
  const targetAxes = await principalAxes(rows, width, tools);
  const sourceAxes = await principalAxes(own, width, tools);
  const sizes = [...new Set(lab.bySize(MOMENT_SIZES).map((size) => Math.min(size, width)))];
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

/**
 * The sealed rows as the attacker would have encoded them, as far as the axes reach.
 *
 * @param noiseVariance - Given: coordinates are drawn to the mean by the share of their variance that is this noise (Wiener's filter).
 * @returns Shape [rows][width of the attacker's rows].
 */
export function inSourceSpace({ targets, sourceAxes, map: { rotation, shift } }: Aligned, noiseVariance = 0): Matrix {
  const { axes, mean, variances } = sourceAxes;
  const data = new Float32Array(targets.rows * axes.width);
  const z = new Float64Array(targets.width);
  for (let i = 0; i < targets.rows; i++) {
    z.fill(0);
    for (let a = 0; a < targets.width; a++) {
      const value = targets.data[i * targets.width + a]! - shift[a]!;
      for (let b = 0; b < targets.width; b++) z[b]! += rotation[a * targets.width + b]! * value;
    }
    const out = data.subarray(i * axes.width, (i + 1) * axes.width);
    out.set(mean);
    for (let b = 0; b < targets.width; b++) {
      const axis = row(axes, b);
      const kept = noiseVariance === 0 ? z[b]! : (z[b]! * variances[b]!) / (variances[b]! + noiseVariance);
      for (let j = 0; j < axis.length; j++) out[j]! += kept * axis[j]!;
    }
  }
  return { data, rows: targets.rows, width: axes.width };
}
