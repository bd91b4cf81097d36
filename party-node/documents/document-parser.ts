import { type ChildProcess, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { Fault } from "../../crypto/fault.ts";
import { limits } from "../../protocol/limits.ts";
import type { ParsedFormat } from "./formats/parse.ts";
import type { ParsedText } from "./formats/parsed-text.ts";
import { parseLimits } from "./formats/parse-limits.ts";
import { type Unread, tooCostly } from "./formats/unread.ts";
import { parserPermissions } from "./parser-permissions.ts";
import { FrameReader, READY, frame } from "./parse-frames.ts";

/** The process that parses does not start: something is wrong with this installation, not with a document. */
export type DocumentParserFaultCode = "PARSER_NOT_STARTED";

export interface DocumentParserOptions {
  /** Lower than those of `parseLimits`, for tests. */
  readonly timeMsMax?: number;
  readonly residentBytesMax?: number;
}

/** Bytes of the largest answer: the longest text as JSON, most of it two or three bytes a character. */
const ANSWER_BYTES_MAX = 4 * parseLimits.textLengthMax;

const unread = z.strictObject({
  reason: z.enum(["NOT_UTF8", "EMPTY", "ENCRYPTED", "SCANNED", "DAMAGED", "TOO_COSTLY", "UNSUPPORTED", "ATTACHMENTS"]),
  what: z.string().max(500),
});
const parsed = z.strictObject({
  title: z.string().max(65_536),
  sections: z.array(
    z.strictObject({ text: z.string(), place: z.string().min(1).max(limits.placeLengthMax).exactOptional() }),
  ),
  unread: z.array(unread).max(16),
});
/** What a parser says is believed no more than the file: a file may have taken the parser over. */
const answerSchema = z.union([parsed, unread]);

/**
 * Parses files in a process of its own, which is started for the first one and kept for those after it. The process has no environment, may read the
 * program's files and no others, may write nothing and start nothing, and is ended when a file takes too long or too much memory; the next file
 * then gets a new one. One file at a time.
 */
export class DocumentParser implements AsyncDisposable {
  readonly #timeMsMax: number;
  readonly #residentBytesMax: number;
  #process: ParseProcess | null = null;

  constructor({ timeMsMax, residentBytesMax }: DocumentParserOptions = {}) {
    this.#timeMsMax = timeMsMax ?? parseLimits.timeMsMax;
    this.#residentBytesMax = residentBytesMax ?? parseLimits.residentBytesMax;
  }

  /**
   * The file's text, or why it has none.
   *
   * @param bytes - At most `parseLimits.fileBytesMax`; not modified.
   * @throws Fault PARSER_NOT_STARTED.
   */
  async parse(format: ParsedFormat, bytes: Uint8Array): Promise<ParsedText | Unread> {
    if (this.#process === null || this.#process.hasEnded) this.#process = new ParseProcess(this.#residentBytesMax);
    return await this.#process.parse(format, bytes, this.#timeMsMax);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const process = this.#process;
    this.#process = null;
    await process?.end();
  }
}

class ParseProcess {
  readonly #child: ChildProcess;
  readonly #requests: Writable;
  readonly #ended: Promise<void>;
  #answer = Promise.withResolvers<ParsedText | Unread>();
  #isReady = false;
  hasEnded = false;

  constructor(residentBytesMax: number) {
    this.#child = spawn(process.execPath, [...parserPermissions(), PROGRAM, String(residentBytesMax)], {
      env: {},
      // A group of its own: Ctrl-C in a terminal is for the ingest, not for what it parses just then.
      detached: true,
      stdio: ["pipe", "ignore", "ignore", "pipe"],
      windowsHide: true,
    });
    this.#requests = this.#child.stdin!;
    // A process that ends while it is written to: what matters is said by its end.
    this.#requests.on("error", () => undefined);
    this.#readAnswers(this.#child.stdio[3] as Readable);
    this.#ended = new Promise((resolve) => {
      this.#child.once("close", (code, signal) => {
        if (!this.#isReady && !this.hasEnded)
          this.#answer.reject(notStarted(`it ended with ${String(signal ?? code)}`));
        this.#over(endedBecause(code, signal));
        resolve();
      });
      this.#child.once("error", (error) => {
        this.#answer.reject(notStarted((error as NodeJS.ErrnoException).code ?? "unknown error", error));
        this.#over(endedBecause(null, null));
        resolve();
      });
    });
  }

  async parse(format: ParsedFormat, bytes: Uint8Array, timeMsMax: number): Promise<ParsedText | Unread> {
    this.#answer = Promise.withResolvers();
    const timer = setTimeout(() => {
      this.#over(tooCostly(`takes longer than ${String(timeMsMax / 1000)} s to read`));
    }, timeMsMax);
    this.#requests.write(frame(Buffer.concat([Buffer.from(`${format}\n`), bytes])));
    try {
      return await this.#answer.promise;
    } finally {
      clearTimeout(timer);
      if (this.hasEnded) await this.#ended;
    }
  }

  async end(): Promise<void> {
    this.#over({ reason: "TOO_COSTLY", what: "was not read to its end." });
    await this.#ended;
  }

  #readAnswers(answers: Readable): void {
    const frames = new FrameReader(ANSWER_BYTES_MAX);
    answers.on("data", (chunk: Buffer) => {
      try {
        for (const answer of frames.take(chunk)) this.#take(answer.toString());
      } catch {
        this.#over({
          reason: "DAMAGED",
          what: "made its parser answer nonsense. Open it in its own program and save it again.",
        });
      }
    });
    answers.on("error", () => undefined);
  }

  #take(answer: string): void {
    if (this.#isReady) this.#answer.resolve(answerSchema.parse(JSON.parse(answer)));
    this.#isReady ||= answer === READY;
  }

  #over(why: Unread): void {
    this.hasEnded = true;
    this.#child.kill("SIGKILL");
    this.#answer.resolve({ reason: why.reason, what: why.what });
  }
}

function notStarted(how: string, cause?: unknown): Fault {
  return new Fault<DocumentParserFaultCode>(
    "PARSER_NOT_STARTED",
    `the process that parses documents does not start (${how}); it needs Node 24.20, or 26.3 or newer. \`sotto doctor\` shows what this machine lacks.`,
    cause,
  );
}

/** Node's own heap gives up with SIGABRT; the watching thread, and a system that is short of memory, with SIGKILL. */
function endedBecause(code: number | null, signal: NodeJS.Signals | null): Unread {
  if (signal === "SIGKILL" || signal === "SIGABRT" || code === 134) return tooCostly("takes too much memory to read");
  return { reason: "DAMAGED", what: "ended its parser. Open it in its own program and save it again." };
}

const PROGRAM = fileURLToPath(
  new URL(import.meta.url.endsWith(".ts") ? "./parse-process.ts" : "./parse-process.js", import.meta.url),
);
