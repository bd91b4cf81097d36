/** Lines of a text that is broken at a fixed width are longer than this but for the last ones. */
const BROKEN_FROM = 50;

/** The paragraphs of a text. Lines that were broken to fit a page are joined; short ones, as in lists and tables, stay. */
export function paragraphsOf(text: string): string[] {
  return text
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.split("\n").reduce(joined))
    .filter((paragraph) => paragraph.trim() !== "");
}

function joined(before: string, line: string): string {
  const last = before.slice(before.lastIndexOf("\n") + 1);
  const isItem = /^\s*([-*•|]|\d+[.)])/.test(line);
  return last.length < BROKEN_FROM || isItem ? `${before}\n${line}` : `${before} ${line}`;
}
