import { Fault } from "../fault.ts";
import { type CapriseFaultCode, refuseUnknown } from "./parameters.ts";
import { type RankProfile, type RankStep, rankSteps } from "./rank-profile.ts";

/** A host is never asked for more: at 768 dimensions about 6 MiB of ciphertexts. */
export const CANDIDATES_MAX = 2048;
/** Of k: asked for at least. Scores are closer here and there than between the profile's ranks, which counts where noise is small. */
const FLOOR = 1.5;
const MISS_PROBABILITY = 0.005;
/** Standard deviations of noise that are taken for all of it. */
const TAIL = 8;
const HALVINGS = 40;

export interface CandidateCountOptions {
  /** Rows wanted in the end, 1..CANDIDATES_MAX. */
  readonly k: number;
  /** Standard deviation of a row's score at the host, from `questionNoise` or `doubleNoise`; in the profile's units. */
  readonly noise: number;
  readonly profile: RankProfile;
  /** Rows the host holds now; may differ from the profile's. */
  readonly rowCount: number;
  /** Tolerated share of the true top k that is not among the candidates, above 0 and below 1; 0.005 by default. */
  readonly missProbability?: number;
}

export interface CandidateCount {
  /** k': at least 1.5 k, at most CANDIDATES_MAX, and never more than there are rows. */
  readonly candidates: number;
  /** Share of the true top k expected to be missing from them. */
  readonly missShare: number;
  /** More would have been needed than CANDIDATES_MAX: missShare is above what is tolerated. */
  readonly isCapped: boolean;
}

/**
 * How many candidates a host must return so that the true top k are among them, except for a share of missProbability on average.
 *
 * With a score S_r at rank r and normal noise of standard deviation sigma on each, sum over r of Phi((S_r - t) / sigma) rows are expected above t.
 * The t at which they are k' is what the last candidate scores; the row of true rank j <= k is missed when its noise is below t - S_j,
 * so with probability Phi((t - S_j) / sigma). k' is the smallest for which the mean of that over the profile's questions and j = 1..k is tolerated.
 *
 * Assumptions: the questions to come resemble the profile's, and the host's ranking is exact (an approximate index misses rows on its own).
 * The question's own noise is the same for all rows, so that similar rows are missed together; the mean is not affected.
 *
 * @throws Fault PARAMETERS_INVALID. TypeError for an unknown option.
 */
export function candidateCount(options: CandidateCountOptions): CandidateCount {
  const { k, noise, profile, rowCount, missProbability = MISS_PROBABILITY, ...unknown } = options;
  refuseUnknown("candidateCount", unknown);
  checkRanges({ k, noise, rowCount, missProbability });
  const most = Math.min(rowCount, CANDIDATES_MAX);
  const least = Math.min(most, Math.ceil(FLOOR * k));
  const questions = profile.questions.map((question) => rankSteps(profile, question, rowCount));
  const missShare = (candidates: number): number =>
    candidates >= rowCount || noise === 0 ? 0 : meanOver(questions, (steps) => missed({ steps, k, noise, candidates }));
  const candidates = smallest(least, most, (count) => missShare(count) <= missProbability);
  const share = missShare(candidates);
  return { candidates, missShare: share, isCapped: share > missProbability };
}

/** The smallest whole number of least..most for which a condition holds that, once it holds, holds from there on; most when it never does. */
function smallest(least: number, most: number, holds: (value: number) => boolean): number {
  let [low, high] = [least, most];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

interface Case {
  readonly steps: readonly RankStep[];
  readonly k: number;
  readonly noise: number;
  readonly candidates: number;
}

/** Expected share of the first k rows that are not among the candidates. */
function missed({ steps, k, noise, candidates }: Case): number {
  const threshold = lastCandidate({ steps, noise, candidates });
  let [missing, seen] = [0, 0];
  for (const { score, rows } of steps) {
    const counted = Math.min(rows, k - seen);
    missing += counted * normalCdf((threshold - score) / noise);
    seen += counted;
    if (seen === k) break;
  }
  return missing / seen;
}

/** The t above which as many noisy scores are expected as there are candidates. */
function lastCandidate({ steps, noise, candidates }: Omit<Case, "k">): number {
  let [low, high] = [steps.at(-1)!.score - TAIL * noise, steps[0]!.score + TAIL * noise];
  for (let i = 0; i < HALVINGS && high - low > 1e-3 * noise; i++) {
    const middle = (low + high) / 2;
    let above = 0;
    for (const { score, rows } of steps) above += rows * normalCdf((score - middle) / noise);
    if (above > candidates) low = middle;
    else high = middle;
  }
  return high;
}

// Looking up a global is slow in some engines' realms, and these are asked for millions of times.
const { abs, exp, SQRT1_2 } = Math;

/** The cumulative function of the normal distribution, off by at most 1e-7 (Abramowitz and Stegun 7.1.26). */
function normalCdf(x: number): number {
  const t = 1 / (1 + 0.3275911 * abs(x) * SQRT1_2);
  const polynomial = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const tail = (polynomial * exp((-x * x) / 2)) / 2;
  return x > 0 ? 1 - tail : tail;
}

function meanOver<Value>(values: readonly Value[], of: (value: Value) => number): number {
  return values.reduce((sum, value) => sum + of(value), 0) / values.length;
}

function checkRanges({ k, noise, rowCount, missProbability }: Required<Omit<CandidateCountOptions, "profile">>): void {
  const problem =
    !Number.isInteger(k) || k < 1 || k > CANDIDATES_MAX
      ? `k must be a whole number from 1 to ${CANDIDATES_MAX}`
      : !(noise >= 0 && Number.isFinite(noise))
        ? "noise must be a finite number of at least 0"
        : !Number.isSafeInteger(rowCount) || rowCount < 1
          ? "rowCount must be a whole number of at least 1"
          : !(missProbability > 0 && missProbability < 1)
            ? "missProbability must be above 0 and below 1"
            : null;
  if (problem !== null) throw new Fault<CapriseFaultCode>("PARAMETERS_INVALID", `candidateCount: ${problem}`);
}
