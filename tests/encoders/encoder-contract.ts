import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { CorpusStatistics, Encoder } from "../../party-node/encoders/encoder.ts";
import { assertInRange } from "../../party-node/encoders/range.ts";

const PASSAGES = [
  "Night trains between the capital and the coast run from May to September.",
  "The museum is closed on Mondays; entrance is free for children.",
  "Vitamin C does not prevent the common cold, but it may shorten it a little.",
  "Interest on overdue invoices is charged monthly at the rate fixed by law.",
];
const QUESTION = "does vitamin C prevent a cold?";
const ANSWER = 2;

/** What every encoder must do; `open` gives a fresh one each time. */
export function encoderContract(name: string, open: () => Promise<Encoder>): void {
  describe(`encoder contract: ${name}`, () => {
    let encoder: Encoder;
    let statistics: CorpusStatistics;
    beforeAll(async () => {
      encoder = await open();
      statistics = collect(encoder);
    });
    afterAll(() => encoder.close());

    test("describes itself", () => {
      expect(encoder.fingerprint).toMatch(/^[0-9a-f]{64}$/);
      expect(encoder.dim).toBeGreaterThan(0);
      expect(encoder.normMax).toBeGreaterThan(0);
      expect(encoder.device).not.toBe("");
    });

    test("gives one vector a passage, in order, in range, whatever the batch", async () => {
      const together = await encoder.encodePassages(PASSAGES, statistics);
      expect(together).toHaveLength(PASSAGES.length);
      for (const [i, vector] of together.entries()) {
        assertInRange(encoder, vector);
        const [alone] = await encoder.encodePassages([PASSAGES[i]!], statistics);
        expectClose(alone!, vector);
      }
      expect(await encoder.encodePassages([], statistics)).toEqual([]);
    });

    test("keeps its promises on empty, enormous and odd passages", async () => {
      const word = ["a", "cold", "vitamin", "zzyzx", "Ωμέγα", "東京", "🚂", "\u0000"];
      const long = Array.from({ length: 20_000 }, (_, i) => `${word[i % word.length]!}${i % 977}`).join(" ");
      for (const vector of await encoder.encodePassages(
        ["", " \n", long, "x".repeat(100_000), "🚂\ud800"],
        statistics,
      )) {
        assertInRange(encoder, vector);
      }
    });

    test("gives questions of unit norm, deterministically, and ranks the answer first", async () => {
      const question = await encoder.encodeQuery(QUESTION);
      expect(question).toHaveLength(encoder.dim);
      expect(Math.hypot(...question)).toBeCloseTo(1, 5);
      expectClose(await encoder.encodeQuery(QUESTION), question);
      const scores = (await encoder.encodePassages(PASSAGES, statistics)).map((passage) =>
        innerProduct(question, passage),
      );
      expect(scores.indexOf(Math.max(...scores))).toBe(ANSWER);
    });

    test("hands out vectors that the caller may overwrite", async () => {
      (await encoder.encodeQuery(QUESTION)).fill(7);
      (await encoder.encodePassages([PASSAGES[0]!], statistics))[0]!.fill(7);
      expect(Math.hypot(...(await encoder.encodeQuery(QUESTION)))).toBeCloseTo(1, 5);
      assertInRange(encoder, (await encoder.encodePassages([PASSAGES[0]!], statistics))[0]!);
    });

    test("restores statistics: same count, bytes and vectors", async () => {
      expect(encoder.statistics().passageCount).toBe(0);
      const restored = encoder.statistics(statistics.toBytes());
      expect(restored.passageCount).toBe(PASSAGES.length);
      expect(restored.toBytes()).toEqual(statistics.toBytes());
      expect(await encoder.encodePassages(PASSAGES, restored)).toEqual(
        await encoder.encodePassages(PASSAGES, statistics),
      );
      for (const bytes of [Uint8Array.of(), Uint8Array.of(0xff), Uint8Array.of(0xa0), Uint8Array.of(0x82, 1, 2)]) {
        expect(() => encoder.statistics(bytes)).toThrow(expect.objectContaining({ code: "BAD_STATISTICS" }));
      }
    });

    test("bounds what a passage can score, whatever the statistics", async () => {
      const question = await encoder.encodeQuery(QUESTION);
      const bounds = await encoder.scoreMax(question, PASSAGES);
      const alike = encoder.statistics();
      for (let i = 0; i < 1000; i++) alike.add(`${PASSAGES[i % 3]!} ${String(i)}`);
      for (const counted of [statistics, encoder.statistics(), alike])
        for (const [i, vector] of (await encoder.encodePassages(PASSAGES, counted)).entries())
          expect(innerProduct(question, vector)).toBeLessThanOrEqual(bounds[i]! + 1e-5);
      expect(Math.max(...(await encoder.scoreMax(question, ["", "\u0000"])))).toBeLessThan(bounds[ANSWER]!);
    });

    test("says whether its vectors depend on the statistics", async () => {
      const [known, unknown] = [statistics, encoder.statistics()];
      const vectors = await encoder.encodePassages(PASSAGES, known);
      const independent = isDeepStrictEqual(await encoder.encodePassages(PASSAGES, unknown), vectors);
      expect(encoder.usesStatistics).toBe(!independent);
    });

    test("a second instance agrees, in fingerprint and vectors", async () => {
      const second = await open();
      try {
        expect(second.fingerprint).toBe(encoder.fingerprint);
        expectClose(await second.encodeQuery(QUESTION), await encoder.encodeQuery(QUESTION));
        const [theirs] = await second.encodePassages([PASSAGES[1]!], collect(second));
        expectClose(theirs!, (await encoder.encodePassages([PASSAGES[1]!], statistics))[0]!);
      } finally {
        await second.close();
      }
    });
  });
}

function collect(encoder: Encoder): CorpusStatistics {
  const statistics = encoder.statistics();
  for (const passage of PASSAGES) statistics.add(passage);
  return statistics;
}

export function innerProduct(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, entry, i) => sum + entry * b[i]!, 0);
}

function expectClose(actual: Float32Array, expected: Float32Array): void {
  expect(actual).toHaveLength(expected.length);
  expect(Math.max(...actual.map((entry, i) => Math.abs(entry - expected[i]!)))).toBeLessThan(1e-5);
}
