import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { memberName } from "../protocol/index.ts";

/**
 * Reads a small JSON file with one value a member, as {@link writeMemberRecord} left it.
 *
 * @param malformed - Makes the fault for a file that is damaged.
 * @returns Empty when there is no file.
 */
export function readMemberRecord<Value>(
  path: string,
  value: z.ZodType<Value>,
  malformed: (cause: unknown) => Error,
): Map<string, Value> {
  if (!existsSync(path)) return new Map();
  try {
    return new Map(Object.entries(z.record(memberName, value).parse(JSON.parse(readFileSync(path, "utf8")))));
  } catch (cause) {
    throw malformed(cause);
  }
}

/** Replaces the file, whole or not at all, and returns once it is on the disk. */
export function writeMemberRecord(path: string, record: ReadonlyMap<string, unknown>): void {
  writeFileSync(`${path}.new`, `${JSON.stringify(Object.fromEntries(record))}\n`, { mode: 0o600, flush: true });
  renameSync(`${path}.new`, path);
}
