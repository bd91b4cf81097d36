import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { interleaveChunk, interleavedIndex, packedBytes } from "../../crypto/rlwe/kernels.ts";
import { MODULUS, RING_DEGREE } from "../../crypto/rlwe/parameters.ts";
import { referenceKernels } from "../../crypto/rlwe/reference-kernels.ts";
import { WasmKernels } from "../../crypto/rlwe/wasm-kernels.ts";
import { expectSame, seeded } from "./support.ts";

const MANY = 64;
const wasm = new WasmKernels({ chunks: MANY });

/** `count` residues: uniform, or mostly from the ends of the range, where carries and reductions go wrong. */
function residues(count: number, seed: number, share: number): Uint32Array {
  const random = seeded(seed);
  const ends = [0, 1, 2, MODULUS - 2, MODULUS - 1, 0x3fffffff, 0x40000000];
  const pick = (): number =>
    random.uniform() < share
      ? (ends[Math.floor(random.uniform() * ends.length)] ?? 0)
      : Math.floor(random.uniform() * MODULUS);
  return Uint32Array.from({ length: count }, pick);
}

const anyRing = fc.record({ seed: fc.integer(), share: fc.constantFrom(0, 0.5, 1) });
const rings = (count: number) => anyRing.map(({ seed, share }) => residues(count * RING_DEGREE, seed, share));

const filled = (value: number, count = 1): Uint32Array => new Uint32Array(count * RING_DEGREE).fill(value);
const single = (at: number, value: number): Uint32Array => filled(0).with(at, value);

const EDGES = [
  { id: "all zero", poly: filled(0) },
  { id: "all one", poly: filled(1) },
  { id: "all q - 1", poly: filled(MODULUS - 1) },
  ...[0, 1, 2, 3, 4, 7, 8, 1023, 1024, 2047].map((at) => ({ id: `a one at ${at.toString()}`, poly: single(at, 1) })),
  { id: "q - 1 at 2047", poly: single(2047, MODULUS - 1) },
];

describe.each(["forwardNtt", "inverseNtt"] as const)("%s is the same in WebAssembly and in TypeScript", (transform) => {
  const check = (poly: Uint32Array): void => {
    const twin = poly.slice();
    wasm[transform](poly);
    referenceKernels[transform](twin);
    expectSame(poly, twin);
  };

  test.each(EDGES)("$id", ({ poly }) => check(poly.slice()));

  test("any polynomial", () => {
    fc.assert(fc.property(rings(1), check), { numRuns: 60 });
  });
});

test("the transforms undo each other, in either order", () => {
  const roundTrip = (poly: Uint32Array): void => {
    const there = poly.slice();
    wasm.forwardNtt(there);
    wasm.inverseNtt(there);
    expectSame(there, poly);
    wasm.inverseNtt(there);
    wasm.forwardNtt(there);
    expectSame(there, poly);
  };
  for (const { poly } of EDGES) roundTrip(poly);
  fc.assert(fc.property(rings(1), roundTrip), { numRuns: 60 });
});

describe("multiplyAccumulate is the same in WebAssembly and in TypeScript", () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, MANY])("%d chunks", (chunks) => {
    const check = (block: Uint32Array, query: Uint32Array): void => {
      expectSame(
        wasm.multiplyAccumulate(block, query, chunks),
        referenceKernels.multiplyAccumulate(block, query, chunks),
      );
    };
    const ends = [0, 1, MODULUS - 1].map((value) => filled(value, chunks));
    for (const block of ends) for (const query of ends) check(block, query);
    fc.assert(fc.property(rings(chunks), rings(chunks), check), { numRuns: chunks > 9 ? 2 : 6 });
  });

  test("the most chunks there can be (8,192 coordinates, 8 a chunk), all q - 1: sums to m", () => {
    const chunks = 1024;
    const kernels = new WasmKernels({ chunks });
    const ends = filled(MODULUS - 1, chunks);
    expectSame(kernels.multiplyAccumulate(ends, ends, chunks), filled(chunks));
  });

  test("changes neither operand", () => {
    const [block, query] = [residues(2 * RING_DEGREE, 1, 0), residues(2 * RING_DEGREE, 2, 0)];
    const before = [block.slice(), query.slice()];
    wasm.multiplyAccumulate(block, query, 2);
    expect([block, query]).toEqual(before);
  });

  test("refuses operands of the wrong length", () => {
    for (const [block, query, chunks] of [
      [1, 2, 2],
      [2, 1, 2],
      [2, 2, 1],
      [MANY + 1, MANY + 1, MANY + 1],
    ] as const) {
      expect(() => wasm.multiplyAccumulate(filled(0, block), filled(0, query), chunks)).toThrow(TypeError);
    }
  });
});

