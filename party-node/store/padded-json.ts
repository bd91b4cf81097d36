/** What a sealed passage's length is a multiple of, beside nonce and tag; as for hosted rows. */
const PAD_BYTES = 512;

/**
 * JSON with spaces after it, up to a multiple of PAD_BYTES: the length of what is sealed names a passage to whoever has a list of likely ones (the
 * attack `stolen-disk`). What was written without them is read as before.
 */
export function paddedJson(value: unknown): Buffer {
  const json = Buffer.from(JSON.stringify(value));
  return Buffer.concat([json, Buffer.alloc(paddedLength(json.length) - json.length, " ")]);
}

/** Bytes of a JSON text of this many bytes, with its spaces. */
export function paddedLength(bytes: number): number {
  return Math.ceil(bytes / PAD_BYTES) * PAD_BYTES;
}
