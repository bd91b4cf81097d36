import { closeSync, openSync, readSync } from "node:fs";
import { type LogFile, auditLimits, parseLine } from "./chain.ts";
import type { AuditEntry } from "./events.ts";

/** The entry that a file begins with and that names its key; null where there is none. Nothing of it is checked. */
export function firstEntry({ path }: LogFile): Extract<AuditEntry, { kind: "file" }> | null {
  const file = openSync(path, "r");
  try {
    const start = Buffer.alloc(auditLimits.lineBytesMax);
    const [line = ""] = start.toString("utf8", 0, readSync(file, start)).split("\n");
    const entry = parseLine(line);
    return entry?.kind === "file" ? entry : null;
  } finally {
    closeSync(file);
  }
}
