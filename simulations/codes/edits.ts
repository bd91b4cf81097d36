const sentences = new Intl.Segmenter("en", { granularity: "sentence" });
const OTHER_SENTENCE = "This sentence was not there before, and it says something else in about as many words. ";

/** What happens to a passage on its way to another collection. */
export const EDITS: Readonly<Record<string, (text: string, random: () => number) => string>> = {
  "capitals and white space": (text) => text.toUpperCase().split(/\s+/).join("  "),
  "no punctuation": (text) => text.replace(/[^\p{L}\p{N}\s]/gu, " "),
  "a wrong letter in a hundred": (text, random) =>
    text.replace(/\p{L}/gu, (letter) => (random() < 0.01 ? "x" : letter)),
  "a sentence replaced": (text, random) => changeSentence(text, random, OTHER_SENTENCE),
  "a sentence left out": (text, random) => changeSentence(text, random, ""),
  "the last tenth cut off": (text) => text.slice(0, Math.ceil(0.9 * text.length)),
};

function changeSentence(text: string, random: () => number, by: string): string {
  const parts = Array.from(sentences.segment(text), ({ segment }) => segment);
  const changed = Math.floor(parts.length * random());
  // The only sentence stays.
  return parts.length === 1 ? text + by : parts.map((part, i) => (i === changed ? by : part)).join("");
}
