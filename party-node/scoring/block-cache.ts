import { createCipheriv, createDecipheriv } from "node:crypto";
import { closeSync, constants, fchmodSync, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { type EncodedBlock, type RingLayout, RING_DEGREE, deriveSeed, sodium, hexOf } from "../../crypto/index.ts";

/** Part of every record's key: another number for another form of what is kept, so that an older file is as good as none. */
const FORMAT = 1;
const REVISION_BYTES = 8;
const NONCE_BYTES = 24;
const TAG_BYTES = 16;
const VERSION_BYTES = 16;
const CIPHER = "chacha20-poly1305";
// Every record has a key of its own, drawn anew whenever it is written.
const ZERO_NONCE = new Uint8Array(12);

export interface BlockCacheOptions {
  /** Made when it does not exist; its mode becomes 0600. */
  readonly path: string;
  readonly layout: RingLayout;
  /** 32 secret bytes of the node; also what the blocks' hints were made with. */
  readonly hintKey: Uint8Array;
}

/**
 * Keeps encoded blocks between two runs of a node, so that a start reads them back and transforms nothing. One record a block, at a place that
 * follows from its number, sealed with ChaCha20-Poly1305 (RFC 8439) under the key
 * BLAKE2b(hint key; format, layout, block, revision, random nonce): a record that is damaged, torn, of another revision, node, federation or block
 * does not open, and counts as missing. Several threads may have the file open, each for blocks of its own.
 */
export class BlockCache {
  readonly #file: number;
  readonly #layout: RingLayout;
  readonly #key: Uint8Array;
  readonly #sizes: { readonly occupied: number; readonly hint: number; readonly record: number };

  private constructor(file: number, { layout, hintKey }: BlockCacheOptions) {
    const { dim, chunk, chunks, normMax, seed, rowsPerBlock, hintBytes } = layout;
    this.#file = file;
    this.#layout = layout;
    const parameters = new Uint8Array(new Float64Array([FORMAT, dim, chunk, normMax]).buffer);
    this.#key = deriveSeed(hintKey, "sotto block cache", parameters, seed);
    const plain = VERSION_BYTES + rowsPerBlock / 8 + hintBytes + chunks * RING_DEGREE * 4;
    this.#sizes = {
      occupied: rowsPerBlock / 8,
      hint: hintBytes,
      record: REVISION_BYTES + NONCE_BYTES + plain + TAG_BYTES,
    };
  }

  /** Null where there is no ordinary file and none can be made: a node without cache starts slowly, and works. */
  static open(options: BlockCacheOptions): BlockCache | null {
    // A link could lead to any file of the user's, and opening a pipe would wait for its other end.
    const { O_RDWR, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
    try {
      const file = openSync(options.path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
      if (fstatSync(file).isFile()) {
        fchmodSync(file, 0o600);
        return new BlockCache(file, options);
      }
      closeSync(file);
      return null;
    } catch (error) {
      return ignoreDisk(error);
    }
  }

  /** The block as it was written under this revision, or null. */
  read(block: number, revision: number): EncodedBlock | null {
    const head = this.#readAt(block, 0, REVISION_BYTES);
    if (!head || !Buffer.from(head).equals(revisionBytes(revision))) return null;
    const sealed = this.#readAt(block, REVISION_BYTES, this.#sizes.record - REVISION_BYTES);
    if (!sealed) return null;
    const nonce = sealed.subarray(0, NONCE_BYTES);
    const decipher = createDecipheriv(CIPHER, this.#recordKey(block, revision, nonce), ZERO_NONCE, {
      authTagLength: TAG_BYTES,
    });
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
    const plain = decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES));
    try {
      decipher.final();
    } catch {
      return null;
    }
    return this.#parse(plain);
  }

  /** A full or read-only disk costs the next start time, nothing else. */
  write(block: number, revision: number, { version, occupied, hint, residues }: EncodedBlock): void {
    const nonce = sodium.randombytes_buf(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.#recordKey(block, revision, nonce), ZERO_NONCE, {
      authTagLength: TAG_BYTES,
    });
    const parts = [sodium.from_hex(version), occupied, hint, residues].map((part) => cipher.update(part));
    cipher.final();
    this.#writeAt(block, Buffer.concat([revisionBytes(revision), nonce, ...parts, cipher.getAuthTag()]));
  }

  /** Overwrites what was kept of the block. */
  remove(block: number): void {
    if (this.#readAt(block, 0, REVISION_BYTES)) this.#writeAt(block, new Uint8Array(this.#sizes.record));
  }

  close(): void {
    closeSync(this.#file);
  }

  #recordKey(block: number, revision: number, nonce: Uint8Array): Uint8Array {
    return deriveSeed(this.#key, "record", revisionBytes(block), revisionBytes(revision), nonce);
  }

  #parse(plain: Uint8Array): EncodedBlock {
    const { occupied, hint } = this.#sizes;
    const hintAt = VERSION_BYTES + occupied;
    return {
      version: hexOf(plain.subarray(0, VERSION_BYTES)),
      // Copies, for they outlive the residues by far.
      occupied: new Uint8Array(plain.subarray(VERSION_BYTES, hintAt)),
      hint: new Uint8Array(plain.subarray(hintAt, hintAt + hint)),
      residues: plain.subarray(hintAt + hint, hintAt + hint + this.#layout.chunks * RING_DEGREE * 4),
    };
  }

  #readAt(block: number, offset: number, length: number): Uint8Array | null {
    const bytes = Buffer.allocUnsafe(length);
    try {
      return readSync(this.#file, bytes, 0, length, block * this.#sizes.record + offset) === length ? bytes : null;
    } catch (error) {
      return ignoreDisk(error);
    }
  }

  #writeAt(block: number, bytes: Uint8Array): void {
    try {
      writeSync(this.#file, bytes, 0, bytes.length, block * this.#sizes.record);
    } catch (error) {
      ignoreDisk(error);
    }
  }
}

function revisionBytes(revision: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(revision), true);
  return bytes;
}

function ignoreDisk(error: unknown): null {
  if ((error as NodeJS.ErrnoException).code === undefined) throw error;
  return null;
}
