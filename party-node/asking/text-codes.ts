import { RetrievalCoder, hammingDistance } from "../../crypto/index.ts";
import type { Encoder } from "../encoders/index.ts";
import type { Nearness } from "./near-duplicates.ts";

const BITS = 256;
/** Any will do, as long as it stays: the codes are compared with each other and with nothing else. */
const SEED = new Uint8Array(32);
/**
 * Texts whose codes differ in at most this many bits, of those with nearly the same words, are one passage: 85 % (lexical) and 98 % (potion-base-2M) of 375 passages of public
 * sets that were given a heading, 57 and 95 % of those that lost one of several sentences. Measured on 8,474 passages: what it joined of different documents was the same text in
 * another numbering or cut elsewhere (docs/routing.md).
 */
const DISTANCE_MAX = 24;

/** Compares texts by codes of what the encoder makes of them, without statistics of any corpus: one text has one code, whoever holds it. */
export class TextCodes implements Nearness {
  readonly #encoder: Encoder;
  #coder: RetrievalCoder | null = null;

  constructor(encoder: Encoder) {
    this.#encoder = encoder;
  }

  async compare(texts: readonly string[]): Promise<(a: number, b: number) => boolean> {
    const codes = await this.encode(texts);
    return (a, b) => hammingDistance(codes[a]!, codes[b]!) <= DISTANCE_MAX;
  }

  /** @returns A code a text, 32 bytes. */
  async encode(texts: readonly string[]): Promise<Uint8Array[]> {
    const coder = (this.#coder ??= new RetrievalCoder({
      dim: this.#encoder.dim,
      bits: BITS,
      seed: SEED,
      thresholds: new Float32Array(BITS),
    }));
    const vectors = await this.#encoder.encodePassages(texts, this.#encoder.statistics());
    return vectors.map((vector) => coder.encode(vector));
  }
}
