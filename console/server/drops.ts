import { createWriteStream } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Fault, hexOf, sodium } from "../../crypto/index.ts";

/**
 * - DROP_UNKNOWN: it was taken in already, or another one was begun since.
 * - DROP_NAME: a file's name that cannot be one here.
 * - DROP_LIMIT: too many files, or too large.
 * - DROP_BUSY: documents are being taken in, or another console of this folder has some that wait.
 */
export type DropFaultCode = "DROP_UNKNOWN" | "DROP_NAME" | "DROP_LIMIT" | "DROP_BUSY";

export interface DropLimits {
  readonly files: number;
  readonly fileBytes: number;
  /** Of all files together. */
  readonly bytes: number;
}

const NAME_BYTES_MAX = 200;
const SQLITE_BUSY = 5;

interface Drop {
  readonly id: string;
  /** Of files that are there whole. */
  readonly names: Set<string>;
  /** Files that are being sent. */
  sending: number;
  bytes: number;
}

/**
 * Files on their way from the browser into the store. They lie in one folder of the node, in the open, with mode 0600, from when they are sent until they have been taken in; a document's
 * name in the store follows from the file's path, so a file that is dropped again takes the place of what it was before. One drop at a time, also where several consoles run in one
 * folder: whoever has begun one holds a lock until it has ended.
 */
export class Drops {
  readonly #folder: string;
  readonly #limits: DropLimits;
  #lock: DatabaseSync | null = null;
  #drop: Drop | null = null;
  #isTakingIn = false;
  #sent = 0;

  constructor(folder: string, limits: DropLimits) {
    this.#folder = folder;
    this.#limits = limits;
  }

  /** Ends a drop that was begun before and not taken in. @returns The id of the new one. @throws Fault DROP_BUSY. */
  async begin(): Promise<string> {
    this.#refuseBusy();
    if (!this.#take())
      throw new Fault<DropFaultCode>(
        "DROP_BUSY",
        "another `sotto console` of this folder has files that are not taken in yet; drop these there, or end it first",
      );
    await this.#remove();
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const id = hexOf(sodium.randombytes_buf(16));
    this.#drop = { id, names: new Set(), sending: 0, bytes: 0 };
    return id;
  }

  /** A file counts once it is there whole. @throws Fault DROP_UNKNOWN, DROP_NAME, DROP_LIMIT, DROP_BUSY. */
  async add(id: string, name: string, content: Readable): Promise<void> {
    this.#refuseBusy();
    const drop = this.#require(id);
    checkName(name);
    const { files, fileBytes, bytes } = this.#limits;
    if (!drop.names.has(name) && drop.names.size + drop.sending >= files)
      throw new Fault<DropFaultCode>("DROP_LIMIT", `at most ${String(files)} files at a time`);
    // No file's own name begins with a dot.
    const path = join(this.#folder, `.${String(this.#sent++)}`);
    drop.sending++;
    let size = 0;
    const counted = async function* (source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      for await (const chunk of source) {
        size += chunk.length;
        drop.bytes += chunk.length;
        if (size > fileBytes)
          throw new Fault<DropFaultCode>("DROP_LIMIT", `a file may have ${mebibytes(fileBytes)} at most`);
        if (drop.bytes > bytes)
          throw new Fault<DropFaultCode>("DROP_LIMIT", `all files together may have ${mebibytes(bytes)} at most`);
        yield chunk;
      }
    };
    try {
      // The iterator of a request that is left early would destroy it, and with it the answer's socket.
      const chunks = content.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
      await pipeline(counted(chunks), createWriteStream(path, { mode: 0o600 }));
      this.#refuseBusy();
      this.#require(id);
      await rename(path, join(this.#folder, name));
      drop.names.add(name);
    } catch (error) {
      await rm(path, { force: true });
      this.#require(id); // else the folder went while it was sent
      throw error;
    } finally {
      drop.sending--;
    }
  }

  /**
   * Hands the files' paths to `work`, and removes them when it has settled.
   *
   * @throws Fault DROP_UNKNOWN, DROP_BUSY; what `work` throws.
   */
  async takeIn<Value>(id: string, work: (paths: readonly string[]) => Promise<Value>): Promise<Value> {
    this.#refuseBusy();
    const { names } = this.#require(id);
    this.#isTakingIn = true;
    try {
      return await work([...names].map((name) => join(this.#folder, name)));
    } finally {
      this.#isTakingIn = false;
      await this.clear();
    }
  }

  /** Removes what was sent to this run and not taken in. */
  async clear(): Promise<void> {
    if (this.#lock) await this.#remove();
    this.#lock?.close();
    this.#lock = null;
  }

  /** Removes what a run that was killed has left; another that is under way keeps what it has. */
  async clearLeft(): Promise<void> {
    if (this.#take()) await this.clear();
  }

  async #remove(): Promise<void> {
    this.#drop = null;
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** SQLite's lock on an empty file: the operating system drops it with the process that held it. @returns Whether this run has it. */
  #take(): boolean {
    if (this.#lock) return true;
    const lock = new DatabaseSync(`${this.#folder}.lock`);
    try {
      lock.exec("BEGIN EXCLUSIVE");
      this.#lock = lock;
      return true;
    } catch (error) {
      lock.close();
      if ((error as { errcode?: unknown }).errcode !== SQLITE_BUSY) throw error;
      return false;
    }
  }

  #require(id: string): Drop {
    if (this.#drop?.id === id) return this.#drop;
    throw new Fault<DropFaultCode>("DROP_UNKNOWN", "these files are not waiting any more; drop them again");
  }

  #refuseBusy(): void {
    if (this.#isTakingIn)
      throw new Fault<DropFaultCode>("DROP_BUSY", "documents are being taken in; wait until that has ended");
  }
}

const mebibytes = (bytes: number): string => `${String(bytes / 2 ** 20)} MiB`;

/** @throws Fault DROP_NAME. */
function checkName(name: string): void {
  const isFit =
    name !== "" && !name.startsWith(".") && !/[/\\\p{Cc}]/u.test(name) && Buffer.byteLength(name) <= NAME_BYTES_MAX;
  if (!isFit)
    throw new Fault<DropFaultCode>(
      "DROP_NAME",
      `a file's name has ${String(NAME_BYTES_MAX)} bytes at most, begins with no dot and has no slashes; give it another name`,
    );
}
