/** Lines of a text that is broken at a fixed width are longer than this but for the last ones. */
const BROKEN_FROM = 50;

/** The paragraphs of a text. Lines that were broken to fit a page are joined; short ones, as in lists and tables, stay. */
export function paragraphsOf(text: string): string[] {
  return text
    .split(/\n\s*\n/)
    .map(unbroken)
    .filter((paragraph) => paragraph.trim() !== "");
}

function unbroken(paragraph: string): string {
  const parts: string[] = [];
  /** Of the last line, with what was joined to it. */
  let length = 0;
  for (const line of paragraph.split("\n")) {
    const isItem = /^\s*([-*•|]|\d+[.)])/.test(line);
    const isJoined = length >= BROKEN_FROM && !isItem;
    if (parts.length > 0) parts.push(isJoined ? " " : "\n");
    parts.push(line);
    length = line.length + (isJoined ? length + 1 : 0);
  }
  return parts.join("");
}
