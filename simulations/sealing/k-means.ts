import { type Matrix, nearest, pick, row, squaredDistance } from "./matrix.ts";

const ROUNDS_MAX = 30;

export interface KMeansOptions {
  readonly clusters: number;
  readonly random: () => number;
  readonly signal: AbortSignal;
}

/**
 * Lloyd's k-means from the centres of k-means++ (Arthur and Vassilvitskii, 2007); another start finds other clusters.
 *
 * @returns A cluster, 0..clusters-1, for each point.
 */
export async function kMeans(points: Matrix, { clusters, random, signal }: KMeansOptions): Promise<readonly number[]> {
  let centres = pick(points, spreadOut(points, clusters, random));
  let [labels, inertia]: [readonly number[], number] = [[], Infinity];
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const found = await nearest(centres, points, { count: 1, by: "distance", signal });
    const now = found.distances.reduce((sum, [distance]) => sum + distance!, 0);
    if (!(now < inertia)) break;
    [labels, inertia] = [found.rows.map(([label]) => label!), now];
    centres = meansOf(points, labels, centres);
  }
  return labels;
}

/** Centres of k-means++: each drawn with a probability proportional to the squared distance to the nearest one before. */
function spreadOut(points: Matrix, count: number, random: () => number): number[] {
  const chosen = [Math.floor(random() * points.rows)];
  const squares = new Float64Array(points.rows).fill(Infinity);
  while (chosen.length < Math.min(count, points.rows)) {
    const centre = row(points, chosen.at(-1)!);
    let sum = 0;
    for (let i = 0; i < points.rows; i++)
      sum += squares[i] = Math.min(squares[i]!, squaredDistance(row(points, i), centre));
    let left = random() * sum;
    const found = squares.findIndex((square) => (left -= square) < 0);
    chosen.push(found === -1 ? points.rows - 1 : found);
  }
  return chosen;
}

/** A cluster that has lost all its points keeps its centre. */
function meansOf(points: Matrix, labels: readonly number[], before: Matrix): Matrix {
  const { rows, width } = before;
  const sums = new Float64Array(rows * width);
  const counts = new Uint32Array(rows);
  labels.forEach((label, i) => {
    counts[label]!++;
    const point = row(points, i);
    for (let j = 0; j < width; j++) sums[label * width + j]! += point[j]!;
  });
  const data = before.data.map((old, at) => {
    const count = counts[Math.floor(at / width)]!;
    return count === 0 ? old : sums[at]! / count;
  });
  return { data, rows, width };
}
