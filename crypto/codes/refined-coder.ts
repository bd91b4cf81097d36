import { refuseUnknown } from "../dcpe/parameters.ts";
import { BITS_MAX, checkCoder, codeFault } from "./code-fault.ts";
import { Projection } from "./projection.ts";
import type { FitOptions, RetrievalCoderParameters } from "./retrieval-coder.ts";
import { medianOf, projectSample } from "./sample.ts";

/** {@link RetrievalCoderParameters}, where `bits` and `thresholds` are those of one layer. */
export interface RefinedCoderParameters extends RetrievalCoderParameters {
  /** Shape [layers], finite, none negative: what one step of each layer is worth, in the projection's units. */
  readonly scales: Float32Array;
}

export interface RefinedFitOptions extends FitOptions {
  /** 1 or more binary vectors a code; layers x bits is at most 1,024. */
  readonly layers: number;
}

/**
 * Codes that are refined recurrently: a first binary vector as {@link RetrievalCoder} has it, then each time the signs of what the vectors so far
 * leave over, at a smaller scale. Gan et al., "Binary embedding-based retrieval at Tencent", KDD 2023, section 3: they learn the projection and halve
 * the scale; here the projection is a seeded rotation and a layer's scale the mean of what is left over, the best for its signs in least squares.
 *
 * Two codes are compared by the inner product of what {@link decode} makes of them, which stands for that of the directions. With every layer a code
 * tells more of the vector it was made from.
 */
export class RefinedCoder {
  readonly parameters: RefinedCoderParameters;
  readonly #projection: Projection;
  readonly #rest: Float64Array;

  /**
   * @param parameters - Copied.
   * @throws Fault PARAMETERS_INVALID. TypeError for an unknown option.
   */
  constructor(parameters: RefinedCoderParameters) {
    const { dim, bits, seed, thresholds, scales, ...unknown } = parameters;
    refuseUnknown("RefinedCoder", unknown);
    checkCoder({ dim, bits, seed });
    if (!(thresholds instanceof Float32Array) || thresholds.length !== bits || !thresholds.every(Number.isFinite))
      throw codeFault("PARAMETERS_INVALID", `a layer of ${bits} bits needs as many finite thresholds; fit it again`);
    checkLayers(scales.length, bits);
    if (!(scales instanceof Float32Array) || !scales.every((scale) => Number.isFinite(scale) && scale >= 0))
      throw codeFault(
        "PARAMETERS_INVALID",
        "the scales of layers must be finite and not negative; fit the coder again",
      );
    this.parameters = { dim, bits, seed: seed.slice(), thresholds: thresholds.slice(), scales: scales.slice() };
    this.#projection = new Projection({ dim, width: bits, seed });
    this.#rest = new Float64Array(bits);
  }

  /** @throws Fault PARAMETERS_INVALID, SAMPLE_INVALID. TypeError for an unknown option. */
  static fit({ dim, bits, seed, sample, layers, ...unknown }: RefinedFitOptions): RefinedCoder {
    refuseUnknown("RefinedCoder.fit", unknown);
    checkCoder({ dim, bits, seed });
    checkLayers(layers, bits);
    const columns = projectSample(sample, new Projection({ dim, width: bits, seed }));
    const thresholds = Float32Array.from(columns, (column) => medianOf(column.slice()));
    columns.forEach((column, i) => {
      for (let row = 0; row < column.length; row++) column[row]! -= thresholds[i]!;
    });
    const scales = Float32Array.from({ length: layers }, () => takeLayer(columns));
    return new RefinedCoder({ dim, bits, seed, thresholds, scales });
  }

  /** Bytes of a code. */
  get bytes(): number {
    const { bits, scales } = this.parameters;
    return (scales.length * bits) / 8;
  }

  /**
   * @param vector - Shape [dim], every entry finite; its norm does not matter. Not modified.
   * @returns One layer after another, each as RetrievalCoder has it; owned by the caller.
   * @throws Fault EMBEDDING_INVALID.
   */
  encode(vector: Float32Array): Uint8Array {
    const { bits, thresholds, scales } = this.parameters;
    const rest = this.#rest;
    this.#projection.apply(vector, rest, "EMBEDDING_INVALID");
    const code = new Uint8Array(this.bytes);
    for (let i = 0; i < bits; i++) {
      rest[i]! -= thresholds[i]!;
      for (let layer = 0; layer < scales.length; layer++) {
        const isAbove = rest[i]! > 0;
        const at = layer * bits + i;
        if (isAbove) code[at >> 3]! |= 1 << (at & 7);
        rest[i]! -= isAbove ? scales[layer]! : -scales[layer]!;
      }
    }
    return code;
  }

  /**
   * The refined binary vector: thresholds plus, for each layer, its scale with the signs of its bits, scaled to norm 1 as every direction is.
   *
   * @returns Shape [bits], owned by the caller: an estimate of the projection of the vector's direction, scaled to norm 1.
   * @throws Fault CODE_MALFORMED.
   */
  decode(code: Uint8Array): Float32Array {
    const { bits, thresholds, scales } = this.parameters;
    if (code.length !== this.bytes)
      throw codeFault("CODE_MALFORMED", `a refined code has ${code.length} bytes, expected ${this.bytes}`);
    const refined = Float64Array.from(thresholds);
    let squares = 0;
    for (let i = 0; i < bits; i++) {
      for (let layer = 0; layer < scales.length; layer++) {
        const at = layer * bits + i;
        refined[i]! += ((code[at >> 3]! >> (at & 7)) & 1) === 1 ? scales[layer]! : -scales[layer]!;
      }
      squares += refined[i]! ** 2;
    }
    return Float32Array.from(refined, (x) => (squares === 0 ? 0 : x / Math.sqrt(squares)));
  }
}

/** The mean absolute value, and takes it from every value towards zero. */
function takeLayer(columns: readonly Float32Array[]): number {
  let sum = 0;
  for (const column of columns) for (const rest of column) sum += Math.abs(rest);
  const scale = Math.fround(sum / (columns.length * columns[0]!.length));
  for (const column of columns)
    for (let row = 0; row < column.length; row++) column[row]! -= column[row]! > 0 ? scale : -scale;
  return scale;
}

function checkLayers(layers: number, bits: number): void {
  if (!Number.isInteger(layers) || layers < 1 || layers * bits > BITS_MAX)
    throw codeFault(
      "PARAMETERS_INVALID",
      `${String(layers)} layers of ${bits} bits; expected at least one layer, and ${BITS_MAX} bits together at most`,
    );
}
