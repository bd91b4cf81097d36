import { Fault } from "../fault.ts";

/**
 * - PARAMETERS_INVALID: a parameter or an epsilon is out of its range.
 * - ROW_INVALID: a vector to store has the wrong dimension, an entry that is not finite, or too large a norm.
 * - EMBEDDING_INVALID: the same of a query.
 * - CIPHERTEXT_MALFORMED: a stored ciphertext has the wrong dimension or an entry that is not finite.
 */
export type CapriseFaultCode = "PARAMETERS_INVALID" | "ROW_INVALID" | "EMBEDDING_INVALID" | "CIPHERTEXT_MALFORMED";

const DIM_MAX = 65_536;
const SCALE_MIN = 1e-6;
const SCALE_MAX = 1e6;
/** Largest norm of any vector: squares of encrypted distances stay far inside float32. */
export const NORM_MAX = 1e6;
/** Keeps DistanceDP's noise, and its square, finite in float32. */
const EPSILON_MIN = 1e-6;
/** Of the norm of what is stored: with less noise, little of it would survive rounding to float32. */
const BETA_SHARE_MIN = 1e-6;

/** What a collection's key is made for; with other parameters the same secret gives an unrelated key. */
export interface CapriseParameters {
  /** d: length of an embedding, 1..65536. */
  readonly dim: number;
  /** s, 1e-6..1e6. Secret in the scheme's analysis, but see SECURITY.md: it shows in the norms of the ciphertexts. */
  readonly scale: number;
  /**
   * A query keeps the order of two stored vectors whose distances to it differ by more than this; above 0, in units of the embeddings'
   * distances (of the lifted ones, where there is a normMax). At least 1e-6 normMax (1e-6 without one) and at most 1e6.
   */
  readonly beta: number;
  /** Rotates by a secret orthogonal map first; false by default. */
  readonly rotation?: boolean;
  /**
   * Given: vectors are ranked by inner product, have norms up to this, and are lifted by a coordinate (lift.ts).
   * Left out: by Euclidean distance, with norms up to 1e6.
   */
  readonly normMax?: number;
}

/** {@link CapriseParameters} with everything said. */
export interface CapriseLayout {
  readonly dim: number;
  readonly scale: number;
  readonly beta: number;
  readonly rotation: boolean;
  readonly normMax: number | null;
  /** Length of a ciphertext: dim, and one more where vectors are lifted. */
  readonly ciphertextDim: number;
}

/**
 * @throws Fault PARAMETERS_INVALID. TypeError for an unknown option.
 */
export function capriseLayout(parameters: CapriseParameters): CapriseLayout {
  const { dim, scale, beta, rotation = false, normMax = null, ...unknown } = parameters;
  refuseUnknown("CapriseKey", unknown);
  require(Number.isInteger(dim) &&
    dim >= 1 &&
    dim <= DIM_MAX, `dim is ${String(dim)}, expected a whole number from 1 to ${String(DIM_MAX)}`);
  require(isWithin(scale, SCALE_MIN, SCALE_MAX), `scale must be from ${SCALE_MIN} to ${SCALE_MAX}`);
  require(typeof rotation === "boolean", "rotation must be true or false");
  require(normMax === null || isWithin(normMax, 1 / NORM_MAX, NORM_MAX), `normMax must be from 1e-6 to ${NORM_MAX}`);
  const betaMin = BETA_SHARE_MIN * (normMax ?? 1);
  require(isWithin(
    beta,
    betaMin,
    NORM_MAX,
  ), `beta must be from ${betaMin} to ${NORM_MAX}; it says how much noise hides a vector`);
  return { dim, scale, beta, rotation, normMax, ciphertextDim: dim + (normMax === null ? 0 : 1) };
}

/** @throws Fault PARAMETERS_INVALID. */
export function checkEpsilon(epsilon: unknown): asserts epsilon is number {
  require(isWithin(
    epsilon,
    EPSILON_MIN,
    Number.MAX_VALUE,
  ), `epsilon must be a finite number of at least ${EPSILON_MIN}; leave it out for no DistanceDP noise`);
}

/** A misspelt option must stop the run, not switch its noise off. */
export function refuseUnknown(what: string, unknown: object): void {
  for (const name of Object.keys(unknown)) throw new TypeError(`${what}: unknown option "${name}"`);
}

function isWithin(value: unknown, least: number, most: number): boolean {
  return typeof value === "number" && value >= least && value <= most;
}

function require(holds: boolean, what: string): void {
  if (!holds) throw new Fault<CapriseFaultCode>("PARAMETERS_INVALID", `CAPRISE parameters: ${what}`);
}
