import { describe, expect, test } from "@jest/globals";
import { mean, ndcgAtK, overlapAtK, percentile, recallAtK } from "../../simulations/metrics.ts";

const grades = new Map([
  ["a", 3],
  ["b", 2],
  ["c", 1],
  ["d", 0],
  ["e", -1],
]);

describe("metrics, by hand", () => {
  test("nDCG has linear gain and discounts by log2(rank + 1)", () => {
    const ideal = 3 + 2 / Math.log2(3) + 1 / 2;
    expect(ndcgAtK(["a", "b", "c"], grades, 10)).toBe(1);
    expect(ndcgAtK(["b", "x", "a"], grades, 10)).toBeCloseTo((2 + 3 / 2) / ideal, 12);
    expect(ndcgAtK(["e", "d", "c"], grades, 10)).toBeCloseTo(0.5 / ideal, 12);
    expect(ndcgAtK(["x", "b", "a"], grades, 2)).toBeCloseTo(2 / Math.log2(3) / (3 + 2 / Math.log2(3)), 12);
    expect(ndcgAtK([], grades, 10)).toBe(0);
    expect(ndcgAtK(["d"], new Map([["d", 0]]), 10)).toBe(0);
  });

  test("recall is over all relevant documents", () => {
    expect(recallAtK(["a", "x", "c", "b"], grades, 3)).toBeCloseTo(2 / 3, 12);
    expect(recallAtK(["d", "e"], grades, 10)).toBe(0);
    expect(recallAtK(["d"], new Map([["d", 0]]), 10)).toBe(0);
  });

  test("overlap ignores order", () => {
    expect(overlapAtK(["a", "b", "c"], ["c", "a", "x"], 3)).toBeCloseTo(2 / 3, 12);
    expect(overlapAtK(["a", "b", "c"], ["b", "a", "x"], 2)).toBe(1);
    expect(overlapAtK(["a"], ["a", "b"], 5)).toBe(0.5);
    expect(overlapAtK([], [], 5)).toBe(1);
    expect(overlapAtK(["a"], [], 5)).toBe(0);
  });

  test("mean and percentile", () => {
    expect(mean([1, 2, 6])).toBe(3);
    expect(mean([])).toBe(0);
    const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
    expect([
      percentile(hundred, 50),
      percentile(hundred, 95),
      percentile(hundred, 100),
      percentile(hundred, 0),
    ]).toEqual([50, 95, 100, 1]);
    expect(percentile([10, 9], 50)).toBe(9);
    expect(percentile([], 50)).toBeNaN();
  });
});
