import { styleText } from "node:util";
import { oneLine } from "./printable.ts";

const LEVELS: Readonly<Record<number, string>> = {
  10: "trace",
  20: "debug",
  30: "info ",
  40: styleText("yellow", "warn ", { stream: process.stderr }),
  50: styleText("red", "error", { stream: process.stderr }),
  60: styleText("red", "fatal", { stream: process.stderr }),
};

/**
 * A line of the log as a person at a terminal reads it: time of day, level, message, then the other fields.
 *
 * @param line - As pino writes it: one JSON object.
 */
export function logLineForPeople(line: string): string {
  const { level, time, msg, process: _, name: __, pid: ___, hostname: ____, ...fields } = JSON.parse(line) as LogLine;
  const rest = Object.entries(fields).map(([field, value]) => `  ${field}=${oneLine(shown(value))}`);
  return `${clock(time)} ${LEVELS[level] ?? String(level)} ${oneLine(msg ?? "")}${rest.join("")}\n`;
}

interface LogLine {
  readonly level: number;
  readonly time: number;
  readonly msg?: string;
  readonly [field: string]: unknown;
}

const shown = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));
const clock = (ms: number): string => new Date(ms).toTimeString().slice(0, 8);
