import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { CorpusStatistics, Encoder } from "../../party-node/encoders/encoder.ts";
import { innerProduct } from "../../party-node/encoders/vector.ts";

const DIM = 64;

class PassageCount implements CorpusStatistics {
  passageCount = 0;
  #letters = 0;

  constructor(bytes?: Uint8Array) {
    if (bytes) [this.passageCount, this.#letters] = JSON.parse(Buffer.from(bytes).toString()) as [number, number];
  }

  add(passage: string): void {
    this.passageCount++;
    this.#letters += passage.length;
  }

  meanLength(): number {
    return this.passageCount === 0 ? 100 : this.#letters / this.passageCount;
  }

  toBytes(): Uint8Array {
    return Buffer.from(JSON.stringify([this.passageCount, this.#letters]));
  }
}

export interface BigramEncoderOptions {
  readonly seed?: string;
  readonly normMax?: number;
  readonly delayMs?: number;
}

/** A small working encoder: letter pairs hashed into 64 buckets, divided by the corpus's mean passage length. */
export function bigramEncoder({ seed = "bigram", normMax = 8_000, delayMs = 0 }: BigramEncoderOptions = {}) {
  const counted = { passages: 0 };
  const encode = (text: string): Float32Array => {
    const vector = new Float32Array(DIM);
    for (let i = 1; i < text.length; i++) vector[(31 * text.charCodeAt(i - 1) + text.charCodeAt(i)) % DIM]! += 1;
    return vector;
  };
  const encoder: Encoder = {
    spec: seed,
    fingerprint: createHash("sha256").update(seed).digest("hex"),
    dim: DIM,
    normMax,
    device: "js",
    usesStatistics: true,
    encodeQuery: async (question) => encode(question),
    encodePassages: async (passages, statistics) => {
      await sleep(delayMs);
      counted.passages += passages.length;
      const scale = 100 / (statistics as PassageCount).meanLength();
      return passages.map((passage) => encode(passage).map((count) => count * scale));
    },
    scoreMax: async (_, passages) => passages.map(() => normMax),
    statistics: (bytes) => new PassageCount(bytes),
    close: async () => {},
  };
  return { encoder, counted };
}

/** Letter pairs in 64 buckets, scaled to unit norm; a text of one letter is all zero. */
export function unitBigramEncoder(): Encoder {
  const { encoder } = bigramEncoder();
  const unit = (vector: Float32Array): Float32Array => {
    const norm = Math.hypot(...vector);
    return norm === 0 ? vector : vector.map((entry) => entry / norm);
  };
  return {
    ...encoder,
    normMax: 1,
    encodeQuery: async (question) => unit(await encoder.encodeQuery(question)),
    encodePassages: async (passages, statistics) => (await encoder.encodePassages(passages, statistics)).map(unit),
    scoreMax: async (question, passages) =>
      (await encoder.encodePassages(passages, encoder.statistics())).map((vector) =>
        innerProduct(question, unit(vector)),
      ),
  };
}
