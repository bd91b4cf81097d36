// ICU's segmenter and a packer, for @langchain/textsplitters would bring 53 MB of @langchain/core and js-tiktoken.

/** Longest passage, in UTF-16 code units. */
export const PASSAGE_LENGTH_MAX = 1_000;
/** A passage shorter than this is worth breaking a paragraph for. */
const PASSAGE_LENGTH_TINY = 200;

// A fixed language, or one text would be split differently on two machines.
const sentences = new Intl.Segmenter("en", { granularity: "sentence" });
const words = new Intl.Segmenter("en", { granularity: "word" });

/**
 * Splits one section into passages of at most {@link PASSAGE_LENGTH_MAX}: between paragraphs, else between sentences, else
 * between words. As few passages as greedy packing needs, of about equal length, so that no scrap is left at the end.
 *
 * @param section - Any text; a paragraph ends at an empty line.
 * @returns Trimmed, none empty; no text at all gives none.
 */
export function split(section: string): string[] {
  const paragraphs = section
    .replace(/\r\n?/g, "\n")
    .split(/\n[^\S\n]*\n\s*/)
    .filter((paragraph) => paragraph.trim() !== "")
    .map((paragraph, index, all) => (index < all.length - 1 ? paragraph + "\n\n" : paragraph));
  const passages = pack(paragraphs.flatMap((p) => (p.length > PASSAGE_LENGTH_MAX ? intoSentences(p) : [p])));
  return joinTiny(passages)
    .map((passage) => passage.trim())
    .filter((passage) => passage !== "");
}

/** Shares out each tiny passage and its neighbour anew, this time between sentences. */
function joinTiny(passages: readonly string[]): string[] {
  const joined: string[] = [];
  for (const passage of passages) {
    const before = joined.at(-1);
    if (before === undefined || Math.min(before.length, passage.length) >= PASSAGE_LENGTH_TINY) joined.push(passage);
    else joined.splice(-1, 1, ...pack(intoSentences(before + passage)));
  }
  return joined;
}

function intoSentences(text: string): string[] {
  return Array.from(sentences.segment(text), (s) => s.segment).flatMap((s) =>
    s.length > PASSAGE_LENGTH_MAX ? intoWords(s) : [s],
  );
}

function intoWords(sentence: string): string[] {
  return Array.from(words.segment(sentence), (w) => w.segment).flatMap((w) =>
    w.length > PASSAGE_LENGTH_MAX ? cut(w) : [w],
  );
}

/** The last resort: pieces of about half a passage, never between the halves of a surrogate pair. */
function cut(word: string): string[] {
  const pieces: string[] = [];
  for (let start = 0; start < word.length;) {
    let end = start + PASSAGE_LENGTH_MAX / 2;
    if (/[\uD800-\uDBFF]/.test(word.charAt(end - 1))) end++;
    pieces.push(word.slice(start, end));
    start = end;
  }
  return pieces;
}

/** Joins neighbouring pieces, spaces between them kept: the smallest length limit that needs no more passages than the largest one does. */
function pack(pieces: readonly string[]): string[] {
  const fewest = packWithin(pieces, PASSAGE_LENGTH_MAX).length;
  let [low, high] = [1, PASSAGE_LENGTH_MAX];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (packWithin(pieces, middle).length <= fewest) high = middle;
    else low = middle + 1;
  }
  return packWithin(pieces, high);
}

function packWithin(pieces: readonly string[], lengthMax: number): string[] {
  const passages: string[] = [];
  let current = "";
  for (const piece of pieces) {
    if (current !== "" && current.length + piece.trimEnd().length > lengthMax) {
      passages.push(current);
      current = "";
    }
    current += piece;
  }
  if (current !== "") passages.push(current);
  return passages;
}
