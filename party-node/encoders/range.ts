import type { Encoder } from "./encoder.ts";
import { encoderFault } from "./faults.ts";
import { euclideanNorm } from "./vector.ts";

/** Float32 rounding of a value that meets its bound exactly. */
const RELATIVE_SLACK = 1e-6;

/**
 * Refuses a vector the federation's fixed scales cannot carry; called for every passage vector at ingest.
 *
 * @param encoder - Whose promises hold: `dim`, `normMax`.
 * @param vector - Shape [dim]; not modified.
 * @throws Fault WRONG_DIM, NOT_FINITE, OUT_OF_RANGE.
 */
export function assertInRange(encoder: Pick<Encoder, "spec" | "dim" | "normMax">, vector: Float32Array): void {
  const { spec, dim, normMax } = encoder;
  if (vector.length !== dim) {
    throw encoderFault(
      "WRONG_DIM",
      `A vector has ${vector.length} entries and the encoder ${spec} makes ${dim}; encode it again with that encoder.`,
    );
  }
  if (!vector.every(Number.isFinite)) {
    throw encoderFault(
      "NOT_FINITE",
      `The encoder ${spec} gave a vector with an entry that is not a finite number; check its model files.`,
    );
  }
  if (euclideanNorm(vector) > normMax * (1 + RELATIVE_SLACK)) {
    throw encoderFault(
      "OUT_OF_RANGE",
      `A passage's vector has a norm above the normMax ${normMax} that the federation fixed for ${spec}; ` +
        "leave the passage out, or agree on an encoder with a larger bound.",
    );
  }
}
