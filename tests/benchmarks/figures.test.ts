import { describe, expect, test } from "@jest/globals";
import { MARKED, markedDocuments, readMarked } from "../../benchmarks/marked-passages.ts";
import { against, median, noted, spread, versus } from "../../benchmarks/measure.ts";
import { unitVectors } from "../../benchmarks/vectors.ts";
import type { CitedPassage } from "../../party-node/asking/index.ts";

const DIM = 64;

describe("a row", () => {
  const opponent = { name: "other", times: [40, 20, 30] };

  test("of times has their median and their spread", () => {
    expect(median([4, 1, 3])).toBe(3);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(spread([10, 30, 20])).toBe(1);
  });

  test("against an opponent has how many times its time it took", () => {
    expect(versus("ours", [60, 70, 50], opponent, "<= 2")).toMatchObject({ value: 60, ratio: 2, met: true });
    expect(versus("ours", [61, 70, 50], opponent, "<= 2").met).toBe(false);
  });

  test("with a target to be faster has how many times faster", () => {
    expect(versus("ours", [10, 10, 10], opponent, ">= 3")).toMatchObject({ ratio: 3, met: true });
    expect(versus("ours", [11, 11, 11], opponent, ">= 3").met).toBe(false);
  });

  test("whose opponent was not found has no ratio and no verdict", () => {
    const row = versus("ours", [1, 2, 3], { name: "other", times: null }, "<= 2");
    expect(row).toMatchObject({ value: 2, opponent: null, ratio: null, met: null });
  });

  test("without a target has no verdict", () => {
    expect(noted("bytes", 7, "KB").met).toBeNull();
    expect(versus("ours", [60], opponent, null)).toMatchObject({ ratio: 2, met: null });
    expect(against("lost", 1, "queries", "<= 0")).toMatchObject({ ratio: null, met: false });
    expect(against("hints", 32, "bytes", "<= 64")).toMatchObject({ opponent: null, ratio: 0.5, met: true });
  });
});

describe("vectors", () => {
  test("are of unit norm, and the same again", () => {
    const vectors = unitVectors(3, DIM, 5);
    for (let row = 0; row < 3; row++)
      expect(Math.hypot(...vectors.subarray(row * DIM, (row + 1) * DIM))).toBeCloseTo(1, 5);
    expect(unitVectors(3, DIM, 5)).toEqual(vectors);
  });

  test("of neighbouring seeds have nothing in common", () => {
    const [one, next] = [unitVectors(1, 4096, 5), unitVectors(1, 4096, 6)];
    const product = one.reduce((sum, entry, i) => sum + entry * next[i]!, 0);
    expect(Math.abs(product)).toBeLessThan(0.1);
  });
});

describe("the marked passages of an answer", () => {
  /** As a querier gets them; the score of a document with the question is its vector's length. */
  const cited = (version: number): CitedPassage[] =>
    markedDocuments(version, DIM).map(({ passages: [passage], vectors: [vector] }) => ({
      ...passage!,
      party: "party",
      score: Math.hypot(...vector!) + 0.002,
    }));
  const other: CitedPassage = {
    party: "party",
    documentId: "p0-1",
    title: "",
    text: "passage 1",
    ordinal: 0,
    score: 0.2,
  };

  test("are whole when all are of one version", () => {
    for (const version of [0, 7, 8, 21]) expect(readMarked([...cited(version), other])).toBe(version);
  });

  test("are gone when none is there", () => expect(readMarked([other])).toBe("gone"));

  test("are half an update when some are missing, or of another version", () => {
    const [old, fresh] = [cited(3), cited(4)];
    expect(readMarked(fresh.slice(1))).toBe("half");
    expect(readMarked([...fresh.slice(0, 5), ...old.slice(5)])).toBe("half");
    expect(readMarked([...fresh, old[0]!])).toBe("half");
  });

  test("are half an update when they were scored as another version than was fetched", () => {
    const [old, fresh] = [cited(3), cited(4)];
    expect(readMarked(fresh.map((passage, i) => ({ ...passage, score: old[i]!.score })))).toBe("half");
  });

  test("are several", () => expect(cited(0)).toHaveLength(MARKED));
});
