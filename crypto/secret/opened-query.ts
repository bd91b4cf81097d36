import { queryPolynomial, vectorProblem } from "../rlwe/block-layout.ts";
import { type RingLayout, HINT_STANDARD_DEVIATION, MODULUS, MODULUS_BITS, RING_DEGREE } from "../rlwe/parameters.ts";
import { interleavedIndex } from "../rlwe/kernels.ts";
import { publicPolynomial } from "../rlwe/public-randomness.ts";
import { areResidues } from "../rlwe/rlwe-index.ts";
import { WasmKernels } from "../rlwe/wasm-kernels.ts";
import type { BlockDescription } from "../scoring.ts";
import { QueryKey } from "./query-key.ts";

/** No coefficient of an honest query's error is larger: SEAL's distribution ends at 21. */
const QUERY_ERROR_MAX = 32;
/** A hint's error is no longer than this many times its expected length, 512 sqrt(N), of which its standard deviation is a 64th. */
const HINT_LENGTH_SLACK = 1.2;

/** What its sender says is in a query. */
export interface QueryOpening {
  /** s: shape [N], entries -1, 0 or 1. */
  readonly secret: Int8Array;
  /** Shape [dim], norm at most 1. */
  readonly embedding: Float32Array;
}

/**
 * A query opened again for a third person, so that what a party answered can be read and held against it.
 *
 * The querier must not be able to convict an honest party, so everything that is in its hands counts against it:
 * - It cannot claim another secret than it asked with. Of two openings of one b, the secrets' difference has a length of at most 2 sqrt(N), so a norm of at
 *   most (2 sqrt(N))^N, and is zero in fewer than a quarter of the NTT's places, each of which gives the norm a factor q. A uniform a_j takes it to any one
 *   value with probability 2^(-23 N); there are fewer than 2^(12 N m) differences of secrets, errors and questions. So a second secret exists for a share of
 *   2^(-11 N m) of all a_j, whoever searches for it: the a_j being uniform is all that this rests on. Under one secret, a question that is off by less than
 *   the error's bound may be claimed in place of the one asked; what that adds to the error is counted.
 * - It may have chosen the error to suit the party's rows, which it may know. {@link scoreErrorMax} therefore takes the error at its worst, not as random.
 */
export class OpenedQuery {
  /** No honest party's score is further from the exact inner product, whatever the query's error and secret were made for; in units of the score. */
  readonly scoreErrorMax: number;
  readonly #key: QueryKey;

  private constructor(key: QueryKey, scoreErrorMax: number) {
    this.#key = key;
    this.scoreErrorMax = scoreErrorMax;
  }

  /** @param query - As it was sent. @returns Null when it was made with something else. */
  static open(layout: RingLayout, query: Uint8Array, { secret, embedding }: QueryOpening): OpenedQuery | null {
    const kernels = new WasmKernels({ chunks: 1 });
    const isSecret = secret.length === RING_DEGREE && secret.every((entry) => entry >= -1 && entry <= 1);
    if (!isSecret || vectorProblem(embedding, { dim: layout.dim, normMax: 1 }) !== null) return null;
    if (query.length !== layout.queryBytes) return null;
    const residues = kernels.unpackBits(query, { count: layout.chunks * RING_DEGREE, bits: MODULUS_BITS });
    if (!areResidues(residues)) return null;
    const s = Uint32Array.from(secret, (entry) => (entry < 0 ? MODULUS - 1 : entry));
    kernels.forwardNtt(s);
    let squares = 0;
    for (let j = 0; j < layout.chunks; j++) {
      const error = errorOf(residues, j, s, { layout, embedding, kernels });
      if (error.some((entry) => Math.abs(entry) > QUERY_ERROR_MAX)) return null;
      for (const entry of error) squares += entry * entry;
    }
    return new OpenedQuery(QueryKey.reopened(layout, s), worstError(layout, Math.sqrt(squares)));
  }

  /** As {@link QueryKey.read}. @throws Fault ANSWER_MALFORMED, HINT_MALFORMED. */
  read(block: BlockDescription, scores: Uint8Array): Float32Array {
    return this.#key.read("", block, scores);
  }

  [Symbol.dispose](): void {
    this.#key[Symbol.dispose]();
  }
}

/** e_j = NTT^-1(b_j + a_j s) - Q_j, centred: shape [N]. */
function errorOf(
  residues: Uint32Array,
  j: number,
  s: Uint32Array,
  {
    layout,
    embedding,
    kernels,
  }: { readonly layout: RingLayout; readonly embedding: Float32Array; readonly kernels: WasmKernels },
): Int32Array {
  const sum = kernels.multiplyAccumulate(publicPolynomial(layout.seed, j), s, 1);
  for (let i = 0; i < RING_DEGREE; i++) sum[i] = (sum[i]! + residues[interleavedIndex(i, j, layout.chunks)]!) % MODULUS;
  kernels.inverseNtt(sum);
  const question = queryPolynomial(embedding, j, layout);
  return Int32Array.from(sum, (value, i) => {
    const difference = value - question[i]!;
    return difference - MODULUS * Math.round(difference / MODULUS);
  });
}

/**
 * What a coefficient that is a score can be off by, over S_D S_Q: by Cauchy and Schwarz |<v, e>| over the block's rows, the rounding of the question and of the
 * row, the hint's error times the secret, and the cut to p bits.
 *
 * @returns Infinity where that could carry a score around the modulus.
 */
function worstError(
  { dim, rowsPerBlock, dataScale, queryScale, normMax, scoreBits }: RingLayout,
  length: number,
): number {
  const row = dataScale * normMax + Math.sqrt(dim) / 2;
  const error = row * Math.sqrt(rowsPerBlock) * length;
  const rounding = (row + queryScale) * (Math.sqrt(dim) / 2);
  const hint = HINT_LENGTH_SLACK * HINT_STANDARD_DEVIATION * RING_DEGREE;
  const worst = (error + rounding + hint + 2 ** (MODULUS_BITS - scoreBits)) / (dataScale * queryScale);
  return normMax + worst < MODULUS / (2 * dataScale * queryScale) ? worst : Infinity;
}
