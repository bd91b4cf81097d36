import { stemmer } from "stemmer";
import { STOP_WORDS } from "./stop-words.ts";

const WORD = /[\p{L}\p{N}]+/gu;
/** Longer runs are no words of a language (base64, hashes); only their beginning counts. */
const WORD_CHARS_MAX = 64;
const STEM_CACHE_MAX = 200_000;
const stems = new Map<string, string>();

/**
 * The terms of a text in order, with repetitions: maximal runs of letters and digits in lower case, stop words left out,
 * Porter-stemmed (Porter 1980; words of other scripts pass through unchanged).
 */
export function terms(text: string): string[] {
  const found: string[] = [];
  for (const [word] of text.toLowerCase().matchAll(WORD)) {
    if (!STOP_WORDS.has(word)) found.push(stem(word.length > WORD_CHARS_MAX ? word.slice(0, WORD_CHARS_MAX) : word));
  }
  return found;
}

/** Term -> how often it occurs. */
export function countTerms(found: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const term of found) counts.set(term, (counts.get(term) ?? 0) + 1);
  return counts;
}

function stem(word: string): string {
  let known = stems.get(word);
  if (known === undefined) {
    known = stemmer(word);
    if (stems.size >= STEM_CACHE_MAX) stems.clear();
    stems.set(word, known);
  }
  return known;
}
