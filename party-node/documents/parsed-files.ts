import { createHash } from "node:crypto";
import { DocumentParser } from "./document-parser.ts";
import type { ParsedText } from "./formats/parsed-text.ts";
import type { ParsedFormat } from "./formats/parse.ts";
import type { Unread } from "./formats/unread.ts";

/** Goes up when parsers read more, or otherwise, than before: every file is then parsed once more. */
const PARSERS_VERSION = 2;

/** Where extracted text is kept from one run to the next. */
export interface KeptExtractions {
  read(path: string): unknown;
  write(path: string, extraction: unknown): void;
}

export interface ParsedFilesOptions {
  readonly parser?: DocumentParser;
  /** Without it every file is parsed whenever it is read. */
  readonly kept?: KeptExtractions;
  /** Whether what could not be read in an earlier run is tried again. */
  readonly retry?: boolean;
  /** Ends the parser in the middle of a file. */
  readonly signal?: AbortSignal | undefined;
}

interface Extraction {
  readonly version: number;
  /** SHA-256 of the format's name and the file, hexadecimal. */
  readonly file: string;
  readonly read: ParsedText | Unread;
}

/** Parses each file once, as long as its bytes stay the same: a run reads its documents two or three times, and the next run again. */
export class ParsedFiles implements AsyncDisposable {
  /** Paths that were asked for. */
  readonly paths = new Set<string>();
  readonly #parser: DocumentParser;
  readonly #kept: KeptExtractions | undefined;
  readonly #retry: boolean;
  readonly #signal: AbortSignal | undefined;

  constructor({ parser = new DocumentParser(), kept, retry = false, signal }: ParsedFilesOptions = {}) {
    this.#parser = parser;
    this.#kept = kept;
    this.#retry = retry;
    this.#signal = signal;
    signal?.addEventListener("abort", () => void parser[Symbol.asyncDispose](), { once: true });
  }

  /** The file's text, or why it has none. @throws The signal's reason; Fault PARSER_NOT_STARTED. */
  async parse(path: string, format: ParsedFormat, bytes: Uint8Array): Promise<ParsedText | Unread> {
    const isFirst = !this.paths.has(path);
    this.paths.add(path);
    const file = createHash("sha256").update(format).update(bytes).digest("hex");
    const before = this.#kept?.read(path) as Extraction | null | undefined;
    if (before?.version === PARSERS_VERSION && before.file === file)
      if (!("reason" in before.read && isFirst && this.#retry)) return before.read;
    const read = await this.#parser.parse(format, bytes);
    this.#signal?.throwIfAborted();
    this.#kept?.write(path, { version: PARSERS_VERSION, file, read } satisfies Extraction);
    return read;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parser[Symbol.asyncDispose]();
  }
}
