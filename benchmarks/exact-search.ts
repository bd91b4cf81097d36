import type { Encoder } from "../party-node/encoders/index.ts";

/** Passages that count in a ranking. */
export const K = 10;
const ENCODE_BATCH = 512;

/** Evenly spread over the whole list, so that a limit does not favour one part of it. */
export function sample<Value>(queries: readonly Value[], limit: number): Value[] {
  const step = Math.max(1, queries.length / limit);
  return Array.from({ length: Math.min(queries.length, limit) }, (_, i) => queries[Math.floor(i * step)]!);
}

/** Vectors of a whole corpus, with its own statistics. */
export async function encodeAll(encoder: Encoder, texts: readonly string[]): Promise<Float32Array[]> {
  const statistics = encoder.statistics();
  for (const text of texts) statistics.add(text);
  const vectors: Float32Array[] = [];
  for (let at = 0; at < texts.length; at += ENCODE_BATCH) {
    vectors.push(...(await encoder.encodePassages(texts.slice(at, at + ENCODE_BATCH), statistics)));
  }
  return vectors;
}

/** The K rows with the largest inner products, best first, ties in row order. */
export function nearest(query: Float32Array, passages: readonly Float32Array[]): number[] {
  const used = [...query.keys()].filter((i) => query[i] !== 0);
  const scores = passages.map((vector) => used.reduce((sum, i) => sum + query[i]! * vector[i]!, 0));
  const threshold = Float64Array.from(scores).sort().at(-K) ?? -Infinity;
  const candidates = [...scores.keys()].filter((row) => scores[row]! >= threshold);
  return candidates.sort((a, b) => scores[b]! - scores[a]! || a - b).slice(0, K);
}
