import { readdirSync } from "node:fs";
import { join } from "node:path";
import { sodium, hexOf } from "../../crypto/index.ts";
import { encodeValue } from "../../protocol/index.ts";
import { type AuditEntry, type EntryFrame, auditEvent, entryFrame, logRecord } from "./events.ts";

export const auditLimits = {
  /** A file that has grown to this is closed and the next begun. */
  fileBytesMax: 8 * 1024 * 1024,
  /** Files that are kept; the oldest goes when there are more. */
  filesMax: 128,
  /** Entries between two signatures. */
  unsignedEntriesMax: 256,
  /** One line; an entry has fewer than 600. */
  lineBytesMax: 1024,
  /** What waits to be written, in entries; a disk that is further behind has failed. */
  waitingEntriesMax: 65_536,
  /** From an event to the disk. */
  flushMs: 1000,
} as const;

/** The most that a crash can leave behind the last signature. */
export const TAIL_BYTES_MAX = (auditLimits.unsignedEntriesMax + 4) * auditLimits.lineBytesMax;

/** What the first entry has in place of the hash of the one before. */
export const NOTHING_BEFORE = "0".repeat(64);

/** BLAKE2b-256 of a line, its line end left out, in hex. */
export function hashOf(line: string): string {
  return hexOf(sodium.crypto_generichash(32, line, null));
}

/**
 * The bytes that are signed for an entry. The label is no message's and has a version of its own: logs are older than protocols.
 *
 * @param federationId - 32 bytes.
 */
function signedBytes(federationId: Uint8Array, { sequence, time, previous }: EntryFrame): Uint8Array {
  return encodeValue(["sotto audit/1", federationId, sequence, time, previous]);
}

/** Ed25519 (RFC 8032), 64 bytes. @param secretKey - 64 bytes, libsodium's form. */
export function signEntry(federationId: Uint8Array, frame: EntryFrame, secretKey: Uint8Array): Uint8Array {
  return sodium.crypto_sign_detached(signedBytes(federationId, frame), secretKey);
}

/** Whether the entry is a signature by this key, of 32 bytes. */
export function isSignedBy(publicKey: Uint8Array, federationId: Uint8Array, entry: AuditEntry): boolean {
  return (
    entry.kind === "signed" &&
    sodium.crypto_sign_verify_detached(
      new Uint8Array(Buffer.from(entry.signature, "base64")),
      signedBytes(federationId, entry),
      publicKey,
    )
  );
}

/** One line as it was written, without its end; null for anything that no node writes. */
export function parseLine(line: string): AuditEntry | null {
  if (line.length > auditLimits.lineBytesMax) return null;
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return null;
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) return null;
  const { sequence, time, previous, ...rest } = json as Record<string, unknown>;
  const frame = entryFrame.safeParse({ sequence, time, previous });
  const content = auditEvent.safeParse(rest);
  const said = content.success ? content : logRecord.safeParse(rest);
  return frame.success && said.success ? { ...frame.data, ...said.data } : null;
}

export interface LogFile {
  /** 1, 2, 3, ... */
  readonly number: number;
  readonly path: string;
}

export function logFile(folder: string, number: number): LogFile {
  return { number, path: join(folder, `audit-${String(number).padStart(6, "0")}.jsonl`) };
}

/** The log's files, the oldest first; empty when there is no folder. */
export function logFiles(folder: string): LogFile[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  return names
    .flatMap((name) => /^audit-(\d{6,9})\.jsonl$/.exec(name)?.[1] ?? [])
    .map((digits) => logFile(folder, Number(digits)))
    .sort((one, other) => one.number - other.number);
}
