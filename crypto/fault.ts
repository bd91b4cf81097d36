/**
 * The one error class of the project: a code a program can branch on, and a sentence a person can act on.
 *
 * A message never holds a key, a vector, a score, a question or a passage: only sizes, names, files and lines.
 */
export class Fault<Code extends string = string> extends Error {
  readonly code: Code;

  /**
   * @param code - SCREAMING_SNAKE_CASE, stable.
   * @param message - What is wrong, where, and what to do next.
   * @param cause - The original error, for logs.
   */
  constructor(code: Code, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "Fault";
    this.code = code;
  }
}
