import type { Encoder } from "./encoder.ts";
import { encoderFault } from "./faults.ts";
import { euclideanNorm } from "./vector.ts";

/** Float32 rounding of a value that meets its bound exactly. */
const RELATIVE_SLACK = 1e-6;

/**
 * Refuses a vector the federation's fixed scales cannot carry; called for every passage vector at ingest.
 *
 * @param encoder - Whose promises hold: `dim`, `entryMax`, `normMax`.
 * @param vector - Shape [dim]; not modified.
 * @throws Fault WRONG_DIM, NOT_FINITE, OUT_OF_RANGE.
 */
export function assertInRange(
  encoder: Pick<Encoder, "spec" | "dim" | "entryMax" | "normMax">,
  vector: Float32Array,
): void {
  const { spec, dim, entryMax, normMax } = encoder;
  if (vector.length !== dim) {
    throw encoderFault(
      "WRONG_DIM",
      `A vector has ${vector.length} entries and the encoder ${spec} makes ${dim}; encode it again with that encoder.`,
    );
  }
  let largest = 0;
  for (const entry of vector) {
    if (!Number.isFinite(entry)) {
      throw encoderFault(
        "NOT_FINITE",
        `The encoder ${spec} gave a vector with an entry that is not a finite number; check its model files.`,
      );
    }
    largest = Math.max(largest, Math.abs(entry));
  }
  if (largest > entryMax * (1 + RELATIVE_SLACK)) throw outOfRange(spec, "an entry", "entryMax", entryMax);
  if (euclideanNorm(vector) > normMax * (1 + RELATIVE_SLACK)) throw outOfRange(spec, "a norm", "normMax", normMax);
}

function outOfRange(spec: string, what: string, bound: string, limit: number): ReturnType<typeof encoderFault> {
  return encoderFault(
    "OUT_OF_RANGE",
    `A passage's vector has ${what} above the ${bound} ${limit} that the federation fixed for ${spec}; ` +
      "leave the passage out, or agree on an encoder with a larger bound.",
  );
}
