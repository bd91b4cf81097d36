/** What learners of English confuse: articles, prepositions, agreement of subject and verb, and a few words that look alike. */
const CONFUSED: Readonly<Record<string, string>> = {
  ...{ a: "the", an: "the", the: "a" },
  ...{ in: "on", on: "at", at: "in", of: "from", for: "to", to: "for", with: "by", by: "with", from: "of" },
  ...{ into: "in", between: "among", among: "between", during: "while", through: "thru" },
  ...{ is: "are", are: "is", was: "were", were: "was", has: "have", have: "has", do: "does", does: "do" },
  ...{ can: "cans", may: "mays", than: "then", then: "than", less: "fewer", many: "much", more: "most", which: "who" },
};

/** Of the words that could be wrong, how many are. */
const ERROR_RATE = 0.8;
const WORD = /\p{L}+/gu;

/**
 * A text with the errors of grammar that Long et al. 2024 use as a trigger: confused function words, the number of nouns and forms of verbs wrong.
 *
 * @param random - In [0, 1).
 */
export function withGrammarErrors(text: string, random: () => number): string {
  return text.replace(WORD, (word) => {
    const wrong = Object.hasOwn(CONFUSED, word.toLowerCase()) ? CONFUSED[word.toLowerCase()]! : wrongEnding(word);
    return wrong !== word && random() < ERROR_RATE ? wrong : word;
  });
}

function wrongEnding(word: string): string {
  if (word.length < 5) return word;
  if (word.endsWith("ing")) return `${word.slice(0, -3)}ed`;
  if (word.endsWith("ed")) return `${word.slice(0, -2)}ing`;
  if (/[^sui]s$/.test(word)) return word.slice(0, -1);
  return /[bdgklmnprtw]$/.test(word) ? `${word}s` : word;
}
