import type { StateAddress } from "libsodium-wrappers";
import { Fault } from "../crypto/fault.ts";
import { sodium } from "../crypto/sodium.ts";

const HEADER_BYTES = sodium.crypto_secretstream_xchacha20poly1305_HEADERBYTES;
const TAG_BYTES = sodium.crypto_secretstream_xchacha20poly1305_ABYTES;

/** Bytes a sealed message is longer than its text, the first one of a direction excepted (24 more). */
export const CHANNEL_OVERHEAD_BYTES = TAG_BYTES;

/**
 * Two libsodium secretstreams (XChaCha20-Poly1305), one a direction. A message that is lost, repeated, reordered or altered breaks the channel
 * for good. The first message of a direction is preceded by the stream's header. Every message replaces the key, which the stream alone would keep:
 * connections last for months, and whoever takes a key from memory one day reads nothing that went before.
 */
export class SecureChannel {
  readonly #sending: StateAddress;
  readonly #receivingKey: Uint8Array;
  #receiving: StateAddress | null = null;
  #header: Uint8Array | null;
  #broken = false;

  /** @param keys - 32 bytes each, different; wiped when the channel has taken them. */
  constructor(keys: { readonly sending: Uint8Array; readonly receiving: Uint8Array }) {
    const { state, header } = sodium.crypto_secretstream_xchacha20poly1305_init_push(keys.sending);
    this.#sending = state;
    this.#header = header;
    this.#receivingKey = keys.receiving.slice();
    keys.sending.fill(0);
    keys.receiving.fill(0);
  }

  seal(message: Uint8Array): Uint8Array {
    const sealed = sodium.crypto_secretstream_xchacha20poly1305_push(
      this.#sending,
      message,
      null,
      sodium.crypto_secretstream_xchacha20poly1305_TAG_REKEY,
    );
    if (!this.#header) return sealed;
    const first = new Uint8Array(HEADER_BYTES + sealed.length);
    first.set(this.#header);
    first.set(sealed, HEADER_BYTES);
    this.#header = null;
    return first;
  }

  /** @throws Fault CHANNEL_BROKEN, now and ever after. */
  open(sealed: Uint8Array): Uint8Array {
    let bytes = sealed;
    if (!this.#receiving && !this.#broken) {
      if (bytes.length < HEADER_BYTES + TAG_BYTES) throw this.#break();
      this.#receiving = sodium.crypto_secretstream_xchacha20poly1305_init_pull(
        bytes.subarray(0, HEADER_BYTES),
        this.#receivingKey,
      );
      this.#receivingKey.fill(0);
      bytes = bytes.subarray(HEADER_BYTES);
    }
    if (this.#broken || !this.#receiving || bytes.length < TAG_BYTES) throw this.#break();
    const opened: unknown = sodium.crypto_secretstream_xchacha20poly1305_pull(this.#receiving, bytes, null);
    if (!opened) throw this.#break();
    return (opened as { message: Uint8Array }).message;
  }

  #break(): Fault {
    this.#broken = true;
    return new Fault("CHANNEL_BROKEN", "a message on the secure channel is not authentic or not the next one");
  }
}
