import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Fault } from "../../crypto/index.ts";
import { type Federation, type Identity, toBase64 } from "../../protocol/index.ts";
import type { AuditFaultCode } from "./audit-fault.ts";
import { auditLimits, hashOf, isSignedBy, logFile, logFiles, signEntry } from "./chain.ts";
import { type AuditEvent, type EntryFrame, type LogRecord, auditEvent } from "./events.ts";
import { firstEntry } from "./first-entry.ts";
import { cutToSigned } from "./tail.ts";

export interface AuditLogOptions {
  /** Made where it does not exist. */
  readonly folder: string;
  readonly identity: Identity;
  readonly federation: Pick<Federation, "id">;
  /** Keys that the identity had before; the log goes on after what they signed. */
  readonly formerKeys?: readonly Uint8Array[];
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  /** Default: those of {@link auditLimits}. */
  readonly fileBytesMax?: number;
  readonly filesMax?: number;
  readonly flushMs?: number;
}

/** What a process holds of the log's last entry. */
export interface Head {
  readonly sequence: number;
  readonly hash: string;
}

const SQLITE_BUSY = 5;
const PROCESS_FILE = "lock.pid";

/**
 * A node's append-only account of what it was asked and what it gave: one JSON line an entry, each with the hash of the one before, in files of a few
 * megabytes each.
 *
 * Entries wait up to a second in memory, and go to the disk together, followed by one signature over the last hash, which covers them all, and an
 * fdatasync; after a crash at most that second is missing. Writing happens beside the event loop: {@link record} costs an answer nothing.
 */
export class AuditLog implements AsyncDisposable {
  /** Settles when nothing more can be written, although nobody closed the log. */
  readonly failed: Promise<Fault>;
  readonly #options: Required<Omit<AuditLogOptions, "formerKeys">>;
  readonly #lock: DatabaseSync;
  readonly #fail: (why: Fault) => void;
  #waiting: { readonly atMs: number; readonly event: AuditEvent | LogRecord }[] = [];
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> | null = null;
  #file: FileHandle | null = null;
  #fileNumber = 0;
  #fileBytes = 0;
  /** With which the file is signed, base64. */
  #fileKey = "";
  /** Of the last entry that was made. */
  #last: Head;
  #signed: Head;
  #ended = false;

