import { terms } from "../encoders/tokenize.ts";
import { citedClaims } from "./citations.ts";

/**
 * What speaks against a citation:
 * - `no-such-passage`: no passage of that number was sent.
 * - `few-shared-words`: the passage has too few words of the sentence.
 * - `another-fits-better`: a passage that is not cited there has far more of them.
 */
export type CitationFlag = "no-such-passage" | "few-shared-words" | "another-fits-better";

export interface CheckedCitation {
  readonly number: number;
  /** What it stands behind, without citations. */
  readonly sentence: string;
  /** Not set where nothing speaks against it, which proves nothing: a passage may deny what has all its words. */
  readonly flag?: CitationFlag;
  /** With `another-fits-better`: the number of that passage. */
  readonly better?: number;
}

export interface CitationCheck {
  /** One for each number at each place, in the answer's order. */
  readonly citations: readonly CheckedCitation[];
  /** Whether the answer has more citations than are checked: `citations` has the first of them. */
  readonly hasMore: boolean;
}

/** A sentence shares fewer of its words with a passage that says something else; measured by `benchmarks/citations.ts`. */
const SHARED_MIN = 0.25;
/** Another passage that has so much more of a sentence is likelier what it rests on; measured in the same way. */
const BETTER_BY = 0.35;
/** A sentence of fewer different words says too little to be judged. */
const WORDS_MIN = 3;

// A fixed language, so that an answer is judged alike on every machine.
const segmenter = new Intl.Segmenter("en", { granularity: "word" });

/**
 * Holds each citation of an answer against the passage that it names, by the share of the sentence's words (stemmed, without the commonest) that the passage has.
 * Words are all it knows: an answer in another language than its passages is flagged throughout, and a sentence that turns its passage round is not.
 * Takes time in proportion to the answer and the passages; of an answer with too many citations (`answerLimits`) the first are checked.
 *
 * @param texts - The passages as they were sent, in their order: what was cut off supports nothing.
 */
export function checkCitations(answer: string, texts: readonly string[]): CitationCheck {
  const wordsOf = texts.map(words);
  // Several places of one sentence mostly stand behind all of it.
  const known = new Map<string, Shares>();
  const sharesFor = (sentence: string): Shares => {
    const found = known.get(sentence);
    if (found) return found;
    const wanted = words(sentence);
    const made = { wanted, shares: wordsOf.map((held) => shareOf(wanted, held)) };
    known.set(sentence, made);
    return made;
  };
  const { claims, hasMore } = citedClaims(answer);
  const citations = claims.flatMap(({ sentence, numbers }) =>
    numbers.map((number) => ({ number, sentence, ...flagOf(number, numbers, sharesFor(sentence)) })),
  );
  return { citations, hasMore };
}

interface Shares {
  /** The sentence's words. */
  readonly wanted: ReadonlySet<string>;
  /** The share of them that each passage has. */
  readonly shares: readonly number[];
}

function flagOf(
  number: number,
  together: readonly number[],
  { wanted, shares }: Shares,
): Pick<CheckedCitation, "flag" | "better"> {
  const share = shares[number - 1];
  if (share === undefined) return { flag: "no-such-passage" };
  if (wanted.size < WORDS_MIN) return {};
  const others = shares.map((other, i) => (together.includes(i + 1) ? 0 : other));
  const best = Math.max(...others);
  if (best - share >= BETTER_BY) return { flag: "another-fits-better", better: others.indexOf(best) + 1 };
  return share < SHARED_MIN ? { flag: "few-shared-words" } : {};
}

function shareOf(wanted: ReadonlySet<string>, held: ReadonlySet<string>): number {
  return wanted.size === 0 ? 0 : [...wanted].filter((word) => held.has(word)).length / wanted.size;
}

/** Different words, also of scripts that write no spaces between them; of Japanese without those in Hiragana, which mostly join others. */
function words(text: string): ReadonlySet<string> {
  const parts = Array.from(segmenter.segment(text), ({ isWordLike, segment }) => (isWordLike ? segment : ""));
  return new Set(terms(parts.filter((part) => !/^\p{Script=Hiragana}*$/u.test(part)).join(" ")));
}
