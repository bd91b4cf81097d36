import { styleText } from "node:util";
import { Fault } from "../crypto/index.ts";
import { printable } from "./printable.ts";
import { EXIT_NOT_ITS_PLACE, EXIT_STOPPED, LastingFault } from "./supervision.ts";

/** Exit code for something that a person can put right. */
const EXIT_FAULT = 2;
/** Exit code for a bug of ours. */
const EXIT_BUG = 70;

/**
 * Prints a failure as a person needs it: a fault or a refusal of the file system in one sentence with its code, a bug of ours with its stack.
 *
 * @returns The exit code.
 */
export function reportFailure(error: unknown): number {
  if (error instanceof Fault) {
    process.stderr.write(
      `${styleText("red", "error", { stream: process.stderr })} ${error.code}: ${printable(error.message)}\n`,
    );
    if (error instanceof LastingFault) return EXIT_NOT_ITS_PLACE;
    return error.code === "ABORTED" ? EXIT_STOPPED : EXIT_FAULT;
  }
  if (isSystemError(error)) {
    process.stderr.write(
      `${styleText("red", "error", { stream: process.stderr })} ${error.message}; check that the path is right and that you have the rights to it\n`,
    );
    return EXIT_FAULT;
  }
  if (error instanceof TypeError && /^(query|connect): /.test(error.message)) {
    process.stderr.write(`${styleText("red", "error", { stream: process.stderr })} ${error.message}\n`);
    return EXIT_FAULT;
  }
  process.stderr.write(
    `This is a bug in Sotto; please report it with these lines:\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  return EXIT_BUG;
}

/** Whether the operating system refused a file or folder; its message names the call and the path, nothing of their content. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "syscall" in error && "path" in error;
}
