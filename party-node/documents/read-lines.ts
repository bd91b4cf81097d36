import { createReadStream } from "node:fs";
import { LINE_BYTES_MAX } from "./document.ts";

/** One line of a file, without its line end. */
export interface Line {
  /** From 1. */
  readonly number: number;
  /** Null when the line is longer than {@link LINE_BYTES_MAX}. */
  readonly bytes: Buffer | null;
}

/**
 * Streams a file's lines in bounded memory. node:readline will not do: it also ends lines at U+2028 and U+2029, which JSON
 * strings may hold, and it keeps a line of any length in memory.
 *
 * @throws The file system's error.
 */
export async function* readLines(path: string): AsyncGenerator<Line> {
  let number = 1;
  let parts: Buffer[] = [];
  let length = 0;
  const take = (): Line => {
    const bytes = length > LINE_BYTES_MAX ? null : Buffer.concat(parts);
    parts = [];
    length = 0;
    return { number: number++, bytes };
  };
  const keep = (part: Buffer): void => {
    length += part.length;
    if (length > LINE_BYTES_MAX) parts = [];
    else parts.push(part);
  };
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 18 }) as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end !== -1; end = chunk.indexOf(0x0a, start)) {
      keep(chunk.subarray(start, end));
      yield take();
      start = end + 1;
    }
    keep(chunk.subarray(start));
  }
  if (length > 0) yield take();
}
