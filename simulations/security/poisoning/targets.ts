import { kMeans } from "../../sealing/k-means.ts";
import { type Matrix, innerProduct, pick, row } from "../../sealing/matrix.ts";

/** What one poisoned passage is to be found by. */
export interface Target {
  /** Mean of the questions' vectors, shape [dim]. */
  readonly vector: Float32Array;
  /** The questions, nearest to the mean first. */
  readonly texts: readonly string[];
}

/** Questions with their vectors. */
export interface KnownQuestions {
  readonly texts: readonly string[];
  /** Shape [texts][dim]. */
  readonly vectors: Matrix;
}

/**
 * What an attacker's passages aim at: the mean of all questions it knows, then the means of 2, 4, 8 ... clusters of them (Ben-Tov and Sharif 2024 take one
 * number of clusters), each question alone, and what is left over at titles of its own text, those nearest to the questions.
 */
export async function targetsOf(
  seen: KnownQuestions,
  titles: KnownQuestions,
  { count, random, signal }: { readonly count: number; readonly random: () => number; readonly signal: AbortSignal },
): Promise<Target[]> {
  const all = seen.texts.map((_, i) => i);
  const targets = [targetOf(seen, all)];
  for (let clusters = 2; clusters < all.length && targets.length < count; clusters *= 2) {
    const labels = await kMeans(seen.vectors, { clusters, random, signal });
    const groups = all.slice(0, clusters).map((cluster) => all.filter((i) => labels[i] === cluster));
    targets.push(...groups.filter(({ length }) => length > 1).map((members) => targetOf(seen, members)));
  }
  targets.push(...all.map((i) => targetOf(seen, [i])));
  const centre = targets[0]!.vector;
  const near = titles.texts
    .map((_, i) => ({ i, score: innerProduct(row(titles.vectors, i), centre) }))
    .sort((a, b) => b.score - a.score);
  targets.push(...near.map(({ i }) => targetOf(titles, [i])));
  return targets.slice(0, count);
}

function targetOf({ texts, vectors }: KnownQuestions, members: readonly number[]): Target {
  const { data, rows, width } = pick(vectors, members);
  const vector = new Float32Array(width);
  data.forEach((entry, at) => (vector[at % width]! += entry / rows));
  const nearest = members
    .map((i) => ({ i, score: innerProduct(row(vectors, i), vector) }))
    .sort((a, b) => b.score - a.score);
  return { vector, texts: nearest.map(({ i }) => texts[i]!) };
}
