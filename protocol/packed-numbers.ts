/** @returns One bit an entry, the first in the lowest bit of the first byte: 1 for entries from 0 up, 0 for those below. Bits past the last are 0. */
export function packSigns(entries: Float32Array): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(entries.length / 8));
  entries.forEach((entry, i) => {
    if (entry >= 0) bytes[i >> 3]! |= 1 << (i & 7);
  });
  return bytes;
}

/** @returns `count` entries of 1 or -1, as {@link packSigns} packed them; null where the bytes are not those of so many entries. */
export function unpackSigns(bytes: Uint8Array, count: number): Float32Array | null {
  if (bytes.length !== Math.ceil(count / 8)) return null;
  if (count % 8 !== 0 && bytes.at(-1)! >> (count % 8) !== 0) return null;
  return Float32Array.from({ length: count }, (_, i) => ((bytes[i >> 3]! >> (i & 7)) & 1 ? 1 : -1));
}

/** @returns 4 bytes an entry, little-endian. */
export function packFloats(entries: Float32Array): Uint8Array {
  const bytes = new Uint8Array(4 * entries.length);
  const view = new DataView(bytes.buffer);
  entries.forEach((entry, i) => {
    view.setFloat32(4 * i, entry, true);
  });
  return bytes;
}

/** @param bytes - A multiple of 4. */
export function unpackFloats(bytes: Uint8Array): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: bytes.length >> 2 }, (_, i) => view.getFloat32(4 * i, true));
}

/** @returns 4 bytes an entry, little-endian. */
export function packIndices(entries: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(4 * entries.length);
  const view = new DataView(bytes.buffer);
  entries.forEach((entry, i) => {
    view.setUint32(4 * i, entry, true);
  });
  return bytes;
}

/** @param bytes - A multiple of 4. */
export function unpackIndices(bytes: Uint8Array): Uint32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Uint32Array.from({ length: bytes.length >> 2 }, (_, i) => view.getUint32(4 * i, true));
}
