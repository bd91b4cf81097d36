import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { limits, packHandles, unpackHandles } from "../../protocol/index.ts";

const U32_MAX = 2 ** 32 - 1;
const handle = fc.record({
  block: fc.integer({ min: 0, max: U32_MAX - 1 }),
  slot: fc.integer({ min: 0, max: U32_MAX }),
});

test("any handles come back as they were, in as many bytes as any others", () => {
  fc.assert(
    fc.property(fc.array(handle, { maxLength: limits.fetchHandlesMax }), (handles) => {
      const packed = packHandles(handles);
      expect(packed).toHaveLength(8 * limits.fetchHandlesMax);
      // In an order that says nothing of how they rank.
      expect(unpackHandles(packed)).toEqual(handles.toSorted((a, b) => a.block - b.block || a.slot - b.slot));
    }),
  );
});

// Written out by hand: block, then slot, 32 bits each, least significant byte first; padding is all ones.
test("known answer", () => {
  const packed = packHandles([{ block: 1, slot: 0x01020304 }]);
  expect([...packed.subarray(0, 8)]).toEqual([1, 0, 0, 0, 4, 3, 2, 1]);
  expect(packed.subarray(8).every((byte) => byte === 0xff)).toBe(true);
});

test("reads a view into a larger buffer", () => {
  const around = new Uint8Array(8 * limits.fetchHandlesMax + 5);
  around.set(packHandles([{ block: 7, slot: 9 }]), 3);
  expect(unpackHandles(around.subarray(3, -2))).toEqual([{ block: 7, slot: 9 }]);
});

test("refuses more handles than a fetch may name", () => {
  const handles = Array.from({ length: limits.fetchHandlesMax + 1 }, (_, slot) => ({ block: 0, slot }));
  expect(() => packHandles(handles)).toThrow(TypeError);
});
