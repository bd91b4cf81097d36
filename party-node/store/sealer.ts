import { Fault } from "../../crypto/fault.ts";
import { sodium } from "../../crypto/sodium.ts";
import type { StoreFaultCode } from "./store-fault.ts";

const NONCE_BYTES = 24;
const NONCES_A_DRAW = 256;

/**
 * Seals what a store keeps: XChaCha20-Poly1305, a random 24-byte nonce before the ciphertext, and associated data that bind
 * it to its store and to its place in it, so that a sealed value moved elsewhere does not open. Lengths are not hidden; see `paddedJson`.
 */
export class Sealer {
  readonly #storeId: Uint8Array;
  readonly #sealingKey: Uint8Array;
  readonly #hashKey: Uint8Array;
  readonly #saltKey: Uint8Array;
  #nonces: Uint8Array = new Uint8Array(0);

  /**
   * @param storeKey - 32 bytes; all keys used here are derived from it.
   * @param storeId - 16 random bytes, public.
   */
  constructor(storeKey: Uint8Array, storeId: Uint8Array) {
    this.#storeId = storeId;
    this.#sealingKey = sodium.crypto_kdf_derive_from_key(32, 1, "sealing_", storeKey);
    this.#hashKey = sodium.crypto_kdf_derive_from_key(32, 1, "hashing_", storeKey);
    this.#saltKey = sodium.crypto_kdf_derive_from_key(32, 1, "salting_", storeKey);
  }

  /** @param place - What and where the value is, unique in the store, for example `vector:17`. */
  seal(place: string, plaintext: Uint8Array): Uint8Array {
    const nonce = this.#nextNonce();
    const ciphertext = sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
      plaintext,
      this.#associatedData(place),
      null,
      nonce,
      this.#sealingKey,
    );
    const sealed = new Uint8Array(NONCE_BYTES + ciphertext.length);
    sealed.set(nonce);
    sealed.set(ciphertext, NONCE_BYTES);
    return sealed;
  }

  /**
   * @param label - Names the place to a person, and nothing of its content: `row 17`.
   * @throws Fault STORE_TAMPERED when it was sealed with another key, for another place, or altered since.
   */
  open(place: string, sealed: Uint8Array, label: string): Uint8Array {
    try {
      return sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
        null,
        sealed.subarray(NONCE_BYTES),
        this.#associatedData(place),
        sealed.subarray(0, NONCE_BYTES),
        this.#sealingKey,
      );
    } catch (error) {
      throw new Fault<StoreFaultCode>(
        "STORE_TAMPERED",
        `The store's ${label} was altered since it was written. Restore the store from a backup, or delete it and ingest again.`,
        error,
      );
    }
  }

  /** Keyed BLAKE2b, 32 bytes: finds a name again without showing it. */
  hash(name: string): Uint8Array {
    return sodium.crypto_generichash(32, name, this.#hashKey);
  }

  /** 32 bytes that nobody can tell from random ones without the store's key, whatever else is known of the content. */
  salt(content: string): Uint8Array {
    return sodium.crypto_generichash(32, content, this.#saltKey);
  }

  #associatedData(place: string): Uint8Array {
    return Buffer.concat([this.#storeId, Buffer.from(place)]);
  }

  // Drawn many at a time by libsodium's ChaCha20 stream from a fresh random seed: in WebAssembly randombytes_buf takes 3 us a byte.
  #nextNonce(): Uint8Array {
    if (this.#nonces.length === 0) {
      this.#nonces = sodium.randombytes_buf_deterministic(NONCE_BYTES * NONCES_A_DRAW, sodium.randombytes_buf(32));
    }
    const nonce = this.#nonces.subarray(0, NONCE_BYTES);
    this.#nonces = this.#nonces.subarray(NONCE_BYTES);
    return nonce;
  }
}
