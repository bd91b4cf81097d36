const SYLLABLES = ["ba", "do", "fi", "gu", "ka", "lo", "me", "nu", "pi", "ra", "so", "ti", "va", "zu", "che", "lin"];
const VOCABULARY = 30_000;
const WORDS_A_PASSAGE = 80;

/** Made-up passages as lines of a corpus.jsonl, the same every time; words as frequent as Zipf's law has it, roughly. */
export function madeUpCorpus(passages: number): string {
  const random = generator(1);
  const lines: string[] = [];
  for (let i = 0; i < passages; i++) {
    const text = Array.from({ length: WORDS_A_PASSAGE }, () => word(Math.floor(VOCABULARY ** random()))).join(" ");
    lines.push(`${JSON.stringify({ _id: `passage-${i}`, title: word(i), text })}\n`);
  }
  return lines.join("");
}

/** The word of a rank: three syllables or more, each rank another. */
function word(rank: number): string {
  let text = "";
  for (let rest = rank, i = 0; i < 3 || rest > 0; i++, rest = Math.floor(rest / SYLLABLES.length))
    text += SYLLABLES[rest % SYLLABLES.length]!;
  return `${text}n`;
}

/** Repeatable numbers in [0, 1). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
