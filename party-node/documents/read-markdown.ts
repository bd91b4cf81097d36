import type { ReadText, Section } from "./document.ts";
import { HeadingPath } from "./heading-path.ts";

type Place = Pick<Section, "place">;

const FRONT_MATTER_BEGINS = /^---[ \t]*$/;
const FRONT_MATTER_ENDS = /^(?:---|\.\.\.)[ \t]*$/;
/** Of front matter; a rule at the beginning of a text has no end near. */
const FRONT_MATTER_LINES_MAX = 1_000;
const HEADING = /^ {0,3}#{1,6}(?=[ \t]|$)/;
const UNDERLINE = /^ {0,3}(?:=+|-+)[ \t]*$/;
const FENCE = /^ {0,3}(`{3,}|~{3,})/;
const HEADING_LENGTH_MAX = 300;

/**
 * Markdown: the title is the first heading; every heading begins a section and is its first line, and a heading without a
 * text of its own joins the next section. Places leave the title out, but not where it is the first of several headings of
 * its level. Front matter is dropped; other markup stays as its author wrote it.
 */
export function readMarkdown(source: string): ReadText {
  const sections: { readonly text: string; readonly whole: Place; readonly belowTitle: Place }[] = [];
  const path = new HeadingPath();
  let title = "";
  let [titleLevel, highest] = [0, 0];
  let section: string[] = [];
  let bodyLines = 0;
  let fence: string | null = null;
  const end = (): void =>
    void sections.push({
      text: section.join("\n"),
      whole: path.placeBelow(""),
      belowTitle: path.placeBelow(title),
    });
  const begin = (level: number, heading: string): void => {
    if (bodyLines > 0) {
      end();
      section = [];
      bodyLines = 0;
    }
    section.push(heading, "");
    if (title === "") [title, titleLevel] = [heading, level];
    if (level <= titleLevel) highest++;
    path.enter(level, heading);
  };
  for (const line of withoutFrontMatter(source.split("\n"))) {
    const mark = FENCE.exec(line)?.[1];
    const heading = fence === null ? headingOf(line) : null;
    const above = section.at(-1)?.trim() ?? "";
    if (heading !== null) {
      begin(levelOf(line), heading);
    } else if (fence === null && UNDERLINE.test(line) && isParagraph(above)) {
      section.pop();
      bodyLines--;
      begin(line.includes("=") ? 1 : 2, above);
    } else {
      if (fence === null) fence = mark ?? null;
      else if (mark?.startsWith(fence)) fence = null;
      section.push(line);
      if (line.trim() !== "") bodyLines++;
    }
  }
  end();
  return {
    title,
    sections: sections.map(({ text, whole, belowTitle }) => ({ text, ...(highest > 1 ? whole : belowTitle) })),
  };
}

function withoutFrontMatter(lines: readonly string[]): readonly string[] {
  if (!FRONT_MATTER_BEGINS.test(lines[0] ?? "")) return lines;
  const end = lines.slice(1, FRONT_MATTER_LINES_MAX).findIndex((line) => FRONT_MATTER_ENDS.test(line));
  return end < 0 ? lines : lines.slice(end + 2);
}

function headingOf(line: string): string | null {
  if (line.length > HEADING_LENGTH_MAX || !HEADING.test(line)) return null;
  return line
    .replace(HEADING, "")
    .trim()
    .replace(/(^|[ \t]+)#+$/, "");
}

/** How many `#` begin it. */
function levelOf(line: string): number {
  return line.trimStart().search(/[^#]|$/);
}

/** Whether a line of `===` or `---` below makes a heading of it, rather than a rule below a list, table or quote. */
function isParagraph(line: string): boolean {
  return line !== "" && line.length <= HEADING_LENGTH_MAX && !/^([-*+>|]|\d+[.)]\s)/.test(line);
}
