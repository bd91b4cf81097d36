import type { FormatCallback, HtmlToTextOptions } from "html-to-text";
import { compile } from "html-to-text";
import type { ReadText, Section } from "./document.ts";
import { HeadingPath } from "./heading-path.ts";

const SKIPPED = ["nav", "script", "style", "noscript", "template", "img", "svg", "form", "iframe", "title"];
const HEADINGS = ["h1", "h2", "h3", "h4", "h5", "h6"];
const LIMITS = { maxDepth: 500, maxInputLength: 64 * 1024 * 1024 };

// Noncharacters around a heading: text has none, and what has some is cleaned of them below.
const [BEGIN, END] = ["\uFDD0", "\uFDD1"];
const MARKED = /(?<=^|\n)[ \t]*\uFDD0([1-6])([^\uFDD0\uFDD1]*)\uFDD1/g;
const MARKS = /\uFDD0[1-6]?|\uFDD1/g;

const markedHeading: FormatCallback = (element, walk, builder) => {
  builder.openBlock({ leadingLineBreaks: 2 });
  builder.addLiteral(`${BEGIN}${(element.name as string).slice(1)}`);
  walk(element.children, builder);
  builder.addLiteral(END);
  builder.closeBlock({ trailingLineBreaks: 2 });
};

const body = compile({
  wordwrap: false,
  limits: LIMITS,
  formatters: { markedHeading },
  selectors: [
    ...SKIPPED.map((selector) => ({ selector, format: "skip" })),
    ...HEADINGS.map((selector) => ({ selector, format: "markedHeading" })),
    { selector: "a", options: { ignoreHref: true } },
    { selector: "table", format: "dataTable", options: { uppercaseHeaderCells: false } },
  ],
});
const titleElement = compile(only("title"));
const firstHeading = compile(only("h1"));
/** Of the heading that is the title of a page without `<title>`. */
export const TITLE_CLASS = "document-title";
const markedTitle = compile(only(`h1.${TITLE_CLASS}`));

/**
 * HTML: the title is that of `<title>`, else the first `<h1>`; every heading begins a section, and one without a text of its own joins the next.
 * Places leave the title out, but not where it is the first of several headings of that height. Navigation, scripts and styles are left out.
 */
export function readHtml(source: string): ReadText {
  const page = withoutConstructor(source);
  const own = oneLine(titleElement(page)) || oneLine(markedTitle(page));
  const title = own || oneLine(firstHeading(page));
  const marked = body(page);
  const highest = [...marked.matchAll(MARKED)].filter(([, level]) => level === "1").length;
  return { title, sections: sectionsOf(marked, own !== "" || highest === 1 ? title : "") };
}

/** The sections of a page that is part of something else. @param title - What it is part of: no place names it. */
export function htmlSections(source: string, title: string): Section[] {
  return sectionsOf(body(withoutConstructor(source)), title);
}

/** html-to-text looks elements up by name in a plain object, and fails over one that every object has. */
function withoutConstructor(source: string): string {
  return source.replace(/(<\/?)constructor(?=[\s/>]|$)/gi, "$1div");
}

function sectionsOf(marked: string, title: string): Section[] {
  const sections: Section[] = [];
  const path = new HeadingPath();
  let [section, hasBody, at] = ["", false, 0];
  const take = (upTo: number): void => {
    const text = marked.slice(at, upTo).replace(MARKS, "");
    hasBody ||= text.trim() !== "";
    section += text;
  };
  const end = (): void => {
    if (section.trim() !== "") sections.push({ text: section, ...path.placeBelow(title) });
    [section, hasBody] = ["", false];
  };
  for (const { index, 0: whole, 1: level, 2: heading = "" } of marked.matchAll(MARKED)) {
    take(index);
    if (hasBody) end();
    path.enter(Number(level), heading);
    section += heading.trim();
    at = index + whole.length;
  }
  take(marked.length);
  end();
  return sections;
}

function only(selector: string): HtmlToTextOptions {
  return {
    wordwrap: false,
    limits: { ...LIMITS, maxBaseElements: 1 },
    baseElements: { selectors: [selector], returnDomByDefault: false },
    selectors: [
      { selector: "h1", options: { uppercase: false } },
      { selector: "img", format: "skip" },
      { selector: "a", options: { ignoreHref: true } },
    ],
  };
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
