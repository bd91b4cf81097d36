import { encoderInput } from "../../../party-node/documents/index.ts";
import { terms } from "../../../party-node/encoders/tokenize.ts";
import type { BeirDocument } from "../../beir.ts";

/** Words an attacker can name, most frequent first: stems of its own text, without stop words. */
export interface Vocabulary {
  readonly words: readonly string[];
  /** Shape [words]: the share of passages that have it. */
  readonly frequencies: Float64Array;
}

/** @param passages - Different words of each. */
export function vocabularyOf(passages: readonly ReadonlySet<string>[], countMin: number, wordsMax: number): Vocabulary {
  const counts = new Map<string, number>();
  for (const words of passages) for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  const known = [...counts]
    .filter(([, count]) => count >= countMin)
    .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    .slice(0, wordsMax);
  return {
    words: known.map(([word]) => word),
    frequencies: Float64Array.from(known, ([, count]) => count / passages.length),
  };
}

/** Different words of each passage, stemmed, without stop words. */
export function wordsOf(documents: readonly BeirDocument[]): ReadonlySet<string>[] {
  return documents.map((document) => new Set(terms(encoderInput(document))));
}

/** Means over passages, 0..1. */
export interface TokenQuality {
  readonly f1: number;
  readonly precision: number;
  readonly recall: number;
}

/** How well sets of words are named; words outside the vocabulary count as missed. */
export function tokenQuality(
  named: readonly (readonly string[])[],
  truth: readonly ReadonlySet<string>[],
): TokenQuality {
  const sums = { f1: 0, precision: 0, recall: 0 };
  named.forEach((words, i) => {
    const hits = words.filter((word) => truth[i]!.has(word)).length;
    sums.precision += words.length === 0 ? 0 : hits / words.length;
    sums.recall += truth[i]!.size === 0 ? 0 : hits / truth[i]!.size;
    sums.f1 += words.length + truth[i]!.size === 0 ? 0 : (2 * hits) / (words.length + truth[i]!.size);
  });
  const mean = (sum: number): number => sum / named.length;
  return { f1: mean(sums.f1), precision: mean(sums.precision), recall: mean(sums.recall) };
}
