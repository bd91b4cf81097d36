import type { ParsedText } from "./parsed-text.ts";
import { parseLimits } from "./parse-limits.ts";
import { tooCostly, unreadBy } from "./unread.ts";

type Reader = (bytes: Uint8Array) => ParsedText | Promise<ParsedText>;

/** Formats whose files are parsed in a process of their own. Each parser is loaded when its first file comes. */
const READERS = {
  html: async () => (await import("./read-page.ts")).readPage,
  pdf: async () => (await import("./read-pdf.ts")).readPdf,
  docx: async () => (await import("./read-docx.ts")).readDocx,
  pptx: async () => (await import("./read-pptx.ts")).readPptx,
  xlsx: async () => (await import("./read-xlsx.ts")).readXlsx,
  epub: async () => (await import("./read-epub.ts")).readEpub,
  eml: async () => (await import("./read-eml.ts")).readEml,
  csv: async () => (await import("./read-csv.ts")).readCsv,
  tsv: async () => (await import("./read-csv.ts")).readTsv,
} satisfies Record<string, () => Promise<Reader>>;

export type ParsedFormat = keyof typeof READERS;

/** @throws UnreadError, whatever the bytes are. */
export async function parseDocument(format: ParsedFormat, bytes: Uint8Array): Promise<ParsedText> {
  const reader: Reader = await READERS[format]();
  let read: ParsedText;
  try {
    read = await reader(bytes);
  } catch (error) {
    throw unreadBy(error, "is damaged, or not of the type its name says");
  }
  const length = read.sections.reduce((sum, { text }) => sum + text.length, 0);
  if (length > parseLimits.textLengthMax)
    throw tooCostly(`has more than ${String(parseLimits.textLengthMax)} characters of text`);
  return read;
}
