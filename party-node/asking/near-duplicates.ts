import { limits, locationOf } from "../../protocol/index.ts";
import type { CitedPassage, OtherSource } from "./result.ts";

/** Tells which texts are the same passage but for small changes. */
export interface Nearness {
  /**
   * @param texts - All different.
   * @returns Whether the texts with these two indices lie near each other.
   */
  compare(texts: readonly string[]): Promise<(a: number, b: number) => boolean>;
}

/** Texts of which a smaller share of words is common are two passages. */
const COMMON_WORDS_MIN = 0.8;
/** They turn a sentence around. Of English only. */
const NEGATIONS = new Set(["no", "not", "nor", "never", "neither", "none", "without", "cannot", "t"]);
/** In scripts that put no spaces between words, every letter is one. */
const WORD = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]|[\p{L}\p{N}]+/gu;

/** What stands at numbers and changes them: comparisons, signs, what divides digits, shares. */
const MARK = /[<>≤≥≠±×^%‰]|(?<![\p{L}\p{N}])[+−–-](?=\p{N})|(?<=\p{N})[./:](?=\p{N})/u;
const WORD_OR_MARK = new RegExp(`${WORD.source}|${MARK.source}`, "gu");

/** What of a text decides whether it may be another's near-duplicate. */
interface Fingerprint {
  /** All words in order, lower case, without what is between them; what is between them where there are none. */
  readonly normalised: string;
  readonly words: readonly string[];
  /** Words with a digit, marks at numbers and negations, in order: whoever changes a dose, a date, a sign or a "not" says something else. */
  readonly decisive: string;
}

interface Group {
  readonly head: number;
  readonly others: { readonly at: number; readonly identical: boolean }[];
  readonly parties: Set<string>;
}

/**
 * How many of the best rows are fetched so that, as a rule, k different passages are left when near-duplicates are shown once: half as many again. At most k
 * of one party are among them, since a passage that is shown, or the copy of it that ranks highest, is among its party's first k. More would tell parties of rows
 * that nobody reads.
 *
 * @param sources - Parties and hosted collections that are asked; it must not depend on the question.
 */
export function rowsToFetch(k: number, sources: number): number {
  return sources < 2 ? k : Math.min(limits.fetchHandlesMax, k + Math.ceil(k / 2));
}

/**
 * Shows a passage that several parties hold once, with all its sources: the copy that scores highest, at its place. Compared are the words first, and with the
 * querier's own encoder those texts alone of which one has little more words than the other; nothing leaves the querier. Two passages of one party are left
 * as they are: what a party repeats among its own documents it repeats for its own reasons, and it is cited for each.
 *
 * @param passages - Best first.
 * @returns Best first; each is like none before it of another party.
 */
export async function showOnce(passages: readonly CitedPassage[], codes: Nearness): Promise<CitedPassage[]> {
  if (new Set(passages.map(({ party }) => party)).size < 2) return [...passages];
  const fingerprints = passages.map(({ text }) => fingerprint(text));
  const likeness = await compare(passages, fingerprints, codes);
  const groups: Group[] = [];
  for (const [at, { party }] of passages.entries()) {
    const group = groups.find(({ head, parties }) => !parties.has(party) && likeness(head, at) !== "different");
    if (!group) {
      groups.push({ head: at, others: [], parties: new Set([party]) });
      continue;
    }
    group.others.push({ at, identical: likeness(group.head, at) === "identical" });
    group.parties.add(party);
  }
  return groups.map(({ head, others }) => {
    const alsoFrom = others.map(({ at, identical }) => otherSource(passages[at]!, identical));
    return alsoFrom.length === 0 ? passages[head]! : { ...passages[head]!, alsoFrom };
  });
}

type Likeness = "identical" | "near" | "different";

/** Encodes what has to be encoded, all at once. */
async function compare(
  passages: readonly CitedPassage[],
  fingerprints: readonly Fingerprint[],
  codes: Nearness,
): Promise<(a: number, b: number) => Likeness> {
  const identical = (a: number, b: number): boolean =>
    fingerprints[a]!.normalised === fingerprints[b]!.normalised &&
    fingerprints[a]!.decisive === fingerprints[b]!.decisive;
  const compared = passages.map((_, a) =>
    passages.some(
      ({ party }, b) =>
        party !== passages[a]!.party && !identical(a, b) && comparable(fingerprints[a]!, fingerprints[b]!),
    ),
  );
  const texts = [...new Set(passages.flatMap(({ text }, at) => (compared[at] ? text : [])))];
  const isNear = texts.length === 0 ? () => false : await codes.compare(texts);
  const indices = new Map(texts.map((text, index) => [text, index]));
  return (a, b) => {
    if (identical(a, b)) return "identical";
    if (!comparable(fingerprints[a]!, fingerprints[b]!)) return "different";
    return isNear(indices.get(passages[a]!.text)!, indices.get(passages[b]!.text)!) ? "near" : "different";
  };
}

function fingerprint(text: string): Fingerprint {
  const words = text.normalize("NFKC").toLowerCase().match(WORD) ?? [];
  // Not by compatibility: ten to the power of two would be a hundred and two.
  const decisive = (text.normalize("NFC").toLowerCase().match(WORD_OR_MARK) ?? [])
    .filter((word) => NEGATIONS.has(word) || /\p{N}/u.test(word) || !/[\p{L}\p{N}]/u.test(word))
    .join(" ");
  return { normalised: words.join(" ") || text, words, decisive };
}

/**
 * Whether one text adds to the words of the other, or leaves some out, and not too many, in the same order: who did what to whom is in the order alone, which no
 * encoder of single words sees. Where each has words of its own they may be names: "symptoms of Kawasaki syndrome" and "symptoms of Sillence syndrome" in one form
 * are as near to each other as two copies of one passage are, in words and in codes.
 */
function comparable(a: Fingerprint, b: Fingerprint): boolean {
  if (a.decisive !== b.decisive) return false;
  const [fewer, more] = a.words.length < b.words.length ? [a.words, b.words] : [b.words, a.words];
  return fewer.length >= COMMON_WORDS_MIN * more.length && isSubsequence(fewer, more);
}

function isSubsequence(part: readonly string[], whole: readonly string[]): boolean {
  let at = 0;
  for (const word of whole) if (word === part[at]) at++;
  return at === part.length;
}

function otherSource(
  { party, collection, documentId, title, ordinal, ...rest }: CitedPassage,
  identical: boolean,
): OtherSource {
  return {
    party,
    ...(collection === undefined ? {} : { collection }),
    documentId,
    title,
    ordinal,
    ...locationOf(rest),
    identical,
  };
}
