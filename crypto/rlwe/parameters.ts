import { Fault } from "../fault.ts";

/** N: the ring is Z_q[X]/(X^N + 1). */
export const RING_DEGREE = 2048;
/** q: SEAL's largest 31-bit prime with q = 1 mod 2N; SEAL accepts it for N = 2048 at its 192-bit level. */
export const MODULUS = 2_147_389_441;
export const MODULUS_BITS = 31;
/** Standard deviation of SEAL's error distribution (HomomorphicEncryption.org standard, 2018). */
export const ERROR_STANDARD_DEVIATION = 3.2;
/**
 * Standard deviation of the Gaussian error in a published hint. DESIGN.md 4.3 measured 64 as free; 512 adds under 4 % to the
 * noise of a score for every parameter set below and makes the hint a harder LWE sample of the data.
 */
export const HINT_STANDARD_DEVIATION = 512;

const CHUNKS_ALLOWED = [8, 16, 32, 64];
const DIM_MAX = 8192;
// Inner products may use q / 2.2 of the q / 2 on either side of zero: the rest is room for noise and rounding.
const HEADROOM = 2.2;

export type ParameterFaultCode = "PARAMETERS_INVALID";

/** What a federation fixes for all its members; changing any of it re-encodes every collection. */
export interface ScoringParameters {
  /** d: length of an embedding, 1..8192. */
  readonly dim: number;
  /** c: coordinates a polynomial holds of one row; 8, 16, 32 or 64. More means a smaller query and larger hints. */
  readonly chunk: number;
  /** M: no passage vector has a larger Euclidean norm; queries have unit norm. */
  readonly normMax: number;
  /** p: bits of each score the querier receives, 8..31. */
  readonly scoreBits: number;
  /** 32 public bytes from which every a_j is expanded. */
  readonly seed: Uint8Array;
  /** How many parties' scores are added; default 1. No party's vector is then longer than M divided by it. */
  readonly parties?: number;
}

/** {@link ScoringParameters} with everything that follows from them. */
export interface RingLayout extends ScoringParameters {
  readonly parties: number;
  /** m = ceil(d / c): polynomials a block and a query have. */
  readonly chunks: number;
  /** N / c. */
  readonly rowsPerBlock: number;
  /** S_D: a stored entry is round(S_D x). */
  readonly dataScale: number;
  /** S_Q: a query entry is round(S_Q x). */
  readonly queryScale: number;
  /** Bytes of a packed query on the wire: m N residues of 31 bits. */
  readonly queryBytes: number;
  /** Bytes of a packed hint on the wire: N residues of 31 bits. */
  readonly hintBytes: number;
  /** Bytes of a block's packed scores on the wire. */
  readonly scoreBytesPerBlock: number;
}

/**
 * Derives the layout of DESIGN.md section 4.2.
 *
 * The two scales share the modulus: S_D S_Q = q / (2.2 M). A larger S_D rounds the data finer but carries more of the ciphertexts'
 * error into a score. Rounding contributes 0.29 / S_D (uniform, unit-norm query), the error 3.2 sqrt(N/c) M 2.2 S_D M / q; S_D makes
 * them equal. It depends on M and c alone, keeps every stored integer below 2^15, and costs no memory, since blocks are stored as
 * residues. An int8 grid rounds 3.4 times coarser when it is fitted to each vector, and 5.6 times with a fixed scale of 500
 * (M = 1, d = 384, c = 16; tests/crypto/precision.test.ts). Where the scores of n parties are added, none of whose vectors is longer than M / n, the same
 * balance gives sqrt(n) S_D.
 *
 * @throws Fault PARAMETERS_INVALID.
 */
