import { readFileSync, statSync } from "node:fs";
import { Fault } from "../../crypto/index.ts";
import { toBase64 } from "../../protocol/index.ts";
import type { AuditFaultCode } from "./audit-fault.ts";
import {
  type LogFile,
  NOTHING_BEFORE,
  TAIL_BYTES_MAX,
  auditLimits,
  hashOf,
  isSignedBy,
  logFiles,
  parseLine,
} from "./chain.ts";
import type { AuditEntry } from "./events.ts";

export interface VerifyOptions {
  readonly folder: string;
  /** Keys that files may be signed with: the node's, and those it had before. */
  readonly publicKeys: readonly Uint8Array[];
  /** 32 bytes; without it that which the first file names. */
  readonly federationId?: Uint8Array;
  /** A head that was kept elsewhere, in hex: the log must still hold that entry. */
  readonly head?: string;
}

/** What a log that holds says of itself. */
export interface AuditSummary {
  readonly member: string;
  readonly files: number;
  /** Sequence numbers of the first entry that is there and of the last that is signed. */
  readonly first: number;
  readonly last: number;
  readonly since: string;
  readonly until: string;
  /** Hash of the last signed entry, in hex. */
  readonly head: string;
  /** Bytes behind it: a crash has left them, or they are being written; they count for nothing. */
  readonly unsignedBytes: number;
}

/** A file may be begun a little late. */
const FILE_BYTES_MAX = 2 * auditLimits.fileBytesMax + TAIL_BYTES_MAX;

interface Line {
  readonly file: LogFile;
  readonly text: string;
  /** Whether its end was written. */
  readonly isWhole: boolean;
  readonly bytes: number;
}

/**
 * Reads a log from its first entry to its last signature, and checks every link and every signature on the way.
 *
 * What was signed and then changed, inserted, left out, repeated, put in another order or cut from the beginning or the middle does not hold. Cut from the end it does: what
 * is left was signed like that once. Only somebody who kept a later head elsewhere can tell.
 *
 * @param take - Called with entries in order, each once its signature has been seen.
 * @throws Fault AUDIT_MISSING; AUDIT_BROKEN, which names the first entry that does not hold, and how.
 */
export function verifyAuditLog(
  { folder, publicKeys, federationId, head }: VerifyOptions,
  take: (entry: AuditEntry) => void = () => undefined,
): AuditSummary {
  const files = logFiles(folder);
  if (files.length === 0)
    throw new Fault<AuditFaultCode>(
      "AUDIT_MISSING",
      `there is no audit log in ${folder}; a node writes one while it runs`,
    );
  const chain = new CheckedChain(new Set(publicKeys.map(toBase64)), federationId, head);
  let trouble: Fault | null = null;
  let unsignedBytes = 0;
  for (const line of linesOf(files)) {
    unsignedBytes += line.bytes;
    trouble ??= chain.follow(line);
    // A crash leaves what it likes behind the last signature of the last file, but no signature and not much.
    if (trouble && (isSignature(line) || line.file !== files.at(-1) || unsignedBytes > TAIL_BYTES_MAX)) throw trouble;
    if (trouble || !chain.isSigned) continue;
    for (const entry of chain.takeSigned()) take(entry);
    unsignedBytes = 0;
  }
  return { ...chain.summary(), files: files.length, unsignedBytes };
}

function isSignature({ text, isWhole }: Line): boolean {
  return isWhole && parseLine(text)?.kind === "signed";
}

function* linesOf(files: readonly LogFile[]): Generator<Line> {
  for (const file of files) {
    if (statSync(file.path).size > FILE_BYTES_MAX) throw broken(`${file.path} is larger than a node makes it`);
    const text = readFileSync(file.path, "utf8");
    for (let at = 0; at < text.length;) {
      const found = text.indexOf("\n", at);
      const end = found < 0 ? text.length : found;
      const line = text.slice(at, end);
      const isWhole = found >= 0;
      yield { file, text: line, isWhole, bytes: Buffer.byteLength(line) + (isWhole ? 1 : 0) };
      at = end + 1;
    }
  }
}

/** The part of a chain that has been read, and what the next line must be. */
class CheckedChain {
  readonly #keys: ReadonlySet<string>;
  readonly #head: string | undefined;
  #federation: string | null;
  #member = "";
  #file: { readonly number: number; readonly key: string } | null = null;
  #last: { readonly sequence: number; readonly hash: string } | null = null;
  /** Entries since the last signature. */
  #unsigned: AuditEntry[] = [];
  #first: AuditEntry | null = null;
  #signed: { readonly sequence: number; readonly hash: string; readonly time: string } | null = null;
  #begins = 1;
  #headSeen = false;

