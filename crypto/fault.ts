class CodedError extends Error {
  readonly code: string;

  constructor(code: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "Fault";
    this.code = code;
  }
}

/**
 * The one error class of the project: a code a program can branch on, and a sentence a person can act on.
 *
 * A message never holds a key, a vector, a score, a question or a passage: only sizes, names, files and lines.
 */
export type Fault = CodedError;

/**
 * @param code - SCREAMING_SNAKE_CASE, stable; `Code` lists the module's.
 * @param message - What is wrong, where, and what to do next.
 * @param cause - The original error, for logs.
 */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- callers name their module's codes
export const Fault: new <Code extends string>(code: Code, message: string, cause?: unknown) => Fault = CodedError;
