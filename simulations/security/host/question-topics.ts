import { kMeans } from "../../sealing/k-means.ts";
import { type Matrix, innerProduct, norm, row } from "../../sealing/matrix.ts";
import { mean } from "../../metrics.ts";
import { sampleIndices } from "../../seeded-random.ts";

/** Topics of a collection, some of whose rows an attacker can tell the topic of. */
export interface Topics {
  /** Of each row, 0.. */
  readonly ofRow: readonly number[];
  /** Of each question: that of its best row in the open. */
  readonly ofQuestion: readonly number[];
  /** Rows whose topic the attacker knows. */
  readonly known: readonly number[];
  readonly count: number;
}

const TOPICS_MAX = 10;
const ROWS_A_TOPIC = 40;
const KNOWN_A_TOPIC = 10;

export interface TopicSource {
  /** In the open. */
  readonly rows: Matrix;
  /** The best row of each question. */
  readonly best: readonly number[];
  readonly random: () => number;
  readonly signal: AbortSignal;
}

/** Topics are clusters of the rows in the open, at most ten. */
export async function topicsOf({ rows, best, random, signal }: TopicSource): Promise<Topics> {
  const count = Math.max(2, Math.min(TOPICS_MAX, Math.floor(rows.rows / ROWS_A_TOPIC)));
  const ofRow = await kMeans(rows, { clusters: count, random, signal });
  const known = Array.from({ length: count }, (_, topic) => {
    const members = ofRow.flatMap((of, i) => (of === topic ? [i] : []));
    return sampleIndices(members.length, KNOWN_A_TOPIC, random).map((i) => members[i]!);
  }).flat();
  return { ofRow, ofQuestion: best.map((i) => ofRow[i]!), known, count };
}

/** What somebody knows who always names the most frequent topic of the questions. */
export function topicGuessing({ ofQuestion, count }: Topics): number {
  const counts = Array.from({ length: count }, (_, topic) => ofQuestion.filter((of) => of === topic).length);
  return Math.max(...counts) / ofQuestion.length;
}

/**
 * Names every question's topic by the rows it got: their mean, earlier ones with more weight where they come in order, lies farthest in the direction of
 * one topic's known rows from the centre of all.
 *
 * @param stored - What the attacker holds of the rows.
 * @param rows - Of each question.
 * @returns Right or not, for each question.
 */
export function guessTopics(
  { ofRow, ofQuestion, known, count }: Topics,
  {
    stored,
    rows,
    inOrder,
  }: { readonly stored: Matrix; readonly rows: readonly (readonly number[])[]; readonly inOrder: boolean },
): boolean[] {
  const all = Array.from({ length: stored.rows }, (_, i) => i);
  const centre = meanOf(stored, all);
  // How far every row lies in the direction of every topic.
  const along = Array.from({ length: count }, (_, topic) => {
    const direction = meanOf(
      stored,
      known.filter((i) => ofRow[i] === topic),
    ).map((x, j) => x - centre[j]!);
    const [length, offset] = [norm(direction) || 1, innerProduct(direction, centre)];
    return all.map((i) => (innerProduct(direction, row(stored, i)) - offset) / length);
  });
  return rows.map((of, i) => {
    const sums = along.map((far) => of.reduce((sum, r, rank) => sum + far[r]! / (inOrder ? rank + 1 : 1), 0));
    return sums.indexOf(Math.max(...sums)) === ofQuestion[i];
  });
}

function meanOf(matrix: Matrix, of: readonly number[]): Float32Array {
  const sum = new Float64Array(matrix.width);
  for (const i of of) {
    const vector = row(matrix, i);
    for (let j = 0; j < vector.length; j++) sum[j]! += vector[j]!;
  }
  return Float32Array.from(sum, (x) => x / Math.max(1, of.length));
}

/** Share of right guesses. */
export function accuracy(right: readonly boolean[]): number {
  return mean(right.map(Number));
}
