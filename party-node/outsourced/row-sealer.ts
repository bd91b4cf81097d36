import { z } from "zod";
import { type CapriseKey, Fault, sodium, hexOf } from "../../crypto/index.ts";
import { type PackedRow, decodeValue, encodeValue, locationFields, locationOf } from "../../protocol/index.ts";
import type { Passage } from "../documents/index.ts";
import type { CollectionSecrets } from "./collection-secrets.ts";
import type { OutsourcedFaultCode } from "./faults.ts";

/** A passage with its vector, as the querier opens it. */
export interface OpenedRow {
  readonly rowId: Uint8Array;
  readonly version: number;
  readonly passage: Passage;
  /** Shape [dim]; what the owner's encoder gave, up to float32 rounding of the ciphertext. */
  readonly vector: Float32Array;
}

const NONCE_BYTES = 24;
/** A row id stands for one content, so it has one noise: a host that says it lost rows gets no second sample of them, whatever their new version. */
const NOISE_VERSION = 0;
/** Sealed passages are of a multiple of this many bytes, and of a nonce and a tag. */
const PASSAGE_PAD_BYTES = 512;
const passageSchema = z.strictObject({
  documentId: z.string(),
  title: z.string(),
  text: z.string(),
  ordinal: z.int().min(0),
  ...locationFields,
});

/**
 * Seals rows for a host and opens them again. The vector is a CAPRISE ciphertext, which nothing authenticates by itself: the passage's
 * XChaCha20-Poly1305 has key id, row id, version and a hash of that ciphertext as associated data, so a row opens only as it was sealed.
 */
export class RowSealer {
  readonly #secrets: CollectionSecrets;
  readonly #caprise: CapriseKey;
  readonly #dim: number;

  constructor(secrets: CollectionSecrets, caprise: CapriseKey, dim: number) {
    this.#secrets = secrets;
    this.#caprise = caprise;
    this.#dim = dim;
  }

  /**
   * 16 bytes that name this content under this key, in its nth life: the same for the same passage, vector and life, and unrelated for any other. A
   * row id therefore never stands for two vectors, which CAPRISE must not see, also after a ledger was put back from a backup.
   *
   * @param life - 0 at first, one more each time the content was removed and came back: the host is not told that it is the same.
   */
  rowId(passage: Passage, vector: Float32Array, life: number): Uint8Array {
    const state = sodium.crypto_generichash_init(this.#secrets.rowIdKey, 16);
    sodium.crypto_generichash_update(state, encodeValue([passageBytes(passage), life]));
    sodium.crypto_generichash_update(state, new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength));
    return sodium.crypto_generichash_final(state, 16);
  }

  /**
   * @param vector - Shape [dim], norm at most normMax.
   * @throws Fault ROW_INVALID.
   */
  seal({ rowId, version, passage, vector }: OpenedRow): PackedRow {
    const ciphertext = this.#caprise.encryptStored(hexOf(rowId), NOISE_VERSION, vector);
    const nonce = sodium.randombytes_buf(NONCE_BYTES);
    const sealed = sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
      sodium.pad(passageBytes(passage), PASSAGE_PAD_BYTES),
      this.#associatedData(rowId, version, ciphertext),
      null,
      nonce,
      this.#secrets.passageKey,
    );
    const bytes = new Uint8Array(NONCE_BYTES + sealed.length);
    bytes.set(nonce);
    bytes.set(sealed, NONCE_BYTES);
    return { rowId, version, vector: ciphertext, passage: bytes };
  }

  /** @throws Fault ROW_TAMPERED: it was sealed under another key, or anything of it was altered since. */
  open({ rowId, version, vector: ciphertext, passage: sealed }: PackedRow): OpenedRow {
    const vector = new Float32Array(this.#dim);
    try {
      const padded = sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
        null,
        sealed.subarray(NONCE_BYTES),
        this.#associatedData(rowId, version, ciphertext),
        sealed.subarray(0, NONCE_BYTES),
        this.#secrets.passageKey,
      );
      const passage = decodeValue(passageSchema, sodium.unpad(padded, PASSAGE_PAD_BYTES));
      this.#caprise.decryptStoredInto(vector, [{ rowId: hexOf(rowId), version: NOISE_VERSION }], ciphertext);
      return { rowId, version, passage, vector };
    } catch (cause) {
      throw new Fault<OutsourcedFaultCode>(
        "ROW_TAMPERED",
        "a row of the collection does not open: it was altered at its host, or sealed under another key",
        cause,
      );
    }
  }

  #associatedData(rowId: Uint8Array, version: number, ciphertext: Float32Array): Uint8Array {
    const bytes = new Uint8Array(ciphertext.buffer, ciphertext.byteOffset, ciphertext.byteLength);
    const digest = sodium.crypto_generichash(32, bytes, null);
    return encodeValue(["sotto hosted row", this.#secrets.keyId, rowId, version, digest]);
  }
}

function passageBytes({ documentId, title, text, ordinal, ...rest }: Passage): Uint8Array {
  return encodeValue({ documentId, title, text, ordinal, ...locationOf(rest) });
}
