import { describe, expect, test } from "@jest/globals";
import { RetrievalCoder, hammingDistance } from "../../../crypto/codes/index.ts";
import { fault, seeded } from "../support.ts";

const seed = Uint8Array.from({ length: 32 }, (_, i) => i);

function vectors(count: number, dim: number, from = 1): Float32Array[] {
  const random = seeded(from);
  // Off the origin, so that signs without medians would lean to one side.
  const centre = random.vector(dim, 0.7);
  return Array.from({ length: count }, () => random.vector(dim).map((x, i) => x + centre[i]!));
}

const bit = (code: Uint8Array, i: number): number => (code[i >> 3]! >> (i & 7)) & 1;

describe.each([
  { dim: 64, bits: 1024 },
  { dim: 100, bits: 256 },
  { dim: 300, bits: 64 },
  { dim: 384, bits: 512 },
  { dim: 3, bits: 64 },
])("$bits bits of $dim dimensions", ({ dim, bits }) => {
  const sample = vectors(300, dim);
  const coder = RetrievalCoder.fit({ dim, bits, seed, sample });
  const codes = sample.map((vector) => coder.encode(vector));

  test("have the bytes said", () => expect(codes[0]).toHaveLength(bits / 8));

  test("are each set for exactly half the sample", () => {
    for (let i = 0; i < bits; i++) expect(codes.reduce((sum, code) => sum + bit(code, i), 0)).toBe(150);
  });

  test("depend on the direction alone", () => {
    expect(coder.encode(sample[7]!.map((x) => 2 ** 20 * x))).toEqual(codes[7]);
  });

  test("are the same from a packed sample, and from the parameters alone", () => {
    const packed = new Float32Array(sample.length * dim);
    sample.forEach((vector, row) => packed.set(vector, row * dim));
    const again = RetrievalCoder.fit({ dim, bits, seed, sample: packed });
    expect(again.parameters).toEqual(coder.parameters);
    const other = new RetrievalCoder(structuredClone(coder.parameters));
    expect(sample.map((vector) => other.encode(vector))).toEqual(codes);
  });
});

test.each([
  { dim: 64, bits: 1024 },
  { dim: 384, bits: 1024 },
])("two directions differ in angle / pi of $bits bits of $dim dimensions", ({ dim, bits }) => {
  const random = seeded(5);
  // Opposite vectors make every median zero.
  const half = Array.from({ length: 50 }, () => random.vector(dim));
  const sample = [...half, ...half.map((vector) => vector.map((x) => -x))];
  const coder = RetrievalCoder.fit({ dim, bits, seed, sample });
  for (const angle of [0.1, 0.5, 1, 2]) {
    let [differ, pairs] = [0, 0];
    for (; pairs < 60; pairs++) {
      const a = random.vector(dim);
      const c = random.vector(dim);
      const along = c.reduce((sum, x, i) => sum + x * a[i]!, 0);
      const across = c.map((x, i) => x - along * a[i]!);
      const norm = Math.hypot(...across);
      const b = a.map((x, i) => Math.cos(angle) * x + (Math.sin(angle) * across[i]!) / norm);
      differ += hammingDistance(coder.encode(a), coder.encode(b));
    }
    // A bit's deviation is below 1/2; five deviations of the mean of 60 codes whose bits are at worst as good as 64 independent ones.
    expect(Math.abs(differ / pairs / bits - angle / Math.PI)).toBeLessThan((5 * 0.5) / Math.sqrt(60 * 64));
  }
});

test("stacked rotations are independent: no direction comes twice", () => {
  const sample = vectors(200, 64);
  const coder = RetrievalCoder.fit({ dim: 64, bits: 1024, seed, sample });
  const codes = sample.map((vector) => coder.encode(vector));
  const column = (i: number): string => codes.map((code) => bit(code, i)).join("");
  expect(new Set(Array.from({ length: 1024 }, (_, i) => column(i))).size).toBe(1024);
});

