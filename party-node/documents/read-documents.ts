import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import type { DocumentEvent, Problem, ReadText, SourceDocument } from "./document.ts";
import { FILE_BYTES_MAX, problemAt } from "./document.ts";
import type { FoundFile, Root } from "./find-documents.ts";
import { findFiles, unreadable } from "./find-documents.ts";
import { parseLimits } from "./formats/parse-limits.ts";
import type { ParsedFormat } from "./formats/parse.ts";
import { ParsedFiles } from "./parsed-files.ts";
import type { Passage } from "./passage.ts";
import { passagesOf } from "./passages-of.ts";
import { type Entry, readJsonl } from "./read-jsonl.ts";
import { readMarkdown } from "./read-markdown.ts";
import { readText } from "./read-text.ts";

/** Formats that are read in this process. */
const READERS = { text: readText, markdown: readMarkdown } as const;

export interface ReadOptions {
  /** Parses what is parsed in another process; not closed. Without it every such file is parsed anew. */
  readonly parsed?: ParsedFiles;
  /** Called before each file. */
  readonly onFile?: () => void;
}

/**
 * Reads all documents under the roots, one in memory at a time, always in the same order. Whatever is wrong with one of
 * them is a problem between the others. A file found under two roots is read once, under the first.
 */
export async function* readDocuments(
  roots: readonly Root[],
  { parsed, onFile }: ReadOptions = {},
): AsyncGenerator<DocumentEvent> {
  await using own = parsed ? null : new ParsedFiles();
  const files = parsed ?? own!;
  const seen = new Set<string>();
  for (const root of roots) {
    for await (const found of findFiles(root)) {
      if ("reason" in found) yield { problem: found };
      else if (!seen.has(found.path)) {
        seen.add(found.path);
        onFile?.();
        yield* readFound(found, files);
      }
    }
  }
}

async function* readFound(file: FoundFile, files: ParsedFiles): AsyncGenerator<DocumentEvent> {
  try {
    if (file.kind === "jsonl") yield* readEntries(file.path);
    else if (file.kind in READERS) yield await readWhole(file, READERS[file.kind as keyof typeof READERS]);
    else yield* readParsed(file, file.kind as ParsedFormat, files);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    yield { problem: unreadable(file.path, error) };
  }
}

async function* readEntries(path: string): AsyncGenerator<DocumentEvent> {
  let entries = 0;
  for await (const entry of readJsonl(path)) {
    entries++;
    if ("reason" in entry) yield { problem: entry };
    else yield { document: toDocument(`${path}#${entry.id}`, [passageOf(entry)]) };
  }
  if (entries === 0) yield { problem: emptyFile(path) };
}

async function readWhole(file: FoundFile, reader: (source: string) => ReadText): Promise<DocumentEvent> {
  const source = await readSource(file.path);
  if (typeof source !== "string") return { problem: source };
  const { title, sections } = reader(source);
  const passages = passagesOf(file.name, title.trim(), sections);
  if (passages.length === 0) return { problem: emptyFile(file.path) };
  return { document: toDocument(file.path, passages) };
}

async function* readParsed(file: FoundFile, format: ParsedFormat, files: ParsedFiles): AsyncGenerator<DocumentEvent> {
  const { path, name } = file;
  const bytes = await readBytes(path, parseLimits.fileBytesMax, "Divide it.");
  if ("reason" in bytes) {
    yield { problem: bytes };
    return;
  }
  const read = await files.parse(path, format, bytes);
  if ("reason" in read) {
    yield { problem: problemAt(path, null, read.reason, read.what) };
    return;
  }
  const passages = passagesOf(name, read.title.trim(), read.sections);
  yield passages.length > 0 ? { document: toDocument(path, passages) } : { problem: emptyFile(path) };
  for (const { reason, what } of read.unread) yield { problem: problemAt(path, null, reason, what) };
}

async function readBytes(path: string, bytesMax: number, advice: string): Promise<Buffer | Problem> {
  await using file = await open(path, "r");
  if ((await file.stat()).size <= bytesMax) return await file.readFile();
  return problemAt(path, null, "TOO_LARGE", `is larger than ${(bytesMax / 2 ** 20).toString()} MiB. ${advice}`);
}

async function readSource(path: string): Promise<string | Problem> {
  const bytes = await readBytes(path, FILE_BYTES_MAX, "Split it, or use .jsonl.");
  if ("reason" in bytes) return bytes;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes).replace(/\r\n?/g, "\n");
  } catch {
    return problemAt(path, null, "NOT_UTF8", "is not UTF-8 text. Convert it.");
  }
}

/** One line's document is one passage; where it is, its id says. */
function passageOf({ id, title, text }: Entry): Passage {
  return { documentId: id, title, text, ordinal: 0 };
}

/** @param passages - Of one document, at least one. */
function toDocument(documentKey: string, passages: readonly Passage[]): SourceDocument {
  const { documentId = "", title = "" } = passages[0] ?? {};
  const locations = passages.map(({ place, offset }) => [place ?? null, offset ?? null]);
  const isLocated = locations.flat().some((part) => part !== null);
  const content = JSON.stringify([title, passages.map(({ text }) => text), ...(isLocated ? [locations] : [])]);
  return { documentKey, documentId, contentHash: createHash("sha256").update(content).digest("hex"), passages };
}

function emptyFile(path: string): Problem {
  return problemAt(path, null, "EMPTY", "holds no text and is left out.");
}
