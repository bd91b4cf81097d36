import { getDocumentProxy } from "unpdf";
import type { Section } from "../document.ts";
import type { ParsedText } from "./parsed-text.ts";
import { parseLimits } from "./parse-limits.ts";
import { type Unread, UnreadError, damaged, encrypted, tooCostly } from "./unread.ts";

type Pdf = Awaited<ReturnType<typeof getDocumentProxy>>;

/** PDF: a section a page. Pages that are pictures have no text; they are named. */
export async function readPdf(bytes: Uint8Array): Promise<ParsedText> {
  const pdf = await open(bytes);
  const pages = pdf.numPages;
  if (pages > parseLimits.pdfPagesMax) throw tooCostly(`has more than ${String(parseLimits.pdfPagesMax)} pages`);
  const sections: Section[] = [];
  const [blank, broken]: [number[], number[]] = [[], []];
  let length = 0;
  for (let number = 1; number <= pages; number++) {
    const text = await textOf(pdf, number).catch(() => null);
    if (text === null) broken.push(number);
    else if (text.trim() === "") blank.push(number);
    else sections.push({ text, place: `page ${String(number)}` });
    length += text?.length ?? 0;
    if (length > parseLimits.textLengthMax) throw tooCostly("has too much text");
  }
  if (sections.length === 0 && broken.length > 0) throw damaged("is damaged: none of its pages can be read");
  if (sections.length === 0)
    throw new UnreadError("SCANNED", "has no text: its pages are pictures. Run text recognition (OCR) over it.");
  return { title: await titleOf(pdf), sections, unread: [...partsUnread(blank, broken)] };
}

function* partsUnread(blank: readonly number[], broken: readonly number[]): Generator<Unread> {
  if (blank.length > 0)
    yield {
      reason: "SCANNED",
      what: `is read without ${pagesInWords(blank)}: no text there. If they are pictures, run text recognition (OCR) over it.`,
    };
  if (broken.length > 0) yield { reason: "DAMAGED", what: `is read without ${pagesInWords(broken)}: damaged.` };
}

async function open(bytes: Uint8Array): Promise<Pdf> {
  try {
    // A copy: PDF.js takes the buffer over.
    return await getDocumentProxy(Uint8Array.from(bytes), {
      disableFontFace: true,
      useSystemFonts: false,
      useWorkerFetch: false,
      useWasm: false,
      enableXfa: false,
      verbosity: 0,
    });
  } catch (error) {
    if (error instanceof Error && error.name === "PasswordException") throw encrypted();
    throw damaged("is damaged, or no PDF file", error);
  }
}

async function textOf(pdf: Pdf, number: number): Promise<string> {
  const page = await pdf.getPage(number);
  try {
    const { items } = await page.getTextContent();
    return items.map((item) => ("str" in item ? item.str + (item.hasEOL ? "\n" : "") : "")).join("");
  } finally {
    page.cleanup();
  }
}

async function titleOf(pdf: Pdf): Promise<string> {
  const metadata = await pdf.getMetadata().catch(() => null);
  const title = (metadata?.info as { readonly Title?: unknown } | undefined)?.Title;
  return typeof title === "string" ? title.replace(/\s+/g, " ").trim().slice(0, 500) : "";
}

/** "page 3", "pages 2, 5-7 and more". */
function pagesInWords(pages: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const page of pages) {
    const last = ranges.at(-1);
    if (last?.[1] === page - 1) last[1] = page;
    else ranges.push([page, page]);
  }
  const shown = ranges.slice(0, 8).map(([from, to]) => (from === to ? String(from) : `${String(from)}-${String(to)}`));
  return `page${pages.length === 1 ? "" : "s"} ${shown.join(", ")}${ranges.length > shown.length ? " and more" : ""}`;
}
