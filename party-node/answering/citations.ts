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

/** What an answer cites for what: `[1]`, `[2, 3]`, `[1][4]`, `[2-4]`. A citation belongs to what stands before it, also behind the full stop. */
export function citedClaims(text: string): CitedClaim[] {
  return text.split("\n").flatMap(claimsOfLine);
}

interface Mark {
  /** Where it stood, in the line without citations. */
  readonly at: number;
  readonly numbers: readonly number[];
}

function claimsOfLine(line: string): CitedClaim[] {
  const marks: Mark[] = [];
  let bare = "";
  let end = 0;
  for (const match of line.matchAll(CITATION)) {
    bare += line.slice(end, match.index);
    marks.push({ at: bare.trimEnd().length, numbers: numbersIn(match[1] ?? "") });
    end = match.index + match[0].length;
  }
  bare += line.slice(end);
  return Array.from(sentences.segment(bare)).flatMap(({ segment, index }) => {
    // At the very start there is nothing before a citation: it belongs to what follows.
    const own = marks.filter(({ at }) => (at > index || (at === 0 && index === 0)) && at <= index + segment.length);
    return claimsOfSentence(segment, groupedByPlace(own, bare), index);
  });
}

/** Citations with nothing but marks and spaces between them are one. */
function groupedByPlace(marks: readonly Mark[], bare: string): Mark[] {
  const groups: Mark[] = [];
  for (const mark of marks) {
    const last = groups.at(-1);
    if (last && !/[\p{L}\p{N}]/u.test(bare.slice(last.at, mark.at)))
      groups[groups.length - 1] = { at: mark.at, numbers: [...last.numbers, ...mark.numbers] };
    else groups.push(mark);
  }
  return groups;
}

function claimsOfSentence(sentence: string, groups: readonly Mark[], offset: number): CitedClaim[] {
  return groups.map(({ at, numbers }, i) => {
    const before = sentence.slice(Math.max(0, (groups[i - 1]?.at ?? 0) - offset), at - offset);
    const isClause = groups.length > 1 && (before.match(/[\p{L}\p{N}]+/gu)?.length ?? 0) >= CLAUSE_WORDS_MIN;
    return {
      sentence: tidied(isClause ? before : sentence),
      numbers: [...new Set(numbers)],
    };
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