  private constructor(options: AuditLogOptions, lock: DatabaseSync) {
    const { fileBytesMax, filesMax, flushMs } = { ...auditLimits, ...options };
    this.#options = { ...options, fileBytesMax, filesMax, flushMs };
    this.#lock = lock;
    ({ promise: this.failed, resolve: this.#fail } = Promise.withResolvers<Fault>());
    this.#last = this.#signed = { sequence: 0, hash: "" };
  }

  /**
   * Opens a log to go on with it, or begins one.
   *
   * @throws Fault AUDIT_BUSY, AUDIT_BROKEN.
   */
  static async open(options: AuditLogOptions): Promise<AuditLog> {
    mkdirSync(options.folder, { recursive: true, mode: 0o700 });
    const log = new AuditLog(options, acquire(options.folder));
    try {
      await log.#goOn(options.formerKeys ?? []);
      return log;
    } catch (error) {
      log.#lock.close();
      throw error;
    }
  }

  /** The last entry that is signed and on the disk; kept elsewhere, it shows whether anything up to it was cut off later. */
  get head(): Head {
    return this.#signed;
  }

  /**
   * Takes an event for the log. After a failure, or the log's end, it does nothing.
   *
   * @throws ZodError for what is no event: a bug of ours.
   */
  record(event: AuditEvent): void {
    this.#add(auditEvent.parse(event));
  }

  /** Resolves when all that was recorded before is signed and on the disk, or the log has failed. */
  async flush(): Promise<void> {
    while (this.#writing !== null || this.#waiting.length > 0) await this.#write();
  }

  /** Writes what waits, with a signature, and lets others write the log. */
  async close(): Promise<void> {
    await this.flush();
    this.#ended = true;
    await this.#file?.close();
    this.#file = null;
    if (this.#lock.isOpen) this.#lock.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #goOn(formerKeys: readonly Uint8Array[]): Promise<void> {
    const { folder, federation } = this.#options;
    const keys = [publicKeyOf(this.#options.identity), ...formerKeys];
    const { sequence, hash, file, bytesCut } = cutToSigned(folder, (entry) =>
      keys.some((key) => isSignedBy(key, federation.id, entry)),
    );
    this.#last = this.#signed = { sequence, hash };
    this.#fileNumber = file?.number ?? 0;
    // Every file is signed with the one key that its first entry names.
    if (file && firstEntry(file)?.key === this.#key) {
      this.#file = await open(file.path, "a", 0o600);
      this.#fileKey = this.#key;
      this.#fileBytes = (await this.#file.stat()).size;
    }
    if (bytesCut > 0) this.#add({ kind: "tail-cut", bytes: bytesCut });
  }

  /** The identity's, which can be replaced while the log is open: another file is begun then. */
  get #key(): string {
    return toBase64(publicKeyOf(this.#options.identity));
  }

  #add(event: AuditEvent | LogRecord): void {
    if (this.#ended) return;
    this.#waiting.push({ atMs: this.#options.wallClock(), event });
    if (this.#waiting.length >= auditLimits.waitingEntriesMax)
      this.#broke(
        new Fault<AuditFaultCode>("AUDIT_UNWRITABLE", `the disk of ${this.#options.folder} does not keep up`),
      );
    else this.#schedule();
  }

  #schedule(): void {
    if (this.#waiting.length >= auditLimits.unsignedEntriesMax) void this.#write();
    else if (this.#waiting.length > 0)
      this.#timer ??= setTimeout(() => {
        this.#timer = null;
        void this.#write();
      }, this.#options.flushMs).unref();
  }

  /** Writes a batch; with one on its way, only waits for it. */
  #write(): Promise<void> {
    this.#writing ??= this.#writeBatch().finally(() => {
      this.#writing = null;
      this.#schedule();
    });
    return this.#writing;
  }

  async #writeBatch(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    try {
      if (!this.#file || this.#fileKey !== this.#key || this.#fileBytes >= this.#options.fileBytesMax)
        await this.#beginFile();
      const batch = this.#waiting.splice(0, auditLimits.unsignedEntriesMax);
      await this.#append(batch.map(({ atMs, event }) => this.#line(event, atMs)));
    } catch (cause) {
      this.#broke(
        new Fault<AuditFaultCode>(
          "AUDIT_UNWRITABLE",
          `the audit log in ${this.#options.folder} cannot be written (${(cause as NodeJS.ErrnoException).code ?? "unknown"}); check the disk's free space and the rights to the folder`,
          cause,
        ),
      );
    }
  }

  /** One write, so that a reader sees the lines with their signature or not at all, and then the disk. */
  async #append(lines: readonly string[]): Promise<void> {
    const bytes = Buffer.from([...lines, this.#signature()].map((line) => `${line}\n`).join(""));
    await this.#file?.appendFile(bytes);
    await this.#file?.datasync();
    this.#fileBytes += bytes.length;
    this.#signed = this.#last;
  }

  /** The next entry of the chain, as a line. */
  #line(event: AuditEvent | LogRecord, atMs: number): string {
    const frame = this.#frame(atMs);
    const { sequence, time, previous } = frame;
    const line = JSON.stringify({ sequence, time, ...event, previous });
    this.#last = { sequence, hash: hashOf(line) };
    return line;
  }

  #frame(atMs: number): EntryFrame {
    const { sequence, hash: previous } = this.#last;
    return { sequence: sequence + 1, time: new Date(atMs).toISOString(), previous };
  }

  #signature(): string {
    const { federation, identity, wallClock } = this.#options;
    const atMs = wallClock();
    const signature = signEntry(federation.id, this.#frame(atMs), identity.secretKey);
    return this.#line({ kind: "signed", signature: toBase64(signature) }, atMs);
  }

  async #beginFile(): Promise<void> {
    const { folder, identity, federation, wallClock } = this.#options;
    await this.#file?.close();
    this.#file = null;
    const number = this.#fileNumber + 1;
    this.#file = await open(logFile(folder, number).path, "ax", 0o600);
    this.#fileNumber = number;
    this.#fileKey = this.#key;
    this.#fileBytes = 0;
    const header: LogRecord = {
      kind: "file",
      version: 1,
      number,
      member: identity.name,
      federation: toBase64(federation.id),
      key: this.#key,
    };
    const lines = [this.#line(header, wallClock())];
    const [oldest, ...kept] = logFiles(folder);
    const begins = kept.length < this.#options.filesMax ? null : kept[0] && firstEntry(kept[0])?.sequence;
    if (begins) lines.push(this.#line({ kind: "oldest-removed", begins }, wallClock()));
    await this.#append(lines);
    await syncFolder(folder);
    // Only once the log itself says so: what is missing otherwise was taken away by somebody else.
    if (begins && oldest) await rm(oldest.path, { force: true });
  }

  #broke(why: Fault): void {
    this.#ended = true;
    this.#waiting = [];
    this.#fail(why);
  }
}

/** Without it a new file can be gone after a power failure, although what is in it is on the disk. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return; // a folder cannot be opened there
  await using handle = await open(folder, "r");
  await handle.sync();
}

function publicKeyOf({ secretKey }: Identity): Uint8Array {
  return secretKey.slice(32);
}

/** SQLite's lock on an empty file: the operating system drops it with the process that held it, so none is ever stale. */
function acquire(folder: string): DatabaseSync {
  const lock = new DatabaseSync(join(folder, "lock"));
  try {
    lock.exec("BEGIN EXCLUSIVE");
    // For whoever is refused; the lock alone decides.
    writeFileSync(join(folder, PROCESS_FILE), String(process.pid), { mode: 0o600 });
    return lock;
  } catch (cause) {
    lock.close();
    if ((cause as { errcode?: unknown }).errcode !== SQLITE_BUSY) throw cause;
    throw new Fault<AuditFaultCode>(
      "AUDIT_BUSY",
      `a coordinator or node already runs in this folder${holderOf(folder)}, and writes ${folder}; end it first, or name another folder with --dir`,
      cause,
    );
  }
}

function holderOf(folder: string): string {
  try {
    const pid = readFileSync(join(folder, PROCESS_FILE), "utf8");
    return /^\d{1,10}$/.test(pid) ? ` (process ${pid})` : "";
  } catch {
    return "";
  }
}
