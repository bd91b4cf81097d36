import { existsSync, readFileSync } from "node:fs";

/** Clock ticks a second in /proc, fixed in Linux's interface to programs. */
const TICKS_PER_SECOND = 100;

/** Resident memory of a process in bytes. */
export interface Memory {
  readonly nowBytes: number;
  /** The most it has ever been. */
  readonly peakBytes: number;
}

/** Null where there is no /proc. */
export function memoryOf(pid: number): Memory | null {
  const path = `/proc/${pid}/status`;
  if (!existsSync(path)) return null;
  const status = readFileSync(path, "utf8");
  const bytes = (name: string): number => 1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]);
  return { nowBytes: bytes("VmRSS"), peakBytes: bytes("VmHWM") };
}

/** Processor time a process has used, all its threads together, to 10 ms; null where there is no /proc. */
export function cpuMsOf(pid: number): number | null {
  const path = `/proc/${pid}/stat`;
  if (!existsSync(path)) return null;
  // The second field is a name that may hold blanks; user and system time are the 14th and 15th.
  const fields = readFileSync(path, "utf8").split(") ").at(-1)!.split(" ");
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
}

/** One line of a node's log. */
export interface LogLine {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** The lines of a log with one message, oldest first. */
export function logLines(path: string, message: string): LogLine[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line.startsWith("{") && line.includes(message))
    .map((line) => JSON.parse(line) as LogLine)
    .filter(({ msg }) => msg === message);
}
