import { createHash } from "node:crypto";
import type { CorpusStatistics, Encoder } from "../../party-node/encoders/encoder.ts";
import { innerProduct } from "../../party-node/encoders/vector.ts";
import { seededRandom } from "../../simulations/seeded-random.ts";

export const DIM = 32;

const SYLLABLES = ["ba", "ce", "di", "fo", "gu", "ka", "le", "mi", "no", "pu", "ra", "se", "ti", "vo", "zu"];

/** A short text that no other draw repeats: `number` is part of it. */
export function newText(random: () => number, number: number): string {
  const syllable = (): string => SYLLABLES[Math.floor(random() * SYLLABLES.length)]!;
  const words = Array.from({ length: 6 }, () => syllable() + syllable() + syllable());
  return `${words.join(" ")} ${number}.`;
}

/** A random direction that follows from the text alone, of unit norm. */
export function vectorOf(text: string): Float32Array {
  const random = seededRandom(createHash("sha256").update(text).digest().readUInt32LE());
  const entries = Float32Array.from({ length: DIM }, () => random() + random() + random() - 1.5);
  const norm = Math.hypot(...entries);
  return entries.map((entry) => entry / norm);
}

const noStatistics: CorpusStatistics = { passageCount: 0, add: () => undefined, toBytes: () => new Uint8Array(0) };

/** Texts are as near each other as chance will have it: what a simulation needs is that ranks are known, not that they mean anything. */
export const chanceEncoder: Encoder = {
  spec: "chance",
  fingerprint: createHash("sha256").update("chance").digest("hex"),
  dim: DIM,
  normMax: 1.001,
  device: "js",
  usesStatistics: false,
  encodeQuery: (question) => Promise.resolve(vectorOf(question)),
  encodePassages: (passages) => Promise.resolve(passages.map(vectorOf)),
  scoreMax: (question, passages) => Promise.resolve(passages.map((text) => innerProduct(question, vectorOf(text)))),
  statistics: () => noStatistics,
  close: () => Promise.resolve(),
};
