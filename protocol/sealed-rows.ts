import { Fault } from "../crypto/fault.ts";
import type { ProtocolFaultCode } from "./faults.ts";
import { limits } from "./limits.ts";

/** A row of a hosted collection as it travels: the vector is a ciphertext, the passage sealed bytes. */
export interface PackedRow {
  /** 16 bytes. */
  readonly rowId: Uint8Array;
  /** A safe integer above 0. */
  readonly version: number;
  /** Shape [dim]. */
  readonly vector: Float32Array;
  readonly passage: Uint8Array;
}

const ROW_ID_BYTES = 16;
/** Row id, version (u64), length of the passage (u32). */
const HEAD_BYTES = ROW_ID_BYTES + 8 + 4;

/** Bytes of a row in {@link packSealedRows}. */
export function packedRowBytes(dim: number, passageBytes: number): number {
  return HEAD_BYTES + 4 * dim + passageBytes;
}

/**
 * Rows one after the other, little-endian: their number (u32), then of each row id, version, length of the passage, vector (float32), passage.
 *
 * @param dim - Entries of every vector.
 * @param padTo - The result is filled with zeros to a multiple of this many bytes, so that its length says little about the passages.
 */
export function packSealedRows(rows: readonly PackedRow[], dim: number, padTo = 1): Uint8Array {
  const size = rows.reduce((sum, { passage }) => sum + packedRowBytes(dim, passage.length), 4);
  const packed = new Uint8Array(Math.ceil(size / padTo) * padTo);
  const view = new DataView(packed.buffer);
  view.setUint32(0, rows.length, true);
  let at = 4;
  for (const { rowId, version, vector, passage } of rows) {
    if (rowId.length !== ROW_ID_BYTES || vector.length !== dim)
      throw new TypeError("packSealedRows: a row has an id or a vector of another size");
    packed.set(rowId, at);
    view.setBigUint64(at + ROW_ID_BYTES, BigInt(version), true);
    view.setUint32(at + ROW_ID_BYTES + 8, passage.length, true);
    packed.set(new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength), at + HEAD_BYTES);
    packed.set(passage, at + HEAD_BYTES + 4 * dim);
    at += packedRowBytes(dim, passage.length);
  }
  return packed;
}

/**
 * Inverse of {@link packSealedRows}; the result's arrays are views into one copy of `packed`.
 *
 * @throws Fault MESSAGE_INVALID.
 */
export function unpackSealedRows(bytes: Uint8Array, dim: number): PackedRow[] {
  const packed = bytes.slice();
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const count = packed.length >= 4 ? view.getUint32(0, true) : limits.hostedBatchRowsMax + 1;
  if (count > limits.hostedBatchRowsMax) throw malformed("is of no length that rows can have");
  const rows: PackedRow[] = [];
  let at = 4;
  for (let i = 0; i < count; i++) {
    if (at + HEAD_BYTES + 4 * dim > packed.length) throw malformed("ends within a row");
    const version = view.getBigUint64(at + ROW_ID_BYTES, true);
    const passageBytes = view.getUint32(at + ROW_ID_BYTES + 8, true);
    const end = at + packedRowBytes(dim, passageBytes);
    if (end > packed.length) throw malformed("ends within a row");
    if (version === 0n || version > BigInt(Number.MAX_SAFE_INTEGER))
      throw malformed("has a version that cannot be one");
    rows.push({
      rowId: packed.subarray(at, at + ROW_ID_BYTES),
      version: Number(version),
      vector: floatsAt(packed, at + HEAD_BYTES, dim),
      passage: packed.subarray(end - passageBytes, end),
    });
    at = end;
  }
  if (!isZero(packed, at)) throw malformed("has bytes after its last row");
  return rows;
}

/** A loop: `some` with a function takes ten times as long, and pages end in up to 32 KiB of padding. */
function isZero(bytes: Uint8Array, from: number): boolean {
  for (let i = from; i < bytes.length; i++) if (bytes[i] !== 0) return false;
  return true;
}

/** A view where the bytes are aligned, as they are when passages have a multiple of four; otherwise a copy. */
function floatsAt(packed: Uint8Array, start: number, length: number): Float32Array {
  const offset = packed.byteOffset + start;
  if (offset % 4 === 0) return new Float32Array(packed.buffer, offset, length);
  return new Float32Array(packed.slice(start, start + 4 * length).buffer);
}

function malformed(what: string): Fault {
  return new Fault<ProtocolFaultCode>("MESSAGE_INVALID", `a list of sealed rows ${what}`);
}
