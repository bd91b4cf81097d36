import type { CollectionSettings, SealedRow } from "../../party-node/sealed-store/index.ts";

export const DIM = 16;

export const SETTINGS: CollectionSettings = {
  id: "clinic",
  dim: DIM,
  owner: "owner-key-1",
  fields: [
    { name: "year", type: "number" },
    { name: "topic", type: "string" },
  ],
  search: "approximate",
};

/** 16 bytes that tell the number. */
export function rowId(number: number): Uint8Array {
  const id = new Uint8Array(16).fill(0xa5);
  new DataView(id.buffer).setUint32(0, number);
  return id;
}

export function numberOf(id: Uint8Array): number {
  return new DataView(id.buffer, id.byteOffset).getUint32(0);
}

/** The same for the same seed: entries of a vector on a curve, so that neighbours are known and none are equal. */
export function vectorFor(number: number, version = 1, dim = DIM): Float32Array {
  return Float32Array.from(
    { length: dim },
    (_, i) => Math.sin(1 + number * 0.37 + i * (1 + (number % 7))) + version / 64,
  );
}

export function passageFor(number: number, version = 1): Uint8Array {
  return Buffer.from(`sealed ${number.toString()} v${version.toString()} ${"\0\xff".repeat(20)}`);
}

/** A row whose vector and passage tell which it is, and of which version. */
export function row(number: number, version = 1, dim = DIM): SealedRow {
  return {
    rowId: rowId(number),
    version,
    vector: vectorFor(number, version, dim),
    passage: passageFor(number, version),
    fields: { year: 2000 + (number % 20), topic: `topic ${(number % 5).toString()}` },
  };
}

export function rowRange(from: number, count: number, version = 1, dim = DIM): SealedRow[] {
  return Array.from({ length: count }, (_, i) => row(from + i, version, dim));
}

/** Numbers of the nearest rows, by looking at all. */
export function nearestOf(rows: readonly SealedRow[], query: Float32Array, count: number): number[] {
  return rows
    .map(({ rowId: id, vector }) => ({
      number: numberOf(id),
      distance: vector.reduce((sum, value, i) => sum + (value - query[i]!) ** 2, 0),
    }))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, count)
    .map(({ number }) => number);
}
