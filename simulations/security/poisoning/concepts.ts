import { kMeans } from "../../sealing/k-means.ts";
import type { Matrix } from "../../sealing/matrix.ts";
import { sampleIndices } from "../../seeded-random.ts";

/** Questions about one topic; indices into all questions. */
export interface Concept {
  /** The attacker knows these. */
  readonly seen: readonly number[];
  /** And is measured on these. */
  readonly heldOut: readonly number[];
}

/** About how many questions a concept has. */
const CONCEPT_SIZE = 24;
/** Fewer cannot be divided. */
const CONCEPT_SIZE_MIN = 4;

/**
 * Topics that questions are about: clusters of their vectors, the largest first, each divided at random into halves.
 *
 * @param questions - Shape [questions][dim].
 */
export async function concepts(
  questions: Matrix,
  { count, random, signal }: { readonly count: number; readonly random: () => number; readonly signal: AbortSignal },
): Promise<Concept[]> {
  const clusters = Math.max(1, Math.round(questions.rows / CONCEPT_SIZE));
  const labels = await kMeans(questions, { clusters, random, signal });
  const groups = Array.from({ length: clusters }, () => [] as number[]);
  labels.forEach((label, i) => groups[label]!.push(i));
  return groups
    .filter(({ length }) => length >= CONCEPT_SIZE_MIN)
    .sort((a, b) => b.length - a.length)
    .slice(0, count)
    .map((group) => {
      const seen = new Set(sampleIndices(group.length, Math.floor(group.length / 2), random));
      return { seen: group.filter((_, i) => seen.has(i)), heldOut: group.filter((_, i) => !seen.has(i)) };
    });
}
