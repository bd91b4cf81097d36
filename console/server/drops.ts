import { createWriteStream } from "node:fs";
import { mkdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Fault, hexOf, sodium } from "../../crypto/index.ts";

/**
 * - DROP_UNKNOWN: it was taken in already, or another one was begun since.
 * - DROP_NAME: a file's name that cannot be one here.
 * - DROP_LIMIT: too many files, or too large.
 * - DROP_BUSY: documents are being taken in.
 */
export type DropFaultCode = "DROP_UNKNOWN" | "DROP_NAME" | "DROP_LIMIT" | "DROP_BUSY";

export interface DropLimits {
  readonly files: number;
  readonly fileBytes: number;
  /** Of all files together. */
  readonly bytes: number;
}

const NAME_BYTES_MAX = 200;

interface Drop {
  readonly id: string;
  readonly names: Set<string>;
  bytes: number;
}

/**
 * Files on their way from the browser into the store. They lie in one folder of the node, in the open, with mode 0600, from when they are sent until they have been taken in; a document's
 * name in the store follows from the file's path, so a file that is dropped again takes the place of what it was before. One drop at a time.
 */
export class Drops {
  readonly #folder: string;
  readonly #limits: DropLimits;
  #drop: Drop | null = null;
  #isTakingIn = false;

  constructor(folder: string, limits: DropLimits) {
    this.#folder = folder;
    this.#limits = limits;
  }

  /** Ends a drop that was begun before and not taken in. @returns The id of the new one. @throws Fault DROP_BUSY. */
  async begin(): Promise<string> {
    this.#refuseBusy();
    await this.clear();
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const id = hexOf(sodium.randombytes_buf(16));
    this.#drop = { id, names: new Set(), bytes: 0 };
    return id;
  }

  /** @throws Fault DROP_UNKNOWN, DROP_NAME, DROP_LIMIT. */
  async add(id: string, name: string, content: Readable): Promise<void> {
    const drop = this.#require(id);
    checkName(name);
    const { files, fileBytes, bytes } = this.#limits;
    if (!drop.names.has(name) && drop.names.size >= files)
      throw new Fault<DropFaultCode>("DROP_LIMIT", `at most ${String(files)} files at a time`);
    drop.names.add(name);
    const path = join(this.#folder, name);
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
    } catch (error) {
      drop.names.delete(name);
      await rm(path, { force: true });
      throw error;
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

  /** Removes what was sent and not taken in; by an earlier run that was killed, too. */
  async clear(): Promise<void> {
    this.#drop = null;
    const isThere = await stat(this.#folder).then(
      () => true,
      () => false,
    );
    if (isThere) await rm(this.#folder, { recursive: true, force: true });
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
