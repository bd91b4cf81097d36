import { describe, expect, test } from "@jest/globals";
import { disagreement, disagreementThreshold, farthestParty } from "../../crypto/codes/disagreement.ts";
import { measureAnomalies } from "../../simulations/hashvfl/anomaly.ts";
import { seededRandom } from "../../simulations/seeded-random.ts";

const code = (...bytes: number[]): Uint8Array => Uint8Array.from(bytes);

describe("how far codes of one entity are apart", () => {
  test.each<[string, Uint8Array[], number, number, number | null]>([
    ["two equal codes", [code(0b1010, 1), code(0b1010, 1)], 12, 0, null],
    ["two opposite codes", [code(0xff), code(0)], 8, 1, null],
    ["three of which one differs in six bits", [code(0), code(0), code(0b111111)], 12, 1 / 3, 2],
    // Pairs: 1, 3 and 2 bits of 8.
    ["three that all differ", [code(0b1), code(0), code(0b110)], 8, 6 / 3 / 8, 2],
    ["four of which two and two agree", [code(0), code(0), code(1), code(1)], 8, 4 / 6 / 8, null],
  ])("%s", (_, codes, bits, score, farthest) => {
    expect(disagreement(codes, bits)).toBeCloseTo(score, 12);
    expect(farthestParty(codes)).toBe(farthest);
  });

  test("codes of different lengths are refused", () => {
    expect(() => disagreement([code(1), code(1, 2)], 8)).toThrow(expect.objectContaining({ code: "CODE_MALFORMED" }));
  });

  test("the threshold follows the bulk and not a few that are far off", () => {
    expect(disagreementThreshold([0, 0, 0, 0, 1], 16)).toBeCloseTo(3 / 16, 12);
    const bulk = [0.1, 0.2, 0.3, 0.2, 0.1, 0.3, 0.2];
    expect(disagreementThreshold(bulk, 64)).toBeCloseTo(0.2 + 3 * 1.4826 * 0.1, 12);
    expect(disagreementThreshold([...bulk, 1], 64)).toBeLessThan(1);
  });
});

describe("planted anomalies", () => {
  const labels = Uint8Array.from({ length: 300 }, (_, row) => row % 3);
  const bits = 16;
  /** Codes that are the class's but for some flipped bits; the same at all parties where `shared` says so. */
  const releases = (noise: number, shared = true): Float32Array[] => {
    const random = seededRandom(5);
    const books = [0, 1, 2].map(() => Float32Array.from({ length: 3 * bits }, () => (random() < 0.5 ? -1 : 1)));
    return books.map((own) =>
      Float32Array.from({ length: labels.length * bits }, (_, i) => {
        const sign = (shared ? books[0]! : own)[labels[Math.floor(i / bits)]! * bits + (i % bits)]!;
        return random() < noise ? -sign : sign;
      }),
    );
  };

  test("are found where the parties' codes agree, and not where they do not", () => {
    const clean = measureAnomalies({ releases: releases(0), labels, bits, seed: 1 });
    expect(clean).toMatchObject({ auc: 1, detected: 1, falseAlarms: 0 });
    expect(clean.roc.map(({ detected }) => detected)).toEqual(clean.roc.map(() => 1));
    // A third of the other entities are of the same class, and of the same code: half of those count.
    expect(clean.aucAnyClass).toBeGreaterThan(0.78);
    expect(clean.aucAnyClass).toBeLessThan(0.88);
    const noisy = measureAnomalies({ releases: releases(0.15), labels, bits, seed: 1 });
    expect(noisy.auc).toBeGreaterThan(0.8);
    expect(noisy.auc).toBeLessThan(1);
    const shares = noisy.roc.map(({ detected }) => detected);
    expect(shares).toEqual(shares.toSorted((a, b) => a - b));
    expect(shares[0]).toBeLessThan(0.5);
    expect(shares.at(-1)).toBeGreaterThan(0.9);
    const random = measureAnomalies({ releases: releases(0.5), labels, bits, seed: 1 });
    expect(Math.abs(random.auc - 0.5)).toBeLessThan(0.1);
    for (const { falseAlarmsMax, detected } of random.roc)
      expect(Math.abs(detected - falseAlarmsMax)).toBeLessThan(0.12);
  });

  test("are drawn by the seed", () => {
    const options = { releases: releases(0.2), labels, bits };
    expect(measureAnomalies({ ...options, seed: 1 })).toEqual(measureAnomalies({ ...options, seed: 1 }));
    expect(measureAnomalies({ ...options, seed: 1 })).not.toEqual(measureAnomalies({ ...options, seed: 2 }));
  });
});
