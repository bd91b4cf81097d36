import type { ProblemReason } from "../document.ts";

/** Why a document, or a part of it, gives no text. */
export interface Unread {
  readonly reason: ProblemReason;
  /** Continues a sentence that begins with the file's name; nothing of its content. */
  readonly what: string;
}

/** Ends the reading of a document. */
export class UnreadError extends Error implements Unread {
  readonly reason: ProblemReason;
  readonly what: string;

  constructor(reason: ProblemReason, what: string, cause?: unknown) {
    super(what, { cause });
    this.reason = reason;
    this.what = what;
  }
}

export function damaged(what: string, cause?: unknown): UnreadError {
  return new UnreadError("DAMAGED", `${what}. Open it in its own program and save it again.`, cause);
}

export function tooCostly(what: string): UnreadError {
  return new UnreadError("TOO_COSTLY", `${what}. Divide it, or take out what makes it so large.`);
}

/** What a parser's own error says of the file. @param what - Of an error that says nothing else. */
export function unreadBy(error: unknown, what: string): UnreadError {
  if (error instanceof UnreadError) return error;
  if (error instanceof RangeError) return tooCostly("is nested too deep, or too large");
  return damaged(what, error);
}

export function encrypted(): UnreadError {
  return new UnreadError("ENCRYPTED", "is protected by a password. Save it without one.");
}
