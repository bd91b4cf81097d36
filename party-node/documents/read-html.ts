import type { HtmlToTextOptions } from "html-to-text";
import { compile } from "html-to-text";
import type { ReadText } from "./document.ts";

const SKIPPED = ["nav", "script", "style", "noscript", "template", "img", "svg", "form", "iframe", "title"];
const LIMITS = { maxDepth: 500, maxInputLength: 64 * 1024 * 1024 };

const body = compile({
  wordwrap: false,
  limits: LIMITS,
  selectors: [
    ...SKIPPED.map((selector) => ({ selector, format: "skip" })),
    ...["h1", "h2", "h3", "h4", "h5", "h6"].map((selector) => ({ selector, options: { uppercase: false } })),
    { selector: "a", options: { ignoreHref: true } },
    { selector: "table", format: "dataTable", options: { uppercaseHeaderCells: false } },
  ],
});
const titleElement = compile(only("title"));
const firstHeading = compile(only("h1"));

/** HTML: one section; the title is that of `<title>`, else the first `<h1>`. Navigation, scripts and styles are left out. */
export function readHtml(source: string): ReadText {
  const title = oneLine(titleElement(source)) || oneLine(firstHeading(source));
  return { title, sections: [body(source)] };
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
