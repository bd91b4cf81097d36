import { ballNoise } from "./noise.ts";

/** Of s beta: the radius of Scale-And-Perturb's noise (Fuchsbauer, Ghosal, Hauke and O'Neill, eprint 2021/1666), for every vector. */
export const SAP_SHARE = 1 / 4;
/** Of s beta: the radius of CAPRISE's noise on a stored vector (ppRAG, arXiv 2601.12331). */
export const STORED_SHARE = 3 / 8;
/** Of s beta: the radius of CAPRISE's noise on a query. */
export const QUERY_SHARE = 1 / 8;

export interface Perturbation {
  readonly dim: number;
  /** s, above 0. */
  readonly scale: number;
  /** Above 0, in units of the plaintext's distances. */
  readonly beta: number;
  /** The noise's radius as a share of s beta. */
  readonly share: number;
}

/**
 * c = s m + l, l uniform in the ball of radius share s beta.
 *
 * For two vectors of shares a and b the encrypted distance is off s ||m - m'|| by at most (a + b) s beta (triangle inequality). So when
 * ||q - x|| < ||q - y|| - 2 (a + b) beta, then
 *   ||c_q - c_x|| <= s ||q - x|| + (a + b) s beta < s ||q - y|| - (a + b) s beta <= ||c_q - c_y||:
 * the order survives a gap of 2 (a + b) beta. That is beta for SAP (1/4 + 1/4) and for a CAPRISE query against stored vectors (1/8 + 3/8),
 * 3 beta / 2 between CAPRISE's stored vectors, beta / 2 between its queries. Storing c as float32 moves it by at most
 * 2^-24 (s ||m|| + share s beta) more.
 */
export class ScaleAndPerturb {
  readonly #scale: number;
  readonly #radius: number;
  readonly #noise: Float64Array;

  constructor({ dim, scale, beta, share }: Perturbation) {
    this.#scale = scale;
    this.#radius = share * scale * beta;
    this.#noise = new Float64Array(dim);
  }

  /**
   * @param plaintext - m, shape [dim]; not modified.
   * @param seed - 32 secret bytes. Two vectors under one seed show s (m - m').
   * @param out - c is written from `offset` on, dim entries.
   */
  encrypt(plaintext: Float64Array, seed: Uint8Array, out: Float32Array, offset: number): void {
    const [noise, scale] = [this.#noise, this.#scale];
    ballNoise(seed, this.#radius, noise);
    for (let i = 0; i < noise.length; i++) out[offset + i] = scale * plaintext[i]! + noise[i]!;
  }

  /**
   * m = (c - l) / s, up to the rounding of c.
   *
   * @param ciphertexts - c is read from `offset` on; not modified.
   * @param plaintext - Overwritten, shape [dim].
   */
  decrypt(ciphertexts: Float32Array, offset: number, seed: Uint8Array, plaintext: Float64Array): void {
    const [noise, scale] = [this.#noise, this.#scale];
    ballNoise(seed, this.#radius, noise);
    for (let i = 0; i < noise.length; i++) plaintext[i] = (ciphertexts[offset + i]! - noise[i]!) / scale;
  }

  /** Clears the last noise. */
  wipe(): void {
    this.#noise.fill(0);
  }
}
