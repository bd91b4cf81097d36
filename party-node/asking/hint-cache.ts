import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { type BlockDescription, Fault, sodium } from "../../crypto/index.ts";
import { decodeValue, encodeValue } from "../../protocol/index.ts";

const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array);
const fileSchema = z.strictObject({ checksum: bytes, blocks: bytes });
const blocksSchema = z.array(z.strictObject({ block: z.int(), version: z.string(), occupied: bytes, hint: bytes }));

const checksumOf = (blocks: Uint8Array): Uint8Array => sodium.crypto_generichash(32, blocks, null);

/**
 * Keeps the hints a querier has downloaded between two runs, one file a party, so that a new process downloads only what has changed. A file that is
 * damaged or of another version is as good as none.
 */
export class HintCache {
  readonly #folder: string;
  readonly #saved = new Map<string, string>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  load(party: string): BlockDescription[] {
    try {
      const file = decodeValue(fileSchema, readFileSync(this.#path(party)));
      if (!sodium.memcmp(file.checksum, checksumOf(file.blocks))) return [];
      const blocks = decodeValue(blocksSchema, file.blocks);
      this.#saved.set(party, versionsOf(blocks));
      return blocks;
    } catch (error) {
      if (error instanceof Fault || error instanceof TypeError || (error as NodeJS.ErrnoException).code !== undefined)
        return [];
      throw error;
    }
  }

  /** Writes the party's blocks if they are not those of its file; mode 0600, whole or not at all. */
  save(party: string, blocks: readonly BlockDescription[]): void {
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

  #write(party: string, blocks: readonly BlockDescription[]): void {
    const encoded = encodeValue(
      blocks.map(({ block, version, occupied, hint }) => ({ block, version, occupied, hint })),
    );
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const temporary = `${this.#path(party)}.${sodium.to_hex(sodium.randombytes_buf(6))}`;
    writeFileSync(temporary, encodeValue({ checksum: checksumOf(encoded), blocks: encoded }), { mode: 0o600 });
    renameSync(temporary, this.#path(party));
  }

  #path(party: string): string {
    return join(this.#folder, `${party}.hints`);
  }
}

function versionsOf(blocks: readonly BlockDescription[]): string {
  return blocks
    .map(({ version }) => version)
    .sort()
    .join("");
}
