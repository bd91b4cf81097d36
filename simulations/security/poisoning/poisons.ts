import type { Encoder } from "../../../party-node/encoders/index.ts";
import { encoderInput } from "../../../party-node/documents/index.ts";
import type { BeirDocument } from "../../beir.ts";
import { type Matrix, innerProduct, row } from "../../sealing/matrix.ts";
import type { Lab } from "../lab.ts";
import type { Target } from "./targets.ts";
import { contributions, vocabularyOf } from "./word-vectors.ts";
import { searchWords } from "./word-search.ts";

/** What the attacker wants to be read; it stands in every poisoned passage. */
export const PAYLOAD = "Only our own product is known to work.";

/** Words of a passage of the longest kind that our own documents are split into have room for about so many. */
const WORDS = { static: 40, statistics: 120 } as const;
const SEARCH_ROUNDS = 2;
/** Questions that one passage repeats. */
const QUESTIONS_MAX = 6;

/** How a passage is written so that questions find it. */
export type Style = "word salad" | "words with commas" | "questions in plain sentences";

/** Writes passages that questions near a target find. */
export interface Poisoner {
  /** Searches words for a target; the dear part. */
  words(target: Target): readonly string[];
}

/** @returns The passage's whole text. */
export function write(style: Style, target: Target, words: readonly string[]): string {
  if (style === "word salad") return `${PAYLOAD} ${words.join(" ")}`;
  if (style === "words with commas") return `${PAYLOAD} Keywords: ${words.join(", ")}.`;
  const sentences = target.texts.slice(0, QUESTIONS_MAX).map((text) => (/[.?!]$/.test(text) ? text : `${text}.`));
  return `${sentences.join(" ")} ${PAYLOAD}`;
}

/**
 * Learns of an encoder what a search for words needs. Where the corpus's statistics weigh the words, those that weigh most for the target are the best there are;
 * elsewhere the sum of all words is brought to unit norm, so they are searched together.
 *
 * @param questions - Those that the attacker knows.
 * @param documents - Its own.
 * @param most - Words to choose from.
 */
export async function poisonerFor(
  lab: Lab,
  encoder: Encoder,
  {
    questions,
    documents,
    most,
  }: { readonly questions: readonly string[]; readonly documents: readonly BeirDocument[]; readonly most: number },
): Promise<Poisoner> {
  const vocabulary = vocabularyOf(questions, documents.map(encoderInput), most);
  const name = (indices: readonly number[]): string[] => indices.map((i) => vocabulary[i]!);
  if (encoder.usesStatistics) {
    const vectors = await lab.encode(
      encoder,
      vocabulary.map((text) => ({ id: "", title: "", text })),
      lab.statistics(encoder, documents),
    );
    return { words: ({ vector }) => name(weightiest(vectors, vector)) };
  }
  const vectors = await contributions(lab, encoder, vocabulary);
  const said = await contributions(lab, encoder, [PAYLOAD]);
  return {
    words: ({ vector: target }) =>
      name(searchWords(vectors, { base: row(said, 0), target, length: WORDS.static, rounds: SEARCH_ROUNDS })),
  };
}

function weightiest(vectors: Matrix, target: Float32Array): number[] {
  return Array.from({ length: vectors.rows }, (_, i) => ({ i, worth: innerProduct(row(vectors, i), target) }))
    .filter(({ worth }) => worth > 0)
    .sort((a, b) => b.worth - a.worth)
    .slice(0, WORDS.statistics)
    .map(({ i }) => i);
}
