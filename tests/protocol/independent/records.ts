import { poly1305 } from "@noble/ciphers/_poly1305.js";
import { chacha20, hchacha } from "@noble/ciphers/chacha.js";
import { concat } from "./cbor.ts";
import { u32, u64 } from "./primitives.ts";

/* docs/protocol.md, "Records". */

const REKEY = 2;
const xor = (a: Uint8Array, b: Uint8Array): Uint8Array => a.map((byte, i) => byte ^ b[i]!);
const words = (bytes: Uint8Array): Uint32Array => new Uint32Array(new Uint8Array(bytes).buffer);

/** One direction; the same for sender and receiver. */
class RecordStream {
  #key: Uint8Array;
  #counter = 1;
  #rest: Uint8Array;

  constructor(key: Uint8Array, header: Uint8Array) {
    const out = new Uint32Array(8);
    hchacha(words(Buffer.from("expand 32-byte k")), words(key), words(header.subarray(0, 16)), out);
    this.#key = new Uint8Array(out.buffer);
    this.#rest = header.slice(16);
  }

  seal(message: Uint8Array, tag: number): Uint8Array {
    const first = new Uint8Array(64);
    first[0] = tag;
    const tagBlock = this.#mask(first, 1);
    const text = this.#mask(message, 2);
    return concat(tagBlock.subarray(0, 1), text, this.#next(tagBlock, text, tag));
  }

  open(record: Uint8Array): Uint8Array {
    const text = record.subarray(1, -16);
    const unknown = new Uint8Array(64);
    const mask = this.#mask(unknown, 1);
    const tag = record[0]! ^ mask[0]!;
    mask[0] = record[0]!;
    const message = this.#mask(text, 2);
    if (Buffer.compare(this.#next(mask, text, tag), record.subarray(-16)) !== 0) throw new Error("not authentic");
    return message;
  }

  #mask(bytes: Uint8Array, block: number): Uint8Array {
    return bytes.length === 0
      ? bytes
      : chacha20(this.#key, concat(u32(this.#counter), this.#rest), bytes, undefined, block);
  }

  /** The authenticator of a record, and the step to the next. */
  #next(tagBlock: Uint8Array, text: Uint8Array, tag: number): Uint8Array {
    const padding = new Uint8Array(text.length % 16);
    const covered = concat(tagBlock, text, padding, u64(0), u64(64 + text.length));
    const mac = poly1305(covered, this.#mask(new Uint8Array(32), 0));
    this.#rest = xor(this.#rest, mac);
    this.#counter = (this.#counter + 1) % 2 ** 32;
    if ((tag & REKEY) !== 0 || this.#counter === 0) {
      const replaced = this.#mask(concat(this.#key, this.#rest), 0);
      [this.#key, this.#rest, this.#counter] = [replaced.slice(0, 32), replaced.slice(32), 1];
    }
    return mac;
  }
}

/** @param header - 24 random bytes. */
export class RecordSender {
  readonly #stream: RecordStream;
  #header: Uint8Array;

  constructor(key: Uint8Array, header: Uint8Array) {
    this.#stream = new RecordStream(key, header);
    this.#header = header;
  }

  seal(message: Uint8Array, tag = REKEY): Uint8Array {
    const record = concat(this.#header, this.#stream.seal(message, tag));
    this.#header = new Uint8Array(0);
    return record;
  }
}

export class RecordReceiver {
  readonly #key: Uint8Array;
  #stream: RecordStream | null = null;

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  open(record: Uint8Array): Uint8Array {
    if (this.#stream) return this.#stream.open(record);
    this.#stream = new RecordStream(this.#key, record.subarray(0, 24));
    return this.#stream.open(record.subarray(24));
  }
}
