import { encoderInput } from "../../../party-node/documents/index.ts";
import { terms } from "../../../party-node/encoders/tokenize.ts";
import type { BeirDocument } from "../../beir.ts";
import { mean } from "../../metrics.ts";

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

/** 0..1. */
export interface TokenQuality {
  readonly f1: number;
  readonly precision: number;
  readonly recall: number;
}

/** How well the words of each passage are named; words outside the vocabulary count as missed. */
export function tokenQualities(
  named: readonly (readonly string[])[],
  truth: readonly ReadonlySet<string>[],
): TokenQuality[] {
  return named.map((words, i) => {
    const held = truth[i]!;
    const hits = words.filter((word) => held.has(word)).length;
    return {
      f1: hits === 0 ? 0 : (2 * hits) / (words.length + held.size),
      precision: hits === 0 ? 0 : hits / words.length,
      recall: hits === 0 ? 0 : hits / held.size,
    };
  });
}

/** Means over passages. */
export function tokenQuality(
  named: readonly (readonly string[])[],
  truth: readonly ReadonlySet<string>[],
): TokenQuality {
  return meanQuality(tokenQualities(named, truth));
}

export function meanQuality(passages: readonly TokenQuality[]): TokenQuality {
  return {
    f1: mean(passages.map(({ f1 }) => f1)),
    precision: mean(passages.map(({ precision }) => precision)),
    recall: mean(passages.map(({ recall }) => recall)),
  };
}
