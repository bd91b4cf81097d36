import { describe, expect, test } from "@jest/globals";
import { columnMedians, toSigns } from "../../simulations/hashvfl/binarisation.ts";
import { drawClassCodes } from "../../simulations/hashvfl/class-codes.ts";
import { accuracyOf, areaOf, meanCosine, positiveShares, rocArea } from "../../simulations/hashvfl/figures.ts";
import { laplaceDraw, randomFor, shuffledIndices } from "../../simulations/hashvfl/randomness.ts";
import { seededRandom } from "../../simulations/seeded-random.ts";

describe("figures", () => {
  test("area under the curve by hand, ties counting half", () => {
    const positive = (labels: readonly number[]) => (row: number) => labels[row] === 1;
    expect(rocArea([0.1, 0.2, 0.3, 0.4], positive([0, 0, 1, 1]))).toBe(1);
    expect(rocArea([0.1, 0.2, 0.3, 0.4], positive([1, 1, 0, 0]))).toBe(0);
    expect(rocArea([5, 5, 5, 5], positive([1, 0, 1, 0]))).toBe(0.5);
    // Pairs (positive, negative): .8 beats both, .5 ties one and beats one.
    expect(rocArea([0.8, 0.5, 0.5, 0.2], positive([1, 1, 0, 0]))).toBe(3.5 / 4);
    expect(rocArea([1, 2], positive([1, 1]))).toBeNaN();
  });

  test("accuracy and areas of several classes", () => {
    const scores = Float32Array.of(0.5, 0.3, 0.2, 0.1, 0.8, 0.1, 0.4, 0.4, 0.2);
    expect(accuracyOf(scores, Uint8Array.of(0, 1, 2))).toBeCloseTo(2 / 3);
    expect(accuracyOf(scores, Uint8Array.of(0, 1, 0))).toBe(1);
    // Against the rest: class 0: .5 > .1, .4 -> 1; class 1: .8 -> 1; class 2: .2 ties .2, beats .1 -> .75.
    expect(areaOf(scores, Uint8Array.of(0, 1, 2))).toBeCloseTo((1 + 1 + 0.75) / 3);
    expect(areaOf(Float32Array.of(0.9, 0.1, 0.2, 0.8), Uint8Array.of(0, 1))).toBe(1);
  });

  test("shares of positive bits and cosines", () => {
    expect(positiveShares(Float32Array.of(1, -1, 0, -1, -1, -1, 1, 1), 2)).toEqual([0.75, 0.25]);
    const codes = Float32Array.of(1, 1, 1, -1);
    expect(meanCosine(codes, codes, 2)).toBeCloseTo(1);
    expect(meanCosine(codes, Float32Array.of(2, 2, -3, 3), 2)).toBeCloseTo(0);
    expect(meanCosine(codes, Float32Array.of(1, 1), 2, () => 0)).toBeCloseTo(0.5);
    expect(meanCosine(Float32Array.of(0, 0), Float32Array.of(1, 1), 2)).toBe(0);
  });

  test("medians of even and odd counts; zero is positive", () => {
    expect([...columnMedians(Float32Array.of(3, 10, 1, 30, 2, 20), 2)]).toEqual([2, 20]);
    expect([...columnMedians(Float32Array.of(3, 10, 1, 30), 2)]).toEqual([2, 20]);
    const values = Float32Array.of(-0.5, 0, -0, 2);
    toSigns(values);
    expect([...values]).toEqual([-1, 1, 1, 1]);
  });
});

describe("class codes", () => {
  const draw = (rows: readonly number[], bits: number, seed: number): string[] =>
    drawClassCodes(rows, bits, seededRandom(seed)).map((code) => code.join());

  test.each([
    { rows: [5, 5], bits: 1 },
    { rows: [1, 1, 1, 1, 1], bits: 3 },
    { rows: new Array<number>(10).fill(100), bits: 4 },
    { rows: new Array<number>(256).fill(7), bits: 8 },
    { rows: [900, 50, 30, 20], bits: 16 },
  ])("no two are the same: $rows.length classes, $bits bits", ({ rows, bits }) => {
    for (let seed = 0; seed < 5; seed++) {
      const codes = draw(rows, bits, seed);
      expect(new Set(codes).size).toBe(rows.length);
      expect(codes.every((code) => /^-?1(,-?1)*$/.test(code) && code.split(",").length === bits)).toBe(true);
    }
  });

  test("every bit is positive for about half the rows, where the classes allow it", () => {
    const rows = [100, 120, 80, 110, 90, 100, 105, 95, 110, 90];
    const codes = drawClassCodes(rows, 32, seededRandom(3));
    for (let bit = 0; bit < 32; bit++) {
      const positive = rows.reduce((sum, count, i) => sum + (codes[i]![bit]! > 0 ? count : 0), 0);
      expect(Math.abs(positive / 1000 - 0.5)).toBeLessThanOrEqual(0.05);
    }
    const [no, yes] = drawClassCodes([780, 220], 16, seededRandom(3));
    expect([...yes!]).toEqual([...no!.map((sign) => -sign)]);
    expect(draw(rows, 16, 1)).not.toEqual(draw(rows, 16, 2));
    expect(draw(rows, 16, 1)).toEqual(draw(rows, 16, 1));
  });

  test("fewer bits than log2 of the classes are refused", () => {
    expect(() => drawClassCodes([1, 1, 1, 1, 1], 2, seededRandom(1))).toThrow(
      expect.objectContaining({ code: "BITS_TOO_FEW", message: expect.stringContaining("at least 3 bits") }),
    );
  });
});

describe("randomness", () => {
  test("is set apart by every part of its purpose", () => {
    const purposes = [
      [1, "a"],
      [1, "b"],
      [2, "a"],
      [1, "a", 0],
      [1, "a", 1],
    ] as const;
    const first = purposes.map(([seed, ...purpose]) => randomFor(seed, ...purpose)());
    expect(new Set(first).size).toBe(purposes.length);
    expect(randomFor(1, "a", 1)()).toBe(first[4]);
    expect([...shuffledIndices(50, seededRandom(1))].sort((a, b) => a - b)).toEqual(
      Array.from({ length: 50 }, (_, i) => i),
    );
  });

  test("Laplace noise has the mean distance of its scale, on both sides", () => {
    const random = seededRandom(5);
    const draws = Array.from({ length: 20_000 }, () => laplaceDraw(2, random));
    expect(draws.reduce((sum, value) => sum + Math.abs(value), 0) / draws.length).toBeCloseTo(2, 1);
    expect(draws.reduce((sum, value) => sum + value, 0) / draws.length).toBeCloseTo(0, 0.5);
    expect(draws.every(Number.isFinite)).toBe(true);
    expect(laplaceDraw(2, () => 0)).toBeGreaterThan(-100);
  });
});
