import { closeSync, fstatSync, openSync, readSync, rmSync, truncateSync } from "node:fs";
import { Fault } from "../../crypto/index.ts";
import type { AuditFaultCode } from "./audit-fault.ts";
import { type LogFile, NOTHING_BEFORE, TAIL_BYTES_MAX, hashOf, logFiles, parseLine } from "./chain.ts";
import type { AuditEntry } from "./events.ts";

export interface Tail {
  /** Of the last signed entry; 0 before the first. */
  readonly sequence: number;
  /** Of its line. */
  readonly hash: string;
  /** The file to go on with; null where there is none. */
  readonly file: LogFile | null;
  /** Bytes that were not signed, and are gone. */
  readonly bytesCut: number;
}

/**
 * Finds where a log goes on, and cuts off what lies behind its last signature: a crash leaves that, and so does whoever adds lines while the node is
 * down; the node would sign them. Looks at the end alone, and trusts that what was signed is as it was: to check it is what `verifyAuditLog` is for.
 *
 * @param isSigned - Whether an entry's signature is this node's.
 * @throws Fault AUDIT_BROKEN: more is there than a crash can leave, or a signature of somebody else.
 */
export function cutToSigned(folder: string, isSigned: (entry: AuditEntry) => boolean): Tail {
  const files = logFiles(folder);
  let bytesCut = 0;
  for (const file of files.toReversed()) {
    const { lines, bytes, isWhole } = endOf(file.path);
    const last = lines.findLast(({ text }) => parseLine(text)?.kind === "signed");
    const entry = last && parseLine(last.text);
    if (last && entry) {
      if (!isSigned(entry)) throw notOurs(file, `entry ${String(entry.sequence)} is not signed with this node's key`);
      if (last.end < bytes) truncateSync(file.path, last.end);
      return {
        sequence: entry.sequence,
        hash: hashOf(last.text),
        file,
        bytesCut: bytesCut + bytes - last.end,
      };
    }
    // A file that was just begun when the process was killed.
    if (!isWhole || file !== files.at(-1)) throw notOurs(file, "it holds no signature");
    rmSync(file.path);
    bytesCut += bytes;
  }
  return { sequence: 0, hash: NOTHING_BEFORE, file: null, bytesCut };
}

/** The whole lines at a file's end, with where each ends; `isWhole` when that is all of the file. */
function endOf(path: string): {
  readonly lines: readonly { readonly text: string; readonly end: number }[];
  readonly bytes: number;
  readonly isWhole: boolean;
} {
  const file = openSync(path, "r");
  try {
    const bytes = fstatSync(file).size;
    const start = Math.max(0, bytes - TAIL_BYTES_MAX);
    const tail = Buffer.alloc(bytes - start);
    readSync(file, tail, 0, tail.length, start);
    const lines = [];
    for (let at = 0, end; (end = tail.indexOf(0x0a, at)) >= 0; at = end + 1)
      lines.push({ text: tail.toString("utf8", at, end), end: start + end + 1 });
    return { lines, bytes, isWhole: start === 0 };
  } finally {
    closeSync(file);
  }
}

function notOurs({ path }: LogFile, how: string): Fault {
  return new Fault<AuditFaultCode>(
    "AUDIT_BROKEN",
    `the audit log cannot go on after ${path}: ${how}. Look at it with \`sotto audit verify\`, move the folder aside as evidence, and start again with a new log`,
  );
}
