/**
 * How fast scores fall with rank in a collection: what its owner measures to know how many candidates to ask for. It shows something of the
 * collection, so it is for the owner and the readers, not for the host.
 */
export interface RankProfile {
  /** Rows that were scored. */
  readonly rowCount: number;
  /** A question each: its scores at {@link profileRanks}(rowCount), falling. */
  readonly questions: readonly (readonly number[])[];
}

/** Ranks a profile holds: 1, 2, 4, 8, ... and last rowCount. */
export function profileRanks(rowCount: number): number[] {
  const powers = Array.from({ length: Math.ceil(Math.log2(rowCount)) }, (_, i) => 2 ** i);
  return [...powers, rowCount];
}

/**
 * @param scoresPerQuestion - One array a question, the inner products of unit questions with all rows, in any order, all of one length of at
 * least 1; not modified. Some dozens of questions like those to come are enough; with a passage's own words as the question, leave that
 * passage's score out.
 */
export function measureRankProfile(scoresPerQuestion: readonly Float32Array[]): RankProfile {
  const rowCount = scoresPerQuestion[0]?.length ?? 0;
  if (rowCount === 0 || scoresPerQuestion.some(({ length }) => length !== rowCount))
    throw new TypeError("measureRankProfile: expected at least one question, with one score a row each");
  const ranks = profileRanks(rowCount);
  const questions = scoresPerQuestion.map((scores) => {
    const rising = scores.toSorted();
    return ranks.map((rank) => rising[rowCount - rank]!);
  });
  return { rowCount, questions };
}

/** Consecutive ranks of like score. */
export interface RankStep {
  readonly score: number;
  /** Rows in it; 1 among the first ranks. */
  readonly rows: number;
}

const SINGLE_RANKS = 16;
const STEPS_PER_OCTAVE = 4;

/**
 * One question's scores over a collection of rowCount rows, best first. A collection of g times the profile's rows has the score of rank r at
 * rank g r; between the profile's ranks scores are linear in the logarithm of the rank.
 */
export function rankSteps(profile: RankProfile, question: readonly number[], rowCount: number): RankStep[] {
  const growth = rowCount / profile.rowCount;
  const ranks = profileRanks(profile.rowCount);
  const steps: RankStep[] = [];
  for (let first = 1; first <= rowCount;) {
    const end = first < SINGLE_RANKS ? first + 1 : Math.ceil(first * 2 ** (1 / STEPS_PER_OCTAVE));
    const next = Math.min(end, rowCount + 1);
    steps.push({ score: scoreAt(ranks, question, Math.sqrt(first * (next - 1)) / growth), rows: next - first });
    first = next;
  }
  return steps;
}

function scoreAt(ranks: readonly number[], scores: readonly number[], rank: number): number {
  const above = ranks.findIndex((held) => held >= rank);
  if (above === 0) return scores[0]!;
  if (above === -1) return scores.at(-1)!;
  const share = Math.log(rank / ranks[above - 1]!) / Math.log(ranks[above]! / ranks[above - 1]!);
  return scores[above - 1]! + share * (scores[above]! - scores[above - 1]!);
}