test("another seed gives unrelated codes, a shorter code of one rotation is the beginning of a longer one", () => {
  const sample = vectors(300, 384);
  const [a, b, long] = [
    RetrievalCoder.fit({ dim: 384, bits: 256, seed, sample }),
    RetrievalCoder.fit({ dim: 384, bits: 256, seed: seed.toReversed(), sample }),
    RetrievalCoder.fit({ dim: 384, bits: 1024, seed, sample }),
  ];
  const distance = sample.reduce((sum, vector) => sum + hammingDistance(a.encode(vector), b.encode(vector)), 0) / 300;
  expect(Math.abs(distance - 128)).toBeLessThan(16);
  expect(long.encode(sample[0]!).subarray(0, 32)).toEqual(a.encode(sample[0]!));
});

test("the code of a small example, as it was when first made", () => {
  const sample = Array.from({ length: 9 }, (_, row) =>
    Float32Array.from({ length: 8 }, (_, i) => ((row + 1) * (i + 3)) % 7),
  );
  const coder = RetrievalCoder.fit({ dim: 8, bits: 64, seed, sample });
  expect(Buffer.from(coder.encode(sample[4]!)).toString("hex")).toBe("bcbd4561439f0bd0");
});

test("a vector of zeros has a code, and the caller's arrays are copied", () => {
  const own = seed.slice();
  const coder = RetrievalCoder.fit({ dim: 8, bits: 64, seed: own, sample: vectors(9, 8) });
  own.fill(0);
  expect(coder.parameters.seed).toEqual(seed);
  expect(coder.encode(new Float32Array(8))).toHaveLength(8);
});

describe("is refused:", () => {
  const sample = vectors(5, 8);
  const good = { dim: 8, bits: 64, seed, sample };
  const coder = RetrievalCoder.fit(good);

  test.each([
    { id: "no bits", options: { bits: 0 }, code: "PARAMETERS_INVALID" },
    { id: "bits that are no multiple of 64", options: { bits: 96 }, code: "PARAMETERS_INVALID" },
    { id: "too many bits", options: { bits: 1088 }, code: "PARAMETERS_INVALID" },
    { id: "no dimension", options: { dim: 0 }, code: "PARAMETERS_INVALID" },
    { id: "half a dimension", options: { dim: 8.5 }, code: "PARAMETERS_INVALID" },
    { id: "a short seed", options: { seed: seed.subarray(1) }, code: "PARAMETERS_INVALID" },
    { id: "an empty sample", options: { sample: [] }, code: "SAMPLE_INVALID" },
    { id: "an empty packed sample", options: { sample: new Float32Array(0) }, code: "SAMPLE_INVALID" },
    { id: "a packed sample of other dimensions", options: { sample: new Float32Array(12) }, code: "SAMPLE_INVALID" },
    { id: "a sample of other dimensions", options: { sample: vectors(5, 9) }, code: "SAMPLE_INVALID" },
    { id: "a sample with NaN", options: { sample: [new Float32Array(8).fill(NaN)] }, code: "SAMPLE_INVALID" },
  ])("$id", ({ options, code }) => {
    expect(() => RetrievalCoder.fit({ ...good, ...options })).toThrow(fault(code));
  });

  test("an option it does not know", () => {
    expect(() => RetrievalCoder.fit({ ...good, bit: 64 } as never)).toThrow(TypeError);
    expect(() => new RetrievalCoder({ ...coder.parameters, threshold: 1 } as never)).toThrow(TypeError);
  });

  test.each([
    { id: "too few thresholds", thresholds: new Float32Array(63) },
    { id: "a threshold that is not finite", thresholds: new Float32Array(64).fill(1, 0, 63).fill(NaN, 63) },
  ])("$id", ({ thresholds }) => {
    expect(() => new RetrievalCoder({ dim: 8, bits: 64, seed, thresholds })).toThrow(fault("PARAMETERS_INVALID"));
  });

  test.each([
    { id: "a vector of another dimension", vector: new Float32Array(7) },
    { id: "NaN", vector: new Float32Array(8).fill(NaN) },
    { id: "infinity", vector: new Float32Array(8).fill(-Infinity) },
  ])("$id", ({ vector }) => {
    expect(() => coder.encode(vector)).toThrow(fault("EMBEDDING_INVALID"));
  });

  test("codes of two lengths", () => {
    expect(() => hammingDistance(new Uint8Array(8), new Uint8Array(16))).toThrow(fault("CODE_MALFORMED"));
  });
});

test("the distance counts the bits that differ", () => {
  expect(hammingDistance(Uint8Array.of(0, 255, 0b1010_0001), Uint8Array.of(0, 0, 0b0010_0011))).toBe(10);
});
