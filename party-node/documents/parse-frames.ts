const HEAD_BYTES = 4;

/** The parser's first message: it has loaded what it needs. */
export const READY = '"ready"';

/** A message as it goes through a pipe: its length (u32, little-endian), then its bytes. */
export function frame(bytes: Uint8Array): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32LE(bytes.length);
  return Buffer.concat([head, bytes]);
}

/** Puts messages together from what arrives. */
export class FrameReader {
  readonly #bytesMax: number;
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** The messages that are complete with this chunk. @throws RangeError for one that says it is longer than the limit. */
  *take(chunk: Buffer): Generator<Buffer> {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    for (let length = this.#length(); length !== null && this.#bytes >= length; length = this.#length()) {
      const all = this.#all();
      this.#chunks = [all.subarray(length)];
      this.#bytes -= length;
      yield all.subarray(HEAD_BYTES, length);
    }
  }

  /** Bytes of the next message with its head, once they are known. */
  #length(): number | null {
    if (this.#bytes < HEAD_BYTES) return null;
    if ((this.#chunks[0]?.length ?? 0) < HEAD_BYTES) this.#chunks = [this.#all()];
    const length = this.#chunks[0]!.readUInt32LE();
    if (length > this.#bytesMax) throw new RangeError("a frame is longer than its limit");
    return HEAD_BYTES + length;
  }

  #all(): Buffer {
    return this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
  }
}
