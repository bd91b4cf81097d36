import type { Passage } from "./passage.ts";

/** Why a file, or a line of one, gave no document. Only `UNREADABLE` may hide documents that still exist. */
export type ProblemReason =
  | "UNREADABLE"
  | "UNKNOWN_TYPE"
  | "LINK_OUTSIDE"
  | "TOO_LARGE"
  | "NOT_UTF8"
  | "NOT_JSON"
  | "NO_ID"
  | "NO_TEXT"
  | "DUPLICATE_ID"
  | "EMPTY"
  | "ENCRYPTED"
  | "SCANNED"
  | "DAMAGED"
  | "TOO_COSTLY"
  | "UNSUPPORTED"
  | "ATTACHMENTS"
  | "OUT_OF_RANGE";

/** Something a person should know about the documents; the rest is ingested. */
export interface Problem {
  /** Absolute path. */
  readonly file: string;
  /** From 1; for a line of a .jsonl file. */
  readonly line?: number;
  readonly reason: ProblemReason;
  /** A sentence with file and line in it, and nothing of the file's content. */
  readonly message: string;
}

/** A document split into passages, ready to be encoded. */
export interface SourceDocument {
  /** Absolute real path, for a line of a .jsonl file followed by `#` and its `_id`. The same from any working directory. */
  readonly documentKey: string;
  /** Path relative to the ingested folder, with `/`; the base name of a single file; `_id` of a .jsonl line. */
  readonly documentId: string;
  /** Lower-case hex SHA-256 over title and passages, as split: the same under whichever folder the document was found. */
  readonly contentHash: string;
  /** At least one. */
  readonly passages: readonly Passage[];
}

export type DocumentEvent = { readonly document: SourceDocument } | { readonly problem: Problem };

/** A piece of a document that no passage may reach beyond. */
export interface Section {
  readonly text: string;
  /** What its passages are cited by, at most `limits.placeLengthMax` long; not set where there is nothing to say. */
  readonly place?: string;
}

/** What a reader makes of one file. */
export interface ReadText {
  /** Empty when the document has none. */
  readonly title: string;
  readonly sections: readonly Section[];
}

/** Largest text or Markdown file that is read, in bytes; .jsonl files are streamed and have no such limit. */
export const FILE_BYTES_MAX = 64 * 1024 * 1024;
/** Longest line of a .jsonl file, in bytes without its line end. */
export const LINE_BYTES_MAX = 1024 * 1024;
/** Longest `_id`, in UTF-16 code units. */
export const ID_LENGTH_MAX = 512;

/** A problem whose message begins with where it is. */
export function problemAt(file: string, line: number | null, reason: ProblemReason, what: string): Problem {
  if (line === null) return { file, reason, message: `${file}: ${what}` };
  return { file, line, reason, message: `${file}, line ${line.toString()}: ${what}` };
}
