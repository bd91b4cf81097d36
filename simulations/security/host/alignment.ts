import type { CloudShape } from "./third-moments.ts";
import { type Square, nearestOrthogonal, resized } from "./square.ts";
import { timesTransposed } from "./times-transposed.ts";

/** Of the three agreements in a Gaussian likelihood of sample moments: 1/6 for a third moment's entry, 1/4 and 2 cross terms for a variance's, 1/2 for a mean's. */
const SPREAD_WEIGHT = 3;
const MEAN_WEIGHT = 6;
const STEPS_MAX = 40;
const CLOSE = 1e-4;
/** Summits on the first axes from which the climb goes on. */
const FINALISTS = 4;
/** Relative difference of two climbs to one summit. */
const SAME = 1e-3;

export interface AlignmentOptions {
  /** Axes to begin with, and with how many more to go on: rising, the first for all starts. */
  readonly sizes: readonly number[];
  /** Random signs that are tried. */
  readonly starts: number;
  readonly random: () => number;
  /** Called after every step that takes long. */
  readonly pause: () => Promise<void>;
}

/**
 * The orthogonal Q under which two clouds' moments agree best, Q source ~ target: it maximises
 * <T', Q Q Q T> + 3 <L', Q L Q^T> + 6 <m', Q m>
 * for third moments T, log variances L and means m, each in the clouds' own principal axes at variance 1. Steps are those of a power method, Q <- the orthogonal
 * matrix nearest to the gradient (Journée et al., "Generalized power method for sparse PCA", 2010), from many random signs, on a few axes first.
 *
 * No row of one cloud need be in the other: it is enough that both are drawn from texts of one kind.
 *
 * @param shapeOf - Both shapes on that many axes.
 * @returns Shape of the last size.
 */
export async function alignMoments(
  shapeOf: (size: number) => { readonly source: CloudShape; readonly target: CloudShape },
  { sizes, starts, random, pause }: AlignmentOptions,
): Promise<Square> {
  const first = sizes[0]!;
  const shapes = shapeOf(first);
  let found: Climbed[] = [];
  for (let start = 0; start < starts; start++) {
    const signs = resized(new Float64Array(), 0, first).map((value) => (random() < 0.5 ? -value : value));
    found.push(await climb(signs, shapes, pause));
  }
  for (const [i, size] of sizes.slice(1).entries()) {
    const larger = shapeOf(size);
    const climbed: Climbed[] = [];
    for (const { rotation } of best(found, FINALISTS >> (2 * i)))
      climbed.push(await climb(resized(rotation, sizes[i]!, size), larger, pause));
    found = climbed;
  }
  return best(found, 1)[0]!.rotation;
}

interface Climbed {
  readonly rotation: Square;
  readonly agreement: number;
}

/** Different ones: two climbs to one summit agree alike. */
function best(found: readonly Climbed[], count: number): Climbed[] {
  const sorted = found.toSorted((a, b) => b.agreement - a.agreement);
  const isNew = ({ agreement }: Climbed, i: number): boolean =>
    i === 0 || sorted[i - 1]!.agreement - agreement > SAME * Math.abs(agreement);
  return sorted.filter(isNew).slice(0, Math.max(1, count));
}

interface Shapes {
  readonly source: CloudShape;
  readonly target: CloudShape;
}

async function climb(start: Square, shapes: Shapes, pause: () => Promise<void>): Promise<Climbed> {
  const { size } = shapes.source;
  let rotation = start;
  // Steps may overshoot: the best is kept, not the last.
  let highest: Climbed = { rotation, agreement: -Infinity };
  for (let step = 0; step < STEPS_MAX; step++) {
    const { gradient: uphill, agreement } = gradient(rotation, shapes);
    if (agreement > highest.agreement) highest = { rotation, agreement };
    const next = nearestOrthogonal(uphill, size);
    let moved = 0;
    for (let i = 0; i < next.length; i++) moved += (next[i]! - rotation[i]!) ** 2;
    rotation = next;
    await pause();
    if (moved < CLOSE * size) break;
  }
  return highest;
}

/** A third of the gradient, and what it is the gradient of. */
function gradient(rotation: Square, { source, target }: Shapes): { gradient: Square; agreement: number } {
  const { size } = source;
  const thirds = timesTransposed(target.third, turnTwo(source.third, rotation, size), size * size);
  const out = new Float64Array(size * size);
  let agreement = 0;
  for (let a = 0; a < size; a++)
    for (let b = 0; b < size; b++) {
      const third = thirds[a * size + b]!;
      const entry = rotation[a * size + b]!;
      const spread = SPREAD_WEIGHT * target.spreads[a]! * source.spreads[b]! * entry;
      const mean = MEAN_WEIGHT * target.mean[a]! * source.mean[b]!;
      agreement += (third + spread + mean) * entry;
      out[a * size + b] = third + (2 * spread + mean) / 3;
    }
  return { gradient: out, agreement };
}

/** T with its last two indices rotated, which are those of symmetric matrices T_a: Q T_a Q^T. */
function turnTwo(third: Float64Array, rotation: Square, size: number): Float64Array {
  const out = new Float64Array(third.length);
  for (let a = 0; a < size; a++) {
    const slice = third.subarray(a * size * size, (a + 1) * size * size);
    const half = timesTransposed(rotation, slice, size);
    out.set(timesTransposed(half, rotation, size), a * size * size);
  }
  return out;
}
