import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { HammingIndex } from "../../../crypto/codes/index.ts";
import { referenceSearch } from "../../../crypto/codes/reference-search.ts";
import { fault, seeded } from "../support.ts";

/**
 * `rows` codes around one code: each bit turned with probability `noise`, a share of rows repeated, so that there are near and far ones and ties.
 */
function codesAround(
  code: Uint8Array,
  rows: number,
  { noise, repeated }: { noise: number; repeated: number },
  seed: number,
) {
  const random = seeded(seed);
  const width = code.length;
  const all = new Uint8Array(rows * width);
  for (let row = 0; row < rows; row++) {
    const from = random.uniform() < repeated ? Math.floor(random.uniform() * row) * width : null;
    for (let i = 0; i < width; i++) {
      let turned = 0;
      for (let bit = 0; bit < 8; bit++) if (random.uniform() < noise) turned |= 1 << bit;
      all[row * width + i] = from === null ? code[i]! ^ turned : all[from + i]!;
    }
  }
  return all;
}

function randomCode(width: number, seed: number): Uint8Array {
  const random = seeded(seed);
  return Uint8Array.from({ length: width }, () => Math.floor(256 * random.uniform()));
}

const indexOf = (bits: number, codes: Uint8Array, blockBytes?: number): HammingIndex => {
  const index = new HammingIndex({ bits, ...(blockBytes === undefined ? {} : { blockBytes }) });
  index.add(codes);
  return index;
};

describe("finds what the plain search finds, bit for bit:", () => {
  test.each(Array.from({ length: 16 }, (_, i) => 64 * (i + 1)))("codes of %i bits", (bits) => {
    const width = bits / 8;
    fc.assert(
      fc.property(
        fc.record({
          rows: fc.integer({ min: 0, max: 70 }),
          k: fc.integer({ min: 1, max: 80 }),
          noise: fc.constantFrom(0, 0.01, 0.5, 0.99, 1),
          repeated: fc.constantFrom(0, 0.5, 1),
          blockRows: fc.integer({ min: 1, max: 90 }),
          seed: fc.integer(),
        }),
        ({ rows, k, noise, repeated, blockRows, seed }) => {
          const code = randomCode(width, seed + 1);
          const codes = codesAround(code, rows, { noise, repeated }, seed);
          const index = indexOf(bits, codes, blockRows * width);
          expect(index.rows).toBe(rows);
          expect(index.search(code, k)).toEqual(referenceSearch(codes, code, k));
        },
      ),
      { numRuns: 40 },
    );
  });

  test.each([1, 10, 100, 5000])("the best %i of five thousand", (k) => {
    const code = randomCode(32, 3);
    const codes = codesAround(code, 5000, { noise: 0.5, repeated: 0.2 }, k);
    expect(indexOf(256, codes).search(code, k)).toEqual(referenceSearch(codes, code, k));
  });

  test.each([1, 3, 40, 257])("the best %i where each row is as near as the last or nearer", (k) => {
    const code = randomCode(32, 4);
    const rows = 257 * 3;
    const codes = new Uint8Array(rows * 32);
    for (let row = 0; row < rows; row++) {
      const distance = 256 - Math.floor(row / 3);
      for (let bit = 0; bit < 256; bit++) {
        const turned = bit < distance ? 1 << (bit & 7) : 0;
        codes[row * 32 + (bit >> 3)]! |= (code[bit >> 3]! & (1 << (bit & 7))) ^ turned;
      }
    }
    expect(indexOf(256, codes).search(code, k)).toEqual(referenceSearch(codes, code, k));
  });
});

test("codes added in many pieces, searched in between, are found as if added at once", () => {
  const code = randomCode(24, 5);
  const codes = codesAround(code, 400, { noise: 0.4, repeated: 0.3 }, 6);
  const index = new HammingIndex({ bits: 192, blockBytes: 150 * 24 });
  const random = seeded(7);
  for (let row = 0; row < 400;) {
    const end = Math.min(400, row + Math.floor(40 * random.uniform()));
    index.add(codes.subarray(row * 24, end * 24));
    row = end;
    expect(index.search(code, 60)).toEqual(referenceSearch(codes.subarray(0, row * 24), code, 60));
  }
});

test("memory grows with the codes", () => {
  const code = randomCode(128, 8);
  const codes = new Uint8Array(30_000 * 128).fill(255);
  for (const row of [29_999, 7, 16_000]) codes.set(code, row * 128);
  expect(indexOf(1024, codes).search(code, 3)).toEqual([7, 16_000, 29_999].map((row) => ({ row, distance: 0 })));
});

describe("is refused:", () => {
  const index = indexOf(64, new Uint8Array(16));

  test("a length that no code has", () => {
    for (const bits of [0, 65, 1088, NaN])
      expect(() => new HammingIndex({ bits })).toThrow(fault("PARAMETERS_INVALID"));
  });
  test("memory for less than a code", () => {
    for (const blockBytes of [7, NaN, -8])
      expect(() => new HammingIndex({ bits: 64, blockBytes })).toThrow(fault("PARAMETERS_INVALID"));
  });
  test("an option it does not know", () =>
    expect(() => new HammingIndex({ bits: 64, blockByte: 8 } as never)).toThrow(TypeError));
  test("part of a code", () => expect(() => index.add(new Uint8Array(12))).toThrow(fault("CODE_MALFORMED")));
  test("a code of another length", () =>
    expect(() => index.search(new Uint8Array(16), 1)).toThrow(fault("CODE_MALFORMED")));
  test("no result", () => {
    for (const k of [0, 1.5, -1, NaN]) expect(() => index.search(new Uint8Array(8), k)).toThrow(TypeError);
  });
  test("and nothing of it was added", () => expect(index.rows).toBe(2));
});
