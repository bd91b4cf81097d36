import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { type PackedRow, limits, packSealedRows, packedRowBytes, unpackSealedRows } from "../../protocol/index.ts";
import { fault } from "../crypto/support.ts";

const DIM = 3;
const row = (number: number, passage: number[] = [1, 2, 3]): PackedRow => ({
  rowId: new Uint8Array(16).fill(number),
  version: number,
  vector: Float32Array.of(number, -0.5, 1e-3),
  passage: Uint8Array.from(passage),
});

const anyRow = fc.record({
  rowId: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  version: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  vector: fc.float32Array({ minLength: DIM, maxLength: DIM }),
  passage: fc.uint8Array({ maxLength: 40 }),
});

test("any rows come back as they were, in their order, whatever they are padded to", () => {
  fc.assert(
    fc.property(fc.array(anyRow, { maxLength: 8 }), fc.constantFrom(1, 64, 1000), (rows, padTo) => {
      const packed = packSealedRows(rows, DIM, padTo);
      const size = rows.reduce((sum, { passage }) => sum + packedRowBytes(DIM, passage.length), 4);
      expect(packed.length).toBe(Math.ceil(size / padTo) * padTo);
      expect(unpackSealedRows(packed, DIM)).toEqual(rows);
    }),
  );
});

// Written out by hand: how many; id, version, length of the passage; two floats (1 and -2); the passage.
test("known answer", () => {
  const packed = packSealedRows(
    [
      {
        rowId: Uint8Array.from({ length: 16 }, (_, i) => i),
        version: 0x0102,
        vector: Float32Array.of(1, -2),
        passage: Uint8Array.of(7),
      },
    ],
    2,
    4,
  );
  expect([...packed]).toEqual([
    ...[1, 0, 0, 0],
    ...[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    ...[2, 1, 0, 0, 0, 0, 0, 0],
    ...[1, 0, 0, 0],
    ...[0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0],
    ...[7, 0, 0, 0],
  ]);
});

test("reads a view into a larger buffer, and keeps none", () => {
  const around = new Uint8Array(200).fill(0xee);
  const packed = packSealedRows([row(1), row(2)], DIM);
  around.set(packed, 5);
  const rows = unpackSealedRows(around.subarray(5, 5 + packed.length), DIM);
  around.fill(0xee);
  expect(rows).toEqual([row(1), row(2)]);
});

/** Offsets of a first row. */
const VERSION = 4 + 16;
const LENGTH = VERSION + 8;
const packed = (): Uint8Array => packSealedRows([row(1), row(2)], DIM);
function written(at: number, ...bytes: number[]): Uint8Array {
  const changed = packed();
  changed.set(bytes, at);
  return changed;
}

describe("what is not a list of rows is refused", () => {
  test.each([
    { id: "nothing", bytes: new Uint8Array(0) },
    { id: "half a count", bytes: new Uint8Array(3) },
    { id: "a count and no row", bytes: Uint8Array.of(1, 0, 0, 0) },
    { id: "more rows than there are", bytes: written(0, 3) },
    { id: "fewer rows than there are", bytes: written(0, 1) },
    { id: "more rows than any message has", bytes: written(0, 1, 16 + limits.hostedBatchRowsMax / 256) },
    { id: "four thousand million rows", bytes: written(0, 255, 255, 255, 255) },
    { id: "version 0", bytes: written(VERSION, 0) },
    { id: "a version that is no safe integer", bytes: written(VERSION + 6, 0x20) },
    { id: "the largest version there is", bytes: written(VERSION, ...Array<number>(8).fill(255)) },
    { id: "a passage that goes past the end", bytes: written(LENGTH, 200) },
    { id: "a passage of four gigabytes", bytes: written(LENGTH, 255, 255, 255, 255) },
    { id: "a shorter passage, so that the next row begins early", bytes: written(LENGTH, 2) },
    { id: "its last byte missing", bytes: packed().subarray(0, -1) },
    { id: "the last row's head alone", bytes: packed().subarray(0, 4 + packedRowBytes(DIM, 3) + 28) },
    { id: "a byte after its end", bytes: Uint8Array.from([...packed(), 1]) },
    { id: "a byte in its padding", bytes: Uint8Array.from([...packed(), 0, 0, 9, 0]) },
  ])("$id", ({ bytes }) => {
    expect(() => unpackSealedRows(bytes, DIM)).toThrow(fault("MESSAGE_INVALID"));
  });

  test.each([DIM - 1, DIM + 1, 8192])("rows of vectors of another length: %p", (dim) => {
    expect(() => unpackSealedRows(packed(), dim)).toThrow(fault("MESSAGE_INVALID"));
  });

  test("and takes no memory for what is only announced", () => {
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 1000; i++)
      expect(() => unpackSealedRows(written(LENGTH, 255, 255, 255, 127), 8192)).toThrow(fault("MESSAGE_INVALID"));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024 * 1024);
  });
});

test("values that are no numbers come through: whoever opens a row finds out", () => {
  const odd = { ...row(1), vector: Float32Array.of(NaN, Infinity, -0) };
  expect(unpackSealedRows(packSealedRows([odd], DIM), DIM)).toEqual([odd]);
});

test.each([
  { what: "an id of another length", row: { ...row(1), rowId: new Uint8Array(15) } },
  { what: "a vector of another length", row: { ...row(1), vector: new Float32Array(DIM + 1) } },
])("refuses to pack $what", ({ row: wrong }) => {
  expect(() => packSealedRows([wrong], DIM)).toThrow(TypeError);
});