  constructor(keys: ReadonlySet<string>, federationId: Uint8Array | undefined, head: string | undefined) {
    this.#keys = keys;
    this.#federation = federationId ? toBase64(federationId) : null;
    this.#head = head;
  }

  /** Whether the line that was followed last was a signature. */
  get isSigned(): boolean {
    return this.#unsigned.at(-1)?.kind === "signed";
  }

  takeSigned(): AuditEntry[] {
    return this.#unsigned.splice(0);
  }

  /** @returns Why the line does not hold; null when it does. */
  follow({ file, text, isWhole }: Line): Fault | null {
    const expected = this.#last ? this.#last.sequence + 1 : null;
    const entry = isWhole ? parseLine(text) : null;
    if (!entry) return broken(`entry ${String(expected ?? 1)} in ${file.path} cannot be read`);
    const why = this.#misplaced(entry, expected) ?? this.#misfiled(entry, file) ?? this.#missigned(entry);
    if (why !== null) return broken(why);
    const hash = hashOf(text);
    this.#last = { sequence: entry.sequence, hash };
    this.#first ??= entry;
    this.#unsigned.push(entry);
    if (entry.kind === "oldest-removed") this.#begins = Math.max(this.#begins, entry.begins);
    if (entry.kind !== "signed") return null;
    this.#signed = { ...this.#last, time: entry.time };
    if (hash === this.#head) this.#headSeen = true;
    return null;
  }

  /** @throws Fault AUDIT_BROKEN. */
  summary(): Omit<AuditSummary, "files" | "unsignedBytes"> {
    if (!this.#signed || !this.#first) throw broken("nothing of it is signed");
    const { sequence: first, time: since } = this.#first;
    if (first > this.#begins)
      throw broken(
        `it begins with entry ${String(first)}, and does not say that what was before was removed to save space`,
      );
    const { sequence: last, hash: head, time: until } = this.#signed;
    if (this.#head !== undefined && !this.#headSeen)
      throw broken(
        `the head that was kept elsewhere is none of the entries ${String(first)} to ${String(last)}: what came after was cut off or written anew, or it is older than the log`,
      );
    return { member: this.#member, first, last, since, until, head };
  }

  /** How the entry's place in the chain is not its own. */
  #misplaced({ sequence, previous }: AuditEntry, expected: number | null): string | null {
    if (expected === null)
      return sequence > 1 || previous === NOTHING_BEFORE ? null : "entry 1 says that there was one before it";
    const missing =
      sequence - 1 === expected
        ? `entry ${String(expected)} is`
        : `entries ${String(expected)} to ${String(sequence - 1)} are`;
    if (sequence > expected) return `${missing} missing`;
    if (sequence < expected)
      return `entry ${String(sequence)} stands where entry ${String(expected)} belongs: inserted, repeated or moved`;
    if (previous !== this.#last?.hash)
      return `entry ${String(expected - 1)} is not what it was when entry ${String(expected)} was written after it`;
    return null;
  }

  /** How the file's first entry does not fit the file; any other entry fits, where there has been a first. */
  #misfiled(entry: AuditEntry, { number, path }: LogFile): string | null {
    if (this.#file?.number === number) return entry.kind === "file" ? `${path} has two first entries` : null;
    if (entry.kind !== "file" || entry.number !== number) return `${path} does not begin with an entry that says so`;
    if (!this.#keys.has(entry.key)) return `${path} is signed with another key than the node's`;
    if (entry.federation !== (this.#federation ?? entry.federation)) return `${path} is of another federation`;
    if (entry.member !== (this.#member || entry.member)) return `${path} is of another member`;
    this.#federation = entry.federation;
    this.#member = entry.member;
    this.#file = { number, key: entry.key };
    return null;
  }

  #missigned(entry: AuditEntry): string | null {
    if (entry.kind !== "signed") return null;
    const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64"));
    return isSignedBy(bytes(this.#file?.key ?? ""), bytes(this.#federation ?? ""), entry)
      ? null
      : `the signature that is entry ${String(entry.sequence)} is not the node's`;
  }
}

function broken(how: string): Fault {
  return new Fault<AuditFaultCode>(
    "AUDIT_BROKEN",
    `the audit log does not hold: ${how}. Keep it as it is, with its copies, and ask who had access to the folder since`,
  );
}
