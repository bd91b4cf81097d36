import { pino, type Logger } from "pino";

/** JSON lines on standard error; `SOTTO_LOG` sets the level (default info). No field ever holds a key, vector, score, question or passage. */
export function makeLogger(process: string, name: string): Logger {
  return pino(
    { level: globalThis.process.env["SOTTO_LOG"] ?? "info", base: { process, name } },
    pino.destination({ dest: 2, sync: true }),
  );
}
