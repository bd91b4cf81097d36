import { describe, expect, test } from "@jest/globals";
import { RefinedCoder, RetrievalCoder } from "../../../crypto/codes/index.ts";
import { fault, innerProduct, mean, seeded } from "../support.ts";

const seed = Uint8Array.from({ length: 32 }, (_, i) => 7 * i);

function vectors(count: number, dim: number): Float32Array[] {
  const random = seeded(3);
  const centre = random.vector(dim, 0.7);
  return Array.from({ length: count }, () => random.vector(dim, 5).map((x, i) => x + centre[i]!));
}

const unit = (vector: Float32Array): Float32Array => {
  const norm = Math.sqrt(innerProduct(vector, vector));
  return vector.map((x) => x / norm);
};

describe.each([
  { dim: 64, bits: 64 },
  { dim: 96, bits: 192 },
])("$bits bits a layer, of $dim dimensions", ({ dim, bits }) => {
  const sample = vectors(200, dim);
  const coders = [1, 2, 3, 4].map((layers) => RefinedCoder.fit({ dim, bits, seed, sample, layers }));

  test("the first layer is the retrieval code, and further layers follow on it", () => {
    const plain = RetrievalCoder.fit({ dim, bits, seed, sample });
    for (const vector of sample.slice(0, 20)) {
      const codes = coders.map((coder) => coder.encode(vector));
      expect(codes[0]).toEqual(plain.encode(vector));
      for (const [i, code] of codes.entries()) {
        expect(code).toHaveLength(((i + 1) * bits) / 8);
        expect(codes[3]!.subarray(0, code.length)).toEqual(code);
      }
    }
  });

  test("each layer takes a fifth or more off the error of inner products", () => {
    const pairs = sample.slice(1).map((vector, i) => [unit(vector), unit(sample[i]!)] as const);
    const errors = coders.map((coder) => {
      const scores = pairs.map(([a, b]) => innerProduct(coder.decode(coder.encode(a)), coder.decode(coder.encode(b))));
      return Math.sqrt(mean(scores.map((score, i) => (score - innerProduct(...pairs[i]!)) ** 2)));
    });
    for (const [i, error] of errors.slice(1).entries()) expect(error).toBeLessThan(0.8 * errors[i]!);
  });

  test("the scale of a layer is the mean of what is left over", () => {
    const { scales, thresholds } = coders[3]!.parameters;
    expect(thresholds).toEqual(coders[0]!.parameters.thresholds);
    // Of a normal coordinate of deviation 1 / root d: the mean of |x|, then of ||x| - that|.
    const deviation = 1 / Math.sqrt(dim);
    expect(scales[0]! / deviation).toBeCloseTo(Math.sqrt(2 / Math.PI), 1);
    expect(scales[1]! / deviation).toBeCloseTo(0.48, 1);
  });

  test("the parameters make the same coder again", () => {
    const again = new RefinedCoder(structuredClone(coders[2]!.parameters));
    expect(sample.map((vector) => again.encode(vector))).toEqual(sample.map((vector) => coders[2]!.encode(vector)));
  });
});

describe("is refused:", () => {
  const good = { dim: 8, bits: 64, seed, sample: vectors(5, 8), layers: 2 };
  const coder = RefinedCoder.fit(good);

  test.each([
    { id: "no layer", options: { layers: 0 }, code: "PARAMETERS_INVALID" },
    { id: "half a layer", options: { layers: 1.5 }, code: "PARAMETERS_INVALID" },
    { id: "too many bits together", options: { layers: 17 }, code: "PARAMETERS_INVALID" },
    { id: "an empty sample", options: { sample: [] }, code: "SAMPLE_INVALID" },
  ])("$id", ({ options, code }) => {
    expect(() => RefinedCoder.fit({ ...good, ...options })).toThrow(fault(code));
  });

  test.each([
    { id: "too few thresholds", wrong: { thresholds: new Float32Array(63) } },
    { id: "a scale that is not finite", wrong: { scales: Float32Array.of(1, Infinity) } },
    { id: "a scale below zero", wrong: { scales: Float32Array.of(-1) } },
    { id: "no scale", wrong: { scales: new Float32Array(0) } },
  ])("$id", ({ wrong }) => {
    expect(() => new RefinedCoder({ ...coder.parameters, ...wrong })).toThrow(fault("PARAMETERS_INVALID"));
  });

  test("a vector or a code of another length, and options it does not know", () => {
    expect(() => coder.encode(new Float32Array(9))).toThrow(fault("EMBEDDING_INVALID"));
    expect(() => coder.decode(new Uint8Array(8))).toThrow(fault("CODE_MALFORMED"));
    expect(() => RefinedCoder.fit({ ...good, layer: 2 } as never)).toThrow(TypeError);
    expect(() => new RefinedCoder({ ...coder.parameters, scale: 1 } as never)).toThrow(TypeError);
  });
});
