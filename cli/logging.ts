import { pino, type Logger } from "pino";
import { Fault } from "../crypto/index.ts";
import { logLineForPeople } from "./log-line.ts";

/**
 * JSON lines on standard error, and at a terminal lines for people; `SOTTO_LOG` sets the level (default info). No field ever holds a key, vector, score, question or
 * passage.
 */
export function makeLogger(process: string, name: string): Logger {
  const { stderr } = globalThis.process;
  const forPeople = { write: (line: string) => void stderr.write(logLineForPeople(line)) };
  return pino(loggerOptions(process, name), stderr.isTTY ? forPeople : pino.destination({ dest: 2, sync: true }));
}

/**
 * What is logged is chosen where it is logged; this is for what was not meant to be: bytes and lists of numbers are never printed, nor is a field that is
 * called like a secret, nor the message of an error that is not a {@link Fault}, for it may quote what could not be read.
 */
export function loggerOptions(process: string, name: string): pino.LoggerOptions {
  return {
    level: globalThis.process.env["SOTTO_LOG"] ?? "info",
    base: { process, name },
    formatters: {
      log: ({ err, ...fields }) => ({
        ...(withoutSecrets(fields) as Record<string, unknown>),
        ...(err === undefined ? {} : { err: shownError(err) }),
      }),
    },
    serializers: { err: (shown: unknown) => shown },
    // Of an error without words pino would print the error's own.
    hooks: {
      logMethod(args, method) {
        const [first, message = "failed"] = args as unknown[];
        method.apply(this, first instanceof Error ? [{ err: first }, String(message)] : args);
      },
    },
  };
}

const SECRET_NAME =
  /^(question|text|title|passage|documentId|document|query|vector|embedding|scores?|seed|secret|passphrase|payload|body|.*key)$/i;
const REDACTED = "[redacted]";
const DEPTH_MAX = 4;

function withoutSecrets(value: unknown, depth = 0): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Error) return shownError(value);
  const isBulk = ArrayBuffer.isView(value) || value instanceof ArrayBuffer || depth > DEPTH_MAX;
  if (isBulk || (Array.isArray(value) && value.some((entry) => typeof entry === "number"))) return REDACTED;
  if (Array.isArray(value)) return value.map((entry) => withoutSecrets(entry, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [
      name,
      SECRET_NAME.test(name) ? REDACTED : withoutSecrets(field, depth + 1),
    ]),
  );
}

/** Where an error happened and what kind it is; its words only where they are ours. */
function shownError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return REDACTED;
  const { code, errno, syscall, errstr } = error as NodeJS.ErrnoException & { readonly errstr?: string };
  return {
    type: error.name,
    ...(error instanceof Fault ? { message: error.message } : {}),
    ...Object.fromEntries(Object.entries({ code, errno, syscall, errstr }).filter(([, value]) => value !== undefined)),
    stack: (error.stack ?? "")
      .split("\n")
      .filter((line) => /^ {4}at /.test(line))
      .join("\n"),
    ...(error.cause === undefined || depth > DEPTH_MAX ? {} : { cause: shownError(error.cause, depth + 1) }),
  };
}
