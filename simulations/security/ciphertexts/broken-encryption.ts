import { type SealKey, generateSealKey } from "../../../crypto/secret/seal.ts";
import { type PublicRing, difference, sum } from "./ring.ts";

/** What is wrong with an encryption that an attack must be able to break, or else it says nothing about the sound one. */
export type Flaw = "no secret" | "no error" | "one secret for all";
export const FLAWS: readonly Flaw[] = ["no secret", "no error", "one secret for all"];

/**
 * Encryption as the product has it, b_j = Q_j + e_j - a_j s with SEAL's secret and errors, with one part left out. It exists here alone, for
 * attacks: nothing that ships can leave a part out or use a secret twice.
 */
export class UnsafeEncryption implements Disposable {
  readonly #ring: PublicRing;
  readonly #flaw: Flaw;
  readonly #shared: SealKey;

  constructor(ring: PublicRing, flaw: Flaw) {
    this.#ring = ring;
    this.#flaw = flaw;
    this.#shared = generateSealKey();
  }

  /** @returns b_j, NTT form, shape [m][N]. */
  encrypt(embedding: Float32Array): Uint32Array[] {
    if (this.#flaw === "one secret for all") return this.#encrypt(embedding, this.#shared);
    using key = generateSealKey();
    return this.#encrypt(embedding, key);
  }

  #encrypt(embedding: Float32Array, key: SealKey): Uint32Array[] {
    const ring = this.#ring;
    return ring.question(embedding).map((chunk, j) => {
      let b = ring.nttForm(chunk);
      if (this.#flaw !== "no error") b = sum(b, errorOf(ring, key));
      return this.#flaw === "no secret" ? b : difference(b, ring.product(ring.a[j]!, key.secret));
    });
  }

  [Symbol.dispose](): void {
    this.#shared[Symbol.dispose]();
  }
}

/** c0 + c1 s of a fresh encryption of zero: SEAL's own error, NTT form. */
function errorOf(ring: PublicRing, key: SealKey): Uint32Array {
  const { c0, c1 } = key.encryptZero();
  return sum(c0, ring.product(c1, key.secret));
}
