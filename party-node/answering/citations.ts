import { answerLimits } from "./limits.ts";

/** A statement of an answer and the passages that it cites. */
export interface CitedClaim {
  /** The sentence, or the part of it that a citation stands behind, without citations. */
  readonly sentence: string;
  /** As written: from 1, or what names no passage. Each once. */
  readonly numbers: readonly number[];
}

/** Words before a citation in a sentence with several: fewer are no statement of their own ("According to [2], ..."). */
const CLAUSE_WORDS_MIN = 4;
/** A longer range is taken for its two ends: no prompt holds as many passages. */
const RANGE_MAX = 64;

const CITATION = /[[【]\s*(\d{1,3}(?:\s*[,;–-]\s*\d{1,3})*)\s*[\]】]/gu;
// A fixed language, so that an answer reads alike on every machine.
const sentences = new Intl.Segmenter("en", { granularity: "sentence" });

export interface CitedClaims {
  readonly claims: readonly CitedClaim[];
  /** Whether there are more citations than {@link answerLimits} allows: the first are here. */
  readonly hasMore: boolean;
}

/**
 * What an answer cites for what: `[1]`, `[2, 3]`, `[1][4]`, `[2-4]`. A citation belongs to what stands before it, also behind the full stop.
 *
 * Takes time in proportion to the text, whoever wrote it.
 */
export function citedClaims(text: string): CitedClaims {
  const claims: CitedClaim[] = [];
  const { citationsMax, citedPlacesMax } = answerLimits;
  let left: number = citationsMax;
  let hasMore = false;
  for (const line of text.split("\n")) {
    for (const { groups, sentence, offset } of citingSentences(line)) {
      hasMore ||= groups.length > citedPlacesMax;
      for (const claim of claimsOfSentence(sentence, groups.slice(0, citedPlacesMax), offset)) {
        const numbers = claim.numbers.slice(0, left);
        if (numbers.length > 0) claims.push({ ...claim, numbers });
        if (numbers.length < claim.numbers.length) return { claims, hasMore: true };
        left -= numbers.length;
      }
    }
  }
  return { claims, hasMore };
}

interface Mark {
  /** Where it stood, in the line without citations. */
  readonly at: number;
  readonly numbers: Iterable<number>;
}

interface CitingSentence {
  readonly sentence: string;
  /** Where it begins, in the line without citations. */
  readonly offset: number;
  /** At least one. */
  readonly groups: readonly Mark[];
}

function* citingSentences(line: string): Generator<CitingSentence> {
  const { marks, bare } = withoutMarks(line);
  let next = 0;
  for (const { segment, index } of sentences.segment(bare)) {
    const first = next;
    // At the very start there is nothing before a citation: it belongs to what follows.
    while (next < marks.length && marks[next]!.at <= index + segment.length) next++;
    if (next > first)
      yield { sentence: segment, offset: index, groups: groupedByPlace(marks.slice(first, next), bare) };
    if (next === marks.length) return;
  }
}

function withoutMarks(line: string): { readonly marks: readonly Mark[]; readonly bare: string } {
  const marks: Mark[] = [];
  const pieces: string[] = [];
  let [at, length, end] = [0, 0, 0];
  for (const match of line.matchAll(CITATION)) {
    const piece = line.slice(end, match.index);
    // Behind the last thing that is not a space.
    at = piece.trim() === "" ? at : length + piece.trimEnd().length;
    marks.push({ at, numbers: numbersIn(match[1] ?? "") });
    pieces.push(piece);
    length += piece.length;
    end = match.index + match[0].length;
  }
  return { marks, bare: pieces.join("") + line.slice(end) };
}

/** Citations with nothing but marks and spaces between them are one. */
function groupedByPlace(marks: readonly Mark[], bare: string): Mark[] {
  const groups: { at: number; readonly numbers: Set<number> }[] = [];
  for (const { at, numbers } of marks) {
    const last = groups.at(-1);
    if (last && !/[\p{L}\p{N}]/u.test(bare.slice(last.at, at))) {
      last.at = at;
      for (const number of numbers) last.numbers.add(number);
    } else groups.push({ at, numbers: new Set(numbers) });
  }
  return groups;
}

function claimsOfSentence(sentence: string, groups: readonly Mark[], offset: number): CitedClaim[] {
  const whole = tidied(sentence);
  return groups.map(({ at, numbers }, i) => {
    const before = sentence.slice(Math.max(0, (groups[i - 1]?.at ?? 0) - offset), at - offset);
    const isClause = groups.length > 1 && (before.match(/[\p{L}\p{N}]+/gu)?.length ?? 0) >= CLAUSE_WORDS_MIN;
    return { sentence: isClause ? tidied(before) : whole, numbers: [...numbers] };
  });
}

/** Without the gaps that citations leave. */
function tidied(text: string): string {
  return text
    .replace(/\s+(?=[\s,;:.!?])/gu, "")
    .replace(/([,;])[,;.]+/gu, "$1")
    .replace(/^[\s,;:.-]+|[\s,;]+$/gu, "");
}

function numbersIn(list: string): number[] {
  return list.split(/[,;]/).flatMap((part) => {
    const [first = 0, last = first] = part.split(/[–-]/).map(Number);
    if (last < first || last - first > RANGE_MAX) return [first, last];
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}
