import { z } from "zod";
import { Fault, sodium } from "../../crypto/index.ts";
import { decodeValue, encodeValue, limits } from "../../protocol/index.ts";
import type { CollectionSecrets } from "./collection-secrets.ts";
import type { OutsourcedFaultCode } from "./faults.ts";

/** What the owner tells its readers about the collection's state, sealed past the host. */
export interface CollectionHeader {
  /** Raised by every change; rows carry the sequence of the change that put them as their version. */
  readonly sequence: number;
  /** Rows that are there at least, also while a change is under way. */
  readonly rowCountMin: number;
  /** Ids of the rows removed last, 16 bytes each: a host that shows one again is found out. */
  readonly removed: Uint8Array;
  /** Mean inner product at ranks 1, 2, 4, ... of questions over this collection; empty while unknown. From it follows k'. */
  readonly rankProfile: readonly number[];
}

/** Ids of removed rows that a header holds; the oldest are forgotten first. */
export const REMOVED_MAX = 65_536;
const NONCE_BYTES = 24;
const PAD_BYTES = 1024;
const schema = z.strictObject({
  sequence: z.int().min(1),
  rowCountMin: z.int().min(0),
  removed: z.custom<Uint8Array>(
    (value) => value instanceof Uint8Array && value.length % 16 === 0 && value.length <= 16 * REMOVED_MAX,
  ),
  // CBOR here has no floating-point numbers that are not finite; a profile is short.
  rankProfile: z.array(z.number()).max(64),
});

/** XChaCha20-Poly1305 under the collection's header key, with the key id as associated data. */
export function sealHeader(header: CollectionHeader, { headerKey, keyId }: CollectionSecrets): Uint8Array {
  const nonce = sodium.randombytes_buf(NONCE_BYTES);
  const padded = sodium.pad(encodeValue(header), PAD_BYTES);
  const sealed = sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(padded, keyId, null, nonce, headerKey);
  const bytes = new Uint8Array(NONCE_BYTES + sealed.length);
  bytes.set(nonce);
  bytes.set(sealed, NONCE_BYTES);
  if (bytes.length > limits.hostedHeaderBytesMax) throw new TypeError("sealHeader: the header is too large");
  return bytes;
}

/** @throws Fault COLLECTION_NOT_FILLED when there is none yet, HEADER_TAMPERED. */
export function openHeader(sealed: Uint8Array, { headerKey, keyId }: CollectionSecrets): CollectionHeader {
  if (sealed.length === 0)
    throw new Fault<OutsourcedFaultCode>(
      "COLLECTION_NOT_FILLED",
      "the collection is empty; its owner runs `sotto ingest PATH --collection NAME` first",
    );
  try {
    const padded = sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
      null,
      sealed.subarray(NONCE_BYTES),
      keyId,
      sealed.subarray(0, NONCE_BYTES),
      headerKey,
    );
    return decodeValue(schema, sodium.unpad(padded, PAD_BYTES));
  } catch (cause) {
    throw new Fault<OutsourcedFaultCode>(
      "HEADER_TAMPERED",
      "the collection's header does not open: its host altered it, or it was sealed under another key",
      cause,
    );
  }
}
