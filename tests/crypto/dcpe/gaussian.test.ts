import { describe, expect, test } from "@jest/globals";
import { gaussianBytes, gaussians, uniform } from "../../../crypto/dcpe/gaussian.ts";
import { withStream } from "../../../crypto/dcpe/noise.ts";
import { seeded } from "../support.ts";
import { KS_LIMIT, kolmogorovSmirnov, normalCdf } from "./statistics.ts";

const words = (...values: readonly number[]): DataView => {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  values.forEach((value, i) => view.setUint32(4 * i, value, true));
  return view;
};

function drawGaussians(seed: number, count: number): Float64Array {
  const out = new Float64Array(count);
  withStream(new Uint8Array(32).fill(seed), gaussianBytes(count), (stream) => gaussians(stream, 0, out));
  return out;
}

describe("uniform", () => {
  test.each([
    { id: "the least", stream: words(0, 0), value: 2 ** -53 },
    { id: "the greatest", stream: words(0xffffffff, 0xffffffff), value: 1 },
    { id: "the middle", stream: words(0x7fffffff, 0xffffffff), value: 0.5 },
    { id: "low bits of a word do not count", stream: words(31, 63), value: 2 ** -53 },
    { id: "the low word's lowest bit that does", stream: words(0, 64), value: 2 ** -52 },
  ])("$id", ({ stream, value }) => expect(uniform(stream, 0)).toBe(value));
});

describe("gaussians", () => {
  const EXTREMES = [0, 1, 2, 3, 0x3fffffff, 0x40000000, 0x7fffffff, 0x80000000, 0xfffffffc, 0xfffffffe, 0xffffffff];

  test("are Box and Muller's to 5e-8, at the ends of both words and in between", () => {
    const random = seeded(1);
    const any = (bits: number): number => Math.floor(random.uniform() * 2 ** bits);
    const pairs = EXTREMES.flatMap((a) => EXTREMES.map((b) => [a, b] as const));
    for (let i = 0; i < 20_000; i++) pairs.push([any((i % 32) + 1), any(32)]);
    let worst = 0;
    const out = new Float64Array(2);
    for (const [a, b] of pairs) {
      gaussians(words(a, b), 0, out);
      const radius = Math.sqrt(-2 * Math.log((a + 0.5) / 2 ** 32));
      // The angle as the docstring has it, without its quadrants.
      const within = (((b | 0) >> 2) + 0.5) * (Math.PI / 2 ** 31);
      const angle = (b & 2 ? Math.PI / 2 - within : within) + (b & 1 ? Math.PI : 0);
      worst = Math.max(
        worst,
        Math.abs((out[0] ?? NaN) - radius * Math.cos(angle)),
        Math.abs((out[1] ?? NaN) - radius * Math.sin(angle)),
      );
    }
    expect(worst).toBeLessThan(5e-8);
  });

  test("are normal, each of a pair", () => {
    const values = drawGaussians(1, 40_000);
    for (const parity of [0, 1])
      expect(
        kolmogorovSmirnov(
          [...values].filter((_, i) => i % 2 === parity),
          normalCdf,
        ),
      ).toBeLessThan(KS_LIMIT);
  });

  test("of a pair are independent: its angle is uniform, and neither values nor squares go together", () => {
    const values = drawGaussians(2, 40_000);
    const pairs = Array.from({ length: 20_000 }, (_, i) => [values[2 * i] ?? NaN, values[2 * i + 1] ?? NaN] as const);
    const turns = pairs.map(([x, y]) => Math.atan2(y, x) / (2 * Math.PI) + 0.5);
    expect(kolmogorovSmirnov(turns, (turn) => turn)).toBeLessThan(KS_LIMIT);
    const mean = (f: (x: number, y: number) => number): number =>
      pairs.reduce((sum, [x, y]) => sum + f(x, y), 0) / pairs.length;
    // Standard deviations of these means are 1 and 2 over the root of 20,000; five of them are exceeded with probability 6e-7.
    expect(Math.abs(mean((x, y) => x * y))).toBeLessThan(5 / Math.sqrt(20_000));
    expect(Math.abs(mean((x, y) => (x * x - 1) * (y * y - 1)))).toBeLessThan(10 / Math.sqrt(20_000));
  });

  test("of an odd length are the first of the next even one", () => {
    expect([...drawGaussians(3, 7)]).toEqual([...drawGaussians(3, 8)].slice(0, 7));
    expect([...drawGaussians(4, 1)]).toEqual([...drawGaussians(4, 2)].slice(0, 1));
  });
});
