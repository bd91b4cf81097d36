import type { Problem, ProblemReason } from "./document.ts";
import { ID_LENGTH_MAX, LINE_BYTES_MAX, problemAt } from "./document.ts";
import { readLines } from "./read-lines.ts";

/** One line's document. */
export interface Entry {
  readonly id: string;
  /** Empty when the line has none. */
  readonly title: string;
  readonly text: string;
}

class BadLine extends Error {
  readonly reason: ProblemReason;

  constructor(reason: ProblemReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/**
 * Streams a .jsonl file of `{ _id, title?, text }`, one document a line; other fields are ignored, empty lines skipped.
 *
 * A line that cannot be used is a problem with its number (TOO_LARGE, NOT_UTF8, NOT_JSON, NO_ID, NO_TEXT, DUPLICATE_ID), and
 * the rest goes on.
 * @throws The file system's error.
 */
export async function* readJsonl(path: string): AsyncGenerator<Entry | Problem> {
  const ids = new Set<string>();
  for await (const { number, bytes } of readLines(path)) {
    try {
      const text = decode(bytes, number === 1);
      if (text.trim() === "") continue;
      const entry = parse(text);
      if (ids.has(entry.id))
        throw new BadLine("DUPLICATE_ID", "an earlier line has the same _id; this one is left out.");
      ids.add(entry.id);
      yield entry;
    } catch (error) {
      if (!(error instanceof BadLine)) throw error;
      yield problemAt(path, number, error.reason, error.message);
    }
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decode(bytes: Buffer | null, isFirst: boolean): string {
  if (bytes === null)
    throw new BadLine("TOO_LARGE", `is longer than ${LINE_BYTES_MAX.toString()} bytes. Split the document.`);
  try {
    const text = utf8.decode(bytes);
    return isFirst && text.startsWith("\uFEFF") ? text.slice(1) : text;
  } catch {
    throw new BadLine("NOT_UTF8", "is not UTF-8. Convert the file.");
  }
}

function parse(line: string): Entry {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    value = null; // the parser's message would quote the document
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new BadLine("NOT_JSON", "is not a JSON object.");
  }
  const { _id: id, title, text } = value as Record<string, unknown>;
  if ((typeof id !== "string" && !Number.isSafeInteger(id)) || id === "" || String(id).length > ID_LENGTH_MAX) {
    throw new BadLine("NO_ID", `lacks "_id", a string of 1 to ${ID_LENGTH_MAX.toString()} characters.`);
  }
  if (typeof text !== "string" || text.trim() === "") throw new BadLine("NO_TEXT", 'lacks "text", or it is empty.');
  return { id: clean(String(id)), title: typeof title === "string" ? clean(title) : "", text: clean(text) };
}

/** A lone surrogate, possible in JSON, cannot be written as UTF-8. */
function clean(text: string): string {
  return text.trim().toWellFormed();
}
