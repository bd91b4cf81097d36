import { SecretRotation } from "../dcpe/rotation.ts";
import { deriveSeed, u32Bytes } from "../rlwe/public-randomness.ts";
import { codeFault } from "./code-fault.ts";

/**
 * A vector's direction seen in `width` directions: independent rotations of its dim coordinates one after another, the last one cut off.
 *
 * The rotations are those of the sealed store, under a seed that all who compare codes share; nothing here depends on its being secret.
 */
export class Projection {
  readonly dim: number;
  readonly width: number;
  readonly #rotations: readonly SecretRotation[];
  readonly #unit: Float64Array;
  readonly #rotated: Float64Array;

  /** @param seed - 32 bytes. */
  constructor({ dim, width, seed }: { readonly dim: number; readonly width: number; readonly seed: Uint8Array }) {
    this.dim = dim;
    this.width = width;
    this.#rotations = Array.from(
      { length: Math.ceil(width / dim) },
      (_, i) => new SecretRotation(deriveSeed(seed, "sotto retrieval code", u32Bytes(i)), dim),
    );
    this.#unit = new Float64Array(dim);
    this.#rotated = new Float64Array(dim);
  }

  /**
   * Scales to norm 1 (a vector of zeros stays one), rotates, and writes shape [width] to `out`, in doubles.
   *
   * @param vector - Shape [dim], not modified.
   * @param whose - Which fault a wrong dimension or an entry that is not finite is.
   * @throws Fault of the code `whose`.
   */
  apply(vector: Float32Array, out: Float64Array, whose: "SAMPLE_INVALID" | "EMBEDDING_INVALID"): void {
    if (vector.length !== this.dim)
      throw codeFault(
        whose,
        `a vector to encode has ${vector.length} dimensions, expected ${this.dim}; use the encoder that the coder was made for`,
      );
    let squares = 0;
    for (let i = 0; i < vector.length; i++) squares += vector[i]! * vector[i]!;
    if (!Number.isFinite(squares))
      throw codeFault(
        whose,
        "a vector to encode has an entry that is not a finite number; look at what its encoder was given",
      );
    const scale = squares === 0 ? 0 : 1 / Math.sqrt(squares);
    for (let i = 0; i < vector.length; i++) this.#unit[i] = vector[i]! * scale;
    this.#rotations.forEach((rotation, i) => {
      this.#rotated.set(this.#unit);
      rotation.apply(this.#rotated);
      out.set(this.#rotated.subarray(0, this.width - i * this.dim), i * this.dim);
    });
  }
}
