import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { Fault, sodium, hexOf } from "../../crypto/index.ts";
import { type DescribedBlock, decodeValue, encodeValue, limits } from "../../protocol/index.ts";

const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array);
const fileSchema = z.strictObject({ checksum: bytes, blocks: bytes });
const blocksSchema = z.array(
  z.strictObject({ block: z.int(), version: z.string(), occupied: bytes, hint: bytes, passages: bytes }),
);

const checksumOf = (blocks: Uint8Array): Uint8Array => sodium.crypto_generichash(32, blocks, null);

/** A collection that changes all the time is written this often; at a million rows a file has 60 MB. */
const SAVE_DELAY_MS = 60_000;

/**
 * Keeps the hints a querier has downloaded between two runs, one file a party, so that a new process downloads only what has changed. A file that is
 * damaged or of another version is as good as none, and a process that is killed before it has saved costs the next one a download.
 */
export class HintCache {
  readonly #folder: string;
  readonly #saveDelayMs: number;
  /** Party -> the versions in its file. */
  readonly #saved = new Map<string, string>();
  readonly #unsaved = new Map<string, readonly DescribedBlock[]>();
  #timer: NodeJS.Timeout | null = null;

  /** @param options.saveDelayMs - Longest time from {@link save} to writing; default a minute. */
  constructor(folder: string, options: { readonly saveDelayMs?: number } = {}) {
    this.#folder = folder;
    this.#saveDelayMs = options.saveDelayMs ?? SAVE_DELAY_MS;
  }

  load(party: string): DescribedBlock[] {
    try {
      const file = decodeValue(fileSchema, readFileSync(this.#path(party)));
      if (!sodium.memcmp(file.checksum, checksumOf(file.blocks))) return [];
      const blocks = decodeValue(blocksSchema, file.blocks, limits.fileItemsMax);
      this.#saved.set(party, versionsOf(blocks));
      return blocks;
    } catch (error) {
      if (error instanceof Fault || error instanceof TypeError || (error as NodeJS.ErrnoException).code !== undefined)
        return [];
      throw error;
    }
  }

  /** Takes note of the party's blocks; {@link flush} writes them, called or when its time has come. */
  save(party: string, blocks: readonly DescribedBlock[]): void {
    this.#unsaved.set(party, blocks);
    this.#timer ??= setTimeout(() => {
      this.flush();
    }, this.#saveDelayMs).unref();
  }

  /** Writes the blocks of every party that are not those of its file; mode 0600, whole or not at all. */
  flush(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    for (const [party, blocks] of this.#unsaved) this.#writeChanged(party, blocks);
    this.#unsaved.clear();
  }

  #writeChanged(party: string, blocks: readonly DescribedBlock[]): void {
    const versions = versionsOf(blocks);
    if (this.#saved.get(party) === versions) return;
    this.#saved.set(party, versions);
    try {
      this.#write(party, blocks);
    } catch (error) {
      // A full or read-only disk costs the next run a download, nothing else.
      if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    }
  }

  #write(party: string, blocks: readonly DescribedBlock[]): void {
    const encoded = encodeValue(
      blocks.map(({ block, version, occupied, hint, passages }) => ({ block, version, occupied, hint, passages })),
    );
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const temporary = `${this.#path(party)}.${hexOf(sodium.randombytes_buf(6))}`;
    writeFileSync(temporary, encodeValue({ checksum: checksumOf(encoded), blocks: encoded }), { mode: 0o600 });
    renameSync(temporary, this.#path(party));
  }

  #path(party: string): string {
    return join(this.#folder, `${party}.hints`);
  }
}

function versionsOf(blocks: readonly DescribedBlock[]): string {
  return blocks
    .map(({ version }) => version)
    .sort()
    .join("");
}
