import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { packScoredBlocks, unpackScoredBlocks } from "../../protocol/index.ts";

const block = fc.record({
  block: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  version: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString("hex")),
});

test("any blocks come back as they were, in their order, 20 bytes each", () => {
  fc.assert(
    fc.property(fc.array(block), (blocks) => {
      const packed = packScoredBlocks(blocks);
      expect(packed).toHaveLength(20 * blocks.length);
      expect(unpackScoredBlocks(packed)).toEqual(blocks);
    }),
  );
});

// Written out by hand: the number, 32 bits, least significant byte first; then the version as it is.
test("known answer", () => {
  const version = "000102030405060708090a0b0c0d0eff";
  const expected = [4, 3, 2, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255];
  expect([...packScoredBlocks([{ block: 0x01020304, version }])]).toEqual(expected);
});

test("reads a view into a larger buffer", () => {
  const blocks = [{ block: 7, version: "ab".repeat(16) }];
  const around = new Uint8Array(20 + 5);
  around.set(packScoredBlocks(blocks), 3);
  expect(unpackScoredBlocks(around.subarray(3, -2))).toEqual(blocks);
});

test.each(["", "ab".repeat(15), "xy".repeat(16), `${"ab".repeat(15)}a`])(
  "refuses to pack the version %p, which would stand for another",
  (version) => {
    expect(() => packScoredBlocks([{ block: 0, version }])).toThrow(TypeError);
  },
);

test.each([-1, 2 ** 32])("refuses to pack the block number %p", (number) => {
  expect(() => packScoredBlocks([{ block: number, version: "ab".repeat(16) }])).toThrow(RangeError);
});
