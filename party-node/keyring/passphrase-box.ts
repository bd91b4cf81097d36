import { argon2 } from "node:crypto";
import { promisify } from "node:util";
import { z } from "zod";
import { Fault } from "../../crypto/fault.ts";
import { sodium } from "../../crypto/sodium.ts";
import { encodeValue, toBase64 } from "../../protocol/index.ts";
import { base64 } from "./entry.ts";
import type { KeyringFaultCode, PassphraseFaultCode } from "./keyring-fault.ts";

const argon2Async = promisify(argon2);

/** What a guess of the passphrase costs (Argon2id, RFC 9106). */
export interface PassphraseCost {
  /** 8,192 (8 MiB) to 1,048,576 (1 GiB). */
  readonly memoryKiB: number;
  /** 1..16. */
  readonly passes: number;
  /** 1..4. */
  readonly parallelism: number;
}

/** Four times the memory of RFC 9106's second recommendation, on one lane; about a second. */
export const defaultCost: PassphraseCost = { memoryKiB: 256 * 1024, passes: 3, parallelism: 1 };

const costFields = {
  memoryKiB: z.int().min(8192).max(1_048_576),
  passes: z.int().min(1).max(16),
  parallelism: z.int().min(1).max(4),
} as const;
const cost = z.strictObject(costFields);
const derivation = z.strictObject({ algorithm: z.literal("argon2id"), ...costFields, salt: base64(16) });

/** How a key comes from a passphrase; kept beside what it seals. */
export type Derivation = z.infer<typeof derivation>;

/** Text under a passphrase. A file may be hostile: the ranges hold before any memory is taken. */
export const passphraseBox = z.strictObject({
  version: z.literal(1),
  derivation,
  nonce: base64(24),
  sealed: z.base64(),
});
export type PassphraseBox = z.infer<typeof passphraseBox>;

const PASSPHRASE_LENGTH_MIN = 8;
const PASSPHRASE_BYTES_MAX = 1024;

/** The key that a passphrase gives with one salt: seals any number of texts with XChaCha20-Poly1305 under random nonces. */
export class PassphraseKey {
  readonly derivation: Derivation;
  readonly #key: Uint8Array;

  private constructor(how: Derivation, key: Uint8Array) {
    this.derivation = how;
    this.#key = key;
  }

  /**
   * With a fresh salt.
   *
   * @throws Fault PASSPHRASE_WEAK (fewer than 8 characters or more than 1,024 bytes), PASSPHRASE_COST, PASSPHRASE_MEMORY.
   */
  static async create(passphrase: string, options: PassphraseCost = defaultCost): Promise<PassphraseKey> {
    if (!cost.safeParse(options).success)
      throw new Fault<PassphraseFaultCode>(
        "PASSPHRASE_COST",
        "Argon2id takes 8192 to 1048576 KiB of memory, 1 to 16 passes and 1 to 4 lanes",
      );
    if (passphrase.length < PASSPHRASE_LENGTH_MIN || Buffer.byteLength(passphrase) > PASSPHRASE_BYTES_MAX)
      throw new Fault<PassphraseFaultCode>(
        "PASSPHRASE_WEAK",
        `a passphrase has at least ${PASSPHRASE_LENGTH_MIN} characters and at most ${PASSPHRASE_BYTES_MAX} bytes; choose another, best of several random words`,
      );
    const salt = toBase64(sodium.randombytes_buf(16));
    return PassphraseKey.derive(passphrase, { algorithm: "argon2id", ...options, salt });
  }

  /** For what was sealed before. @throws Fault PASSPHRASE_MEMORY. */
  static async derive(passphrase: string, how: Derivation): Promise<PassphraseKey> {
    // One passphrase has several encodings, and keyboards differ in which they give (RFC 8265, 4.2.2).
    const message = Buffer.from(passphrase.normalize("NFC"));
    const { memoryKiB: memory, passes, parallelism, salt } = how;
    const parameters = { message, nonce: Buffer.from(salt, "base64"), parallelism, memory, passes, tagLength: 32 };
    try {
      return new PassphraseKey(how, new Uint8Array(await argon2Async("argon2id", parameters)));
    } catch (cause) {
      throw new Fault<PassphraseFaultCode>(
        "PASSPHRASE_MEMORY",
        `Argon2id needs ${Math.ceil(memory / 1024)} MiB of memory; close other programs and try again`,
        cause,
      );
    } finally {
      message.fill(0);
    }
  }

  /** @param purpose - Bound with the derivation as associated data: what was sealed for one purpose does not open for another. */
  seal(purpose: string, text: string): PassphraseBox {
    const nonce = sodium.randombytes_buf(sodium.crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);
    const context = contextOf(purpose, this.derivation);
    const sealed = sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(text, context, null, nonce, this.#key);
    return { version: 1, derivation: this.derivation, nonce: toBase64(nonce), sealed: toBase64(sealed) };
  }

  /**
   * @param where - The file, for people.
   * @throws Fault KEYRING_PASSPHRASE.
   */
  open(purpose: string, box: PassphraseBox, where: string): string {
    const [sealed, nonce] = [Buffer.from(box.sealed, "base64"), Buffer.from(box.nonce, "base64")];
    const context = contextOf(purpose, box.derivation);
    let bytes: Uint8Array;
    try {
      bytes = sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(null, sealed, context, nonce, this.#key);
    } catch {
      throw new Fault<KeyringFaultCode>(
        "KEYRING_PASSPHRASE",
        `${where} does not open with this passphrase: it is the wrong one, or the file was altered. Try again, or restore the file from a backup.`,
      );
    }
    const text = Buffer.from(bytes).toString();
    sodium.memzero(bytes);
    return text;
  }

  /** Whether it would open what was sealed with this derivation, given the right passphrase. */
  belongsTo({ salt }: Derivation): boolean {
    return salt === this.derivation.salt;
  }

  [Symbol.dispose](): void {
    sodium.memzero(this.#key);
  }
}

function contextOf(purpose: string, how: Derivation): Uint8Array {
  return encodeValue([`sotto/1 ${purpose}`, how]);
}
