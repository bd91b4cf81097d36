import { liftedNorm } from "./lift.ts";
import { capriseLayout, checkEpsilon, refuseUnknown } from "./parameters.ts";
import { QUERY_SHARE, STORED_SHARE } from "./scale-and-perturb.ts";

/** What decides how far a host's ranking is off. */
export interface QuestionNoiseOptions {
  /** d, of the embeddings. */
  readonly dim: number;
  /** Of the key: rows are lifted to norm M = {@link liftedNorm}(normMax). */
  readonly normMax: number;
  /** Of the key. */
  readonly beta: number;
  /** As given to `CapriseKey.encryptQuery` with the question scaled to norm M; left out or undefined: no DistanceDP. */
  readonly epsilon?: number | undefined;
  /** Root mean square norm of the rows before the lift, 0..normMax; normMax, which errs on the safe side, by default. */
  readonly rowNorm?: number;
  /** Cosine of question and lifted row from which on rows matter, 0..1: a score over M; 0, which errs on the safe side, by default. */
  readonly cosine?: number;
}

/**
 * Standard deviation, over rows, of what a host ranks by in `outsourced` mode less the true inner product <q, x> of a unit question, in units
 * of that inner product. The scale does not matter.
 *
 * The host sees (over the scale) Q + z and x + l: Q = M q, x lifted to norm M, z the question's noise, l uniform in the ball of radius
 * R = 3 beta / 8. It ranks by
 *   -||Q + z - x - l||^2 / 2 = const + <Q, x> + <z, x> - <x - Q - z, l> - ||l||^2 / 2,
 * const the same for all rows. A coordinate of a uniform point of a ball of n dimensions and radius r has variance r^2 / (n + 2), ||l||^2 has
 * R^4 4 n / ((n + 4) (n + 2)^2), a coordinate of DistanceDP's noise (d + 1) / epsilon^2. The terms are uncorrelated; over M their root sum of
 * squares is the result, ||x - Q||^2 being 2 M^2 (1 - cosine). Rows that share a direction share what <z, x> makes of it, which moves none past
 * another: of DistanceDP's part the result is an upper bound.
 *
 * @throws Fault PARAMETERS_INVALID. TypeError for an unknown option.
 */
export function questionNoise(options: QuestionNoiseOptions): number {
  const { dim, normMax, beta, epsilon, rowNorm = normMax, cosine = 0, ...unknown } = options;
  refuseUnknown("questionNoise", unknown);
  if (epsilon !== undefined) checkEpsilon(epsilon);
  const n = capriseLayout({ dim, normMax, beta, scale: 1 }).ciphertextDim;
  const norm = liftedNorm(normMax);
  const [stored, question] = [STORED_SHARE * beta, QUERY_SHARE * beta];
  const privacy = epsilon === undefined ? 0 : (dim + 1) / epsilon ** 2;
  const questionSquared = dim * privacy + (question ** 2 * n) / (n + 2);
  const variance =
    rowNorm ** 2 * privacy +
    (norm ** 2 * question ** 2) / (n + 2) +
    ((2 * norm ** 2 * (1 - cosine) + questionSquared) * stored ** 2) / (n + 2) +
    (stored ** 4 * n) / ((n + 4) * (n + 2) ** 2);
  return Math.sqrt(variance) / norm;
}

/**
 * The same in `double` mode: the unit question is not perturbed and the score of a row is <q, s x + l> / s, off by <q, l> / s. What the ring-LWE
 * scheme adds, `scoreStandardDeviation` over s, is not in it; join the two by `Math.hypot`.
 *
 * @throws Fault PARAMETERS_INVALID. TypeError for an unknown option.
 */
export function doubleNoise(options: Omit<QuestionNoiseOptions, "epsilon" | "rowNorm" | "cosine">): number {
  const { dim, normMax, beta, ...unknown } = options;
  refuseUnknown("doubleNoise", unknown);
  const { ciphertextDim } = capriseLayout({ dim, normMax, beta, scale: 1 });
  return (STORED_SHARE * beta) / Math.sqrt(ciphertextDim + 2);
}
