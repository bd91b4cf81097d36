import { STOP_WORDS } from "../../../party-node/encoders/stop-words.ts";
import { shuffledIndices } from "../../hashvfl/randomness.ts";
import { misspellOne, misspellShare } from "./misspell.ts";

export type Variation = (question: string, random: () => number) => string;

const FRAMES: readonly ((subject: string) => string)[] = [
  (subject) => `What is known about this: ${subject}?`,
  (subject) => `Please tell me what there is on ${subject}.`,
  (subject) => `I would like to read more about ${subject}`,
  (subject) => `${subject} - is there anything on that?`,
  (subject) => `Does anybody here know something about ${subject}?`,
];

const PUNCTUATION: readonly ((text: string) => string)[] = [
  (text) => text.replace(/\p{P}/gu, " "),
  (text) => text.replace(/[.,;:!?]/gu, "$&$&").replace(/$/u, "??"),
  (text) => text.toUpperCase(),
  (text) => text.toLowerCase(),
];

const variations = {
  "one word misspelt": misspellOne,
  "one word in five misspelt": (question, random) => misspellShare(question, { share: 0.2, random }),
  "punctuation and capitals": (question, random) => oneOf(PUNCTUATION, random)(question),
  "no stop words": (question) => {
    const kept = words(question).filter((word) => !STOP_WORDS.has(word.toLowerCase()));
    return kept.length === 0 ? question : kept.join(" ");
  },
  "words in another order": (question, random) => {
    const of = words(question);
    return Array.from(shuffledIndices(of.length, random), (i) => of[i]!).join(" ");
  },
  "put in another frame": (question, random) => {
    const subject = question.trim().replace(/[.?!]+$/u, "");
    return oneOf(FRAMES, random)(subject.replace(/^\p{Lu}(?=\p{Ll})/u, (first) => first.toLowerCase()));
  },
} satisfies Record<string, Variation>;

/**
 * What people do to a question without meaning another one; the categories of Penha, Câmara and Hauff (arXiv 2111.13057): misspelling, naturality, order and
 * paraphrase, with punctuation and capitals besides. Words are separated by white space.
 */
export const VARIATIONS: Readonly<Record<keyof typeof variations, Variation>> = variations;

function words(text: string): string[] {
  return text.split(/\s+/u).filter((word) => word !== "");
}

function oneOf<Value>(values: readonly Value[], random: () => number): Value {
  return values[Math.floor(values.length * random())]!;
}
