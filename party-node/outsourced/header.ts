import { z } from "zod";
import { Fault, type RankProfile, sodium, hexOf } from "../../crypto/index.ts";
import { decodeValue, encodeValue, limits } from "../../protocol/index.ts";
import type { CollectionSecrets } from "./collection-secrets.ts";
import type { OutsourcedFaultCode } from "./faults.ts";

/** What the owner tells its readers about the collection's state, sealed past the host. */
export interface CollectionHeader {
  /** Raised by every change; rows carry the sequence of the change that put them as their version. */
  readonly sequence: number;
  /** Rows that are there at least, also while a change is under way. */
  readonly rowCountMin: number;
  /** The rows removed last, 24 bytes each, see {@link packRemoved}: a host that shows one again is found out. */
  readonly removed: Uint8Array;
  /** From it follows how many candidates a reader asks for; null while the collection is empty. */
  readonly rankProfile: RankProfile | null;
}

/** Removed rows that a header names; the oldest are forgotten first. */
const REMOVED_MAX = 40_000;
const REMOVED_BYTES = 24;
const NONCE_BYTES = 24;
const PAD_BYTES = 1024;
const schema = z.strictObject({
  sequence: z.int().min(1),
  rowCountMin: z.int().min(0),
  removed: z.custom<Uint8Array>(
    (value) =>
      value instanceof Uint8Array && value.length % REMOVED_BYTES === 0 && value.length <= REMOVED_BYTES * REMOVED_MAX,
  ),
  rankProfile: z
    .strictObject({
      rowCount: z.int().min(1),
      questions: z.array(z.array(z.number()).min(1).max(64)).min(1).max(1024),
    })
    .nullable(),
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
    return decodeValue(schema, sodium.unpad(padded, PAD_BYTES), limits.fileItemsMax);
  } catch (cause) {
    throw new Fault<OutsourcedFaultCode>(
      "HEADER_TAMPERED",
      "the collection's header does not open: its host altered it, or it was sealed under another key",
      cause,
    );
  }
}

/** Row id in hex -> the highest version that is gone. */
export type RemovedRows = ReadonlyMap<string, number>;

/** Each row's id, then its version (u64, little endian), in the map's order; of too many the last. */
export function packRemoved(removed: RemovedRows): Uint8Array {
  const last = [...removed].slice(-REMOVED_MAX);
  const packed = new Uint8Array(REMOVED_BYTES * last.length);
  const view = new DataView(packed.buffer);
  for (const [i, [rowId, version]] of last.entries()) {
    packed.set(sodium.from_hex(rowId), REMOVED_BYTES * i);
    view.setBigUint64(REMOVED_BYTES * i + 16, BigInt(version), true);
  }
  return packed;
}

/** Inverse of {@link packRemoved}. */
export function unpackRemoved(packed: Uint8Array): Map<string, number> {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const removed = new Map<string, number>();
  for (let at = 0; at + REMOVED_BYTES <= packed.length; at += REMOVED_BYTES)
    removed.set(hexOf(packed.subarray(at, at + 16)), Number(view.getBigUint64(at + 16, true)));
  return removed;
}
