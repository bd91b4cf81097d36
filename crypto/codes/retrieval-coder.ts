import { refuseUnknown } from "../dcpe/parameters.ts";
import { checkCoder, codeFault } from "./code-fault.ts";
import { Projection } from "./projection.ts";
import { type Sample, medianOf, projectSample } from "./sample.ts";

/** What makes a coder, and nothing else: parties that hold the same make the same codes of the same vectors. */
export interface RetrievalCoderParameters {
  /** Length of an embedding, 1..65536. */
  readonly dim: number;
  /** Length of a code: 64, 128, ... 1024. */
  readonly bits: number;
  /** 32 bytes, shared by all who compare codes. */
  readonly seed: Uint8Array;
  /** Shape [bits], finite: a bit is set where the projection is above. */
  readonly thresholds: Float32Array;
}

export interface FitOptions extends Omit<RetrievalCoderParameters, "thresholds"> {
  /** Some hundred to some thousand vectors of the kind that will be encoded; norms do not matter. Not modified. */
  readonly sample: Sample;
}

/**
 * One-way codes for retrieval (DESIGN.md 6): the signs of a seeded rotation of the vector's direction, each against the median of a sample, so
 * that every bit is set for half the rows. Charikar, "Similarity estimation techniques from rounding algorithms", STOC 2002: without the medians
 * two directions at an angle of t differ in t / pi of the bits.
 *
 * A code is a limit on what is released, not a cryptographic one-way function: neighbours stay neighbours, whoever has the coder can test guesses,
 * and the longer a code is against the dimension, the closer a vector can be rebuilt from it. Thresholds are statistics of the sample.
 */
export class RetrievalCoder {
  readonly parameters: RetrievalCoderParameters;
  readonly #projection: Projection;
  readonly #projected: Float64Array;

  /**
   * @param parameters - Copied.
   * @throws Fault PARAMETERS_INVALID. TypeError for an unknown option.
   */
  constructor(parameters: RetrievalCoderParameters) {
    const { dim, bits, seed, thresholds, ...unknown } = parameters;
    refuseUnknown("RetrievalCoder", unknown);
    checkCoder({ dim, bits, seed });
    if (!(thresholds instanceof Float32Array) || thresholds.length !== bits || !thresholds.every(Number.isFinite))
      throw codeFault("PARAMETERS_INVALID", `a coder of ${bits} bits needs as many finite thresholds; fit it again`);
    this.parameters = { dim, bits, seed: seed.slice(), thresholds: thresholds.slice() };
    this.#projection = new Projection({ dim, width: bits, seed });
    this.#projected = new Float64Array(bits);
  }

  /** @throws Fault PARAMETERS_INVALID, SAMPLE_INVALID. TypeError for an unknown option. */
  static fit({ dim, bits, seed, sample, ...unknown }: FitOptions): RetrievalCoder {
    refuseUnknown("RetrievalCoder.fit", unknown);
    checkCoder({ dim, bits, seed });
    const columns = projectSample(sample, new Projection({ dim, width: bits, seed }));
    return new RetrievalCoder({ dim, bits, seed, thresholds: Float32Array.from(columns, medianOf) });
  }

  /**
   * The code of a vector; its norm does not matter. A vector of zeros has no direction, and all of them get one code.
   *
   * @param vector - Shape [dim], every entry finite; not modified.
   * @returns bits / 8 bytes, owned by the caller; bit i is bit i mod 8 of byte i / 8, the lowest first.
   * @throws Fault EMBEDDING_INVALID.
   */
  encode(vector: Float32Array): Uint8Array {
    const { bits, thresholds } = this.parameters;
    const projected = this.#projected;
    this.#projection.apply(vector, projected, "EMBEDDING_INVALID");
    const code = new Uint8Array(bits / 8);
    for (let i = 0; i < bits; i++) if (projected[i]! > thresholds[i]!) code[i >> 3]! |= 1 << (i & 7);
    return code;
  }
}