export function ringLayout(parameters: ScoringParameters): RingLayout {
  const { dim, chunk, normMax, scoreBits, seed, parties = 1 } = parameters;
  const require = (holds: boolean, what: string): void => {
    if (!holds) throw new Fault<ParameterFaultCode>("PARAMETERS_INVALID", `scoring parameters: ${what}`);
  };
  require(Number.isInteger(dim) &&
    dim >= 1 &&
    dim <= DIM_MAX, `dim is ${String(dim)}, expected a whole number from 1 to ${String(DIM_MAX)}`);
  require(CHUNKS_ALLOWED.includes(chunk), `chunk is ${String(chunk)}, expected one of ${CHUNKS_ALLOWED.join(", ")}`);
  require(Number.isFinite(normMax) && normMax > 0 && normMax <= 1e6, "normMax must be above 0 and at most 1e6");
  require(Number.isInteger(scoreBits) &&
    scoreBits >= 8 &&
    scoreBits <= MODULUS_BITS, `scoreBits is ${String(scoreBits)}, expected 8 to 31`);
  require(seed.length === 32, `seed has ${String(seed.length)} bytes, expected 32`);
  require(Number.isInteger(parties) && parties >= 1, `parties is ${String(parties)}, expected a whole number from 1`);
  const rowsPerBlock = RING_DEGREE / chunk;
  const rounding = 1 / Math.sqrt(12);
  const errorPerScale = ERROR_STANDARD_DEVIATION * Math.sqrt(rowsPerBlock) * HEADROOM;
  const dataScale = Math.sqrt((parties * rounding * MODULUS) / errorPerScale) / normMax;
  const chunks = Math.ceil(dim / chunk);
  return {
    ...parameters,
    parties,
    chunks,
    rowsPerBlock,
    dataScale,
    queryScale: MODULUS / (HEADROOM * dataScale * normMax),
    queryBytes: (chunks * RING_DEGREE * MODULUS_BITS) / 8,
    hintBytes: (RING_DEGREE * MODULUS_BITS) / 8,
    scoreBytesPerBlock: (rowsPerBlock * scoreBits) / 8,
  };
}

/**
 * Expected standard deviation of one party's decrypted score around the exact inner product of the embeddings, in units of the score, for rows and
 * queries at their largest norm: rounding of the data, the ciphertexts' error times the block, the hint's error times the ternary secret,
 * and the cut to p bits. Rounding is taken as uniform: rows whose entries are mostly below 1 / (2 S_D) round to zero, an error of up to
 * sqrt(d) / (2 S_D) in the worst case, so an encoder's norms should not be far below its normMax.
 */
export function scoreStandardDeviation(layout: RingLayout): number {
  const { dataScale, queryScale, normMax, parties, rowsPerBlock, scoreBits } = layout;
  const rounding = 1 / (Math.sqrt(12) * dataScale);
  const error = (ERROR_STANDARD_DEVIATION * Math.sqrt(rowsPerBlock) * normMax) / (parties * queryScale);
  const hint = (HINT_STANDARD_DEVIATION * Math.sqrt((RING_DEGREE * 2) / 3)) / (dataScale * queryScale);
  const cut =
    scoreBits === MODULUS_BITS ? 0 : 2 ** (MODULUS_BITS - scoreBits) / (Math.sqrt(12) * dataScale * queryScale);
  return Math.hypot(rounding, error, hint, cut);
}

/**
 * No honest party's decrypted score is further from the exact inner product, in units of the score: the worst rounding of every entry, and 12 standard
 * deviations of the rest.
 */
export function scoreErrorMax(layout: RingLayout): number {
  return Math.sqrt(layout.dim) / (2 * layout.dataScale) + 12 * scoreStandardDeviation(layout);
}

/**
 * What the totals of a vertical federation can be, in units of the score: `parties` answers added, each of them cut to p bits.
 *
 * @returns `deviation`: standard deviation of a total around the exact sum of inner products, for vectors at their largest norm. `magnitudeMax`: no honest
 *   total is larger, with the worst rounding of every entry and 12 deviations.
 */
export function totalBounds(layout: RingLayout): { readonly deviation: number; readonly magnitudeMax: number } {
  const { parties, normMax, dim, dataScale } = layout;
  const deviation = Math.sqrt(parties) * scoreStandardDeviation(layout);
  const rounding = (parties * Math.sqrt(dim)) / (2 * dataScale);
  return { deviation, magnitudeMax: normMax + rounding + 12 * deviation };
}