describe.each([8, 16, 32, 64])("scoreCoefficients, c = %d, is the same in WebAssembly and in TypeScript", (chunk) => {
  const packed = (x: Uint32Array): Uint8Array => referenceKernels.packBits(x, { stride: 1, count: x.length, bits: 31 });
  const check = (x: Uint32Array, y: Uint32Array): void => {
    const twin = referenceKernels.scoreCoefficients(packed(x), y, chunk);
    expect(twin?.length).toBe(RING_DEGREE / chunk);
    const [ours, before] = [y.slice(), packed(x)];
    expectSame(wasm.scoreCoefficients(before, ours, chunk) ?? filled(0), twin ?? filled(1));
    expectSame(ours, y);
    expect(before).toEqual(packed(x));
  };

  test.each(EDGES)("$id, times q - 1 and times itself", ({ poly }) => {
    check(poly, filled(MODULUS - 1));
    check(poly, poly);
  });

  test("any two polynomials", () => {
    fc.assert(fc.property(rings(1), rings(1), check), { numRuns: 30 });
  });

  test.each([0, 1, 2, 3, 4, 1023, 2046, 2047])("a residue that is q or above, at %d", (at) => {
    for (const value of [MODULUS, MODULUS + 1, 2 ** 31 - 1]) {
      const x = packed(filled(MODULUS - 1).with(at, value));
      expect(wasm.scoreCoefficients(x, filled(1), chunk)).toBeNull();
      expect(referenceKernels.scoreCoefficients(x, filled(1), chunk)).toBeNull();
    }
    expect(wasm.scoreCoefficients(packed(filled(MODULUS - 1)), filled(1), chunk)).not.toBeNull();
  });
});

describe("packing is the same in WebAssembly and in TypeScript", () => {
  const widths = Array.from({ length: 24 }, (_, i) => 8 + i);

  test.each(widths)("%d bits, at every stride a layout has", (bits) => {
    fc.assert(
      fc.property(rings(1), fc.constantFrom(1, 8, 16, 32, 64), (values, stride) => {
        const cut = { stride, count: RING_DEGREE / stride, bits };
        const packed = wasm.packBits(values, cut);
        expect(packed.length).toBe(packedBytes(cut.count, bits));
        expectSame(packed, referenceKernels.packBits(values, cut));
        const back = wasm.unpackBits(packed, cut);
        expectSame(back, referenceKernels.unpackBits(packed, cut));
        const dropped = 31 - bits;
        expectSame(
          back,
          Uint32Array.from({ length: cut.count }, (_, i) => ((values[i * stride] ?? 0) >>> dropped) << dropped),
        );
      }),
      { numRuns: 6 },
    );
  });

  test.each(widths)("%d bits: values from the last coefficient of a row on, as scores are cut", (bits) => {
    for (const stride of [8, 16, 32, 64]) {
      const values = residues(RING_DEGREE, bits, 0.3).subarray(stride - 1);
      const cut = { stride, count: RING_DEGREE / stride, bits };
      expectSame(wasm.packBits(values, cut), referenceKernels.packBits(values, cut));
    }
  });

  test.each([8, 2040, 2048, 2056, 5 * RING_DEGREE, 5 * RING_DEGREE + 8])("%d values", (count) => {
    const values = residues(count, count, 0.3);
    for (const bits of [8, 14, 31]) {
      const packed = wasm.packBits(values, { stride: 1, count, bits });
      expectSame(packed, referenceKernels.packBits(values, { stride: 1, count, bits }));
      expectSame(wasm.unpackBits(packed, { count, bits }), referenceKernels.unpackBits(packed, { count, bits }));
    }
  });

  test.each([0, 1, MODULUS - 1, 0x7fffffff])("all %d", (value) => {
    for (const bits of widths) {
      const packed = wasm.packBits(filled(value), { stride: 1, count: RING_DEGREE, bits });
      expectSame(wasm.unpackBits(packed, { count: RING_DEGREE, bits }), filled((value >>> (31 - bits)) << (31 - bits)));
    }
  });
});

test("the interleaved form is [N/8][chunks][8]", () => {
  const chunks = 3;
  const into = new Uint32Array(chunks * RING_DEGREE);
  const polys = Array.from({ length: chunks }, (_, j) => residues(RING_DEGREE, j, 0));
  for (const [j, poly] of polys.entries()) interleaveChunk(poly, j, chunks, into);
  expect([...into.subarray(0, 8), ...into.subarray(8, 16)]).toEqual([
    ...(polys[0]?.subarray(0, 8) ?? []),
    ...(polys[1]?.subarray(0, 8) ?? []),
  ]);
  for (const [j, poly] of polys.entries())
    expect(poly.every((residue, i) => into[interleavedIndex(i, j, chunks)] === residue)).toBe(true);
});
