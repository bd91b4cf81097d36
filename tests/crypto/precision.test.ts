import { describe, expect, test } from "@jest/globals";
import { type BlockRow, MODULUS, type RingLayout, scoreStandardDeviation } from "../../crypto/index.ts";
import { ERROR_STANDARD_DEVIATION, HINT_STANDARD_DEVIATION, RING_DEGREE } from "../../crypto/rlwe/parameters.ts";
import { RlweAsker } from "../../crypto/secret/index.ts";
import { innerProduct, layoutOf, localIndex, mean, rms, seeded, setBlock } from "./support.ts";

const PARTY = "library";
const HINT_KEY = new Uint8Array(32).fill(3);

/** Vectors of norm M, in blocks. */
function randomRows({ dim, normMax, rowsPerBlock }: RingLayout, blockCount: number, seed: number): Float32Array[] {
  const random = seeded(seed);
  return Array.from({ length: blockCount * rowsPerBlock }, () => random.vector(dim, normMax));
}

/** The decrypted score of every row, for each question. */
async function decryptedScores(
  layout: RingLayout,
  rows: readonly Float32Array[],
  questions: readonly Float32Array[],
): Promise<Float32Array[]> {
  const { rowsPerBlock, scoreBytesPerBlock } = layout;
  const index = localIndex(layout, HINT_KEY);
  for (let block = 0; block * rowsPerBlock < rows.length; block++) {
    const held: BlockRow[] = rows
      .slice(block * rowsPerBlock, (block + 1) * rowsPerBlock)
      .map((vector, slot) => ({ slot, vector }));
    await setBlock(index, block, held);
  }
  const asker = new RlweAsker(layout, { poolSize: 0 });
  const all: Float32Array[] = [];
  for (const question of questions) {
    const { query, secrets } = await asker.ask(question);
    const { blocks, scores } = await index.answer(query);
    const read = blocks.flatMap(({ block }, i) => {
      const description = index.describe(block);
      if (!description) throw new Error("the block has gone");
      return [
        ...secrets.read(PARTY, description, scores.subarray(i * scoreBytesPerBlock, (i + 1) * scoreBytesPerBlock)),
      ];
    });
    all.push(Float32Array.from(read));
    secrets[Symbol.dispose]();
  }
  asker.close();
  return all;
}

const LAYOUTS = [
  { id: "d 384, c 16, p 31", layout: layoutOf(384, 16) },
  { id: "d 384, c 16, p 14", layout: layoutOf(384, 16, { scoreBits: 14 }) },
  { id: "d 384, c 16, p 10: the cut is most of it", layout: layoutOf(384, 16, { scoreBits: 10 }) },
  { id: "d 1024, c 32, p 14, M 20", layout: layoutOf(1024, 32, { scoreBits: 14, normMax: 20 }) },
  { id: "d 64, c 8, p 31", layout: layoutOf(64, 8) },
  { id: "d 256, c 64, p 31", layout: layoutOf(256, 64) },
];

// 2,048 scores a layout measure their standard deviation to 1.6 %: a limit of 25 % raises no false alarm.
describe.each(LAYOUTS)("scores with $id", ({ layout }) => {
  test("err as scoreStandardDeviation says, without bias", async () => {
    const random = seeded(1);
    const questions = Array.from({ length: 4 }, () => random.vector(layout.dim));
    const rows = randomRows(layout, 512 / layout.rowsPerBlock, 2);
    const scores = await decryptedScores(layout, rows, questions);
    const errors = scores.flatMap((each, i) =>
      rows.map((row, slot) => (each[slot] ?? NaN) - innerProduct(row, questions[i] ?? row)),
    );
    const stated = scoreStandardDeviation(layout);
    const ratio = rms(errors) / stated;
    expect(ratio).toBeGreaterThan(0.75);
    expect(ratio).toBeLessThan(1.25);
    expect(Math.abs(mean(errors))).toBeLessThan((6 * stated) / Math.sqrt(errors.length));
  });
});

test("at 31 bits a score is the integers' inner product and the ring's noise, nothing else", async () => {
  const layout = layoutOf(384, 16);
  const { dataScale, queryScale, rowsPerBlock } = layout;
  const questions = [seeded(3).vector(384), seeded(4).vector(384)];
  const rows = randomRows(layout, 4, 5);
  const scores = await decryptedScores(layout, rows, questions);
  // sum_j P_j e_j: rowsPerBlock rows of norm S_D against SEAL's error. And the hint's error times the secret, of which two thirds are not zero.
  const noise = Math.hypot(
    ERROR_STANDARD_DEVIATION * Math.sqrt(rowsPerBlock) * dataScale,
    HINT_STANDARD_DEVIATION * Math.sqrt((2 * RING_DEGREE) / 3),
  );
  const rounded = (vector: Float32Array, scale: number): Float32Array => vector.map((x) => Math.round(scale * x));
  const errors = scores.flatMap((each, i) =>
    rows.map((row, slot) => {
      const integer = innerProduct(rounded(row, dataScale), rounded(questions[i] ?? row, queryScale));
      return (each[slot] ?? NaN) * dataScale * queryScale - integer;
    }),
  );
  // Eight standard deviations: once in 10^12 runs.
  expect(Math.max(...errors.map(Math.abs))).toBeLessThan(8 * noise);
  expect(Math.abs(rms(errors) / noise - 1)).toBeLessThan(0.25);
  expect(noise * 8).toBeLessThan(MODULUS / 2 - MODULUS / 2.2);
});

describe("the grid of stored integers, at d = 384 and M = 1", () => {
  const layout = layoutOf(384, 16);
  const random = seeded(6);
  const vectors = Array.from({ length: 300 }, () => random.vector(384));
  const questions = Array.from({ length: 10 }, () => random.vector(384));

  /** Standard deviation of an inner product whose one side is rounded to multiples of 1 / scale. */
  const roundingError = (scaleOf: (vector: Float32Array) => number): number =>
    rms(
      vectors.flatMap((vector) => {
        const scale = scaleOf(vector);
        const error = vector.map((x) => Math.round(scale * x) / scale - x);
        return questions.map((question) => innerProduct(error, question));
      }),
    );

  const ours = roundingError(() => layout.dataScale);

  test("rounds as the parameters' docstring says: 0.29 / S_D", () => {
    expect(Math.abs(ours * layout.dataScale * Math.sqrt(12) - 1)).toBeLessThan(0.1);
  });

  test("rounds more than 3 times finer than int8, even with a scale of its own for every vector", () => {
    const int8 = roundingError((vector) => 127 / vector.reduce((largest, x) => Math.max(largest, Math.abs(x)), 0));
    expect(int8 / ours).toBeGreaterThan(3);
  });

  test("rounds 5.6 times finer than int8 of scale 500, which holds entries up to 0.254", () => {
    expect(Math.abs(roundingError(() => 500) / ours - 5.6)).toBeLessThan(0.4);
  });

  test("gives, with the ring's noise and the cut to 14 bits, less than half the error that int8 has by rounding alone", () => {
    const int8 = roundingError((vector) => 127 / vector.reduce((largest, x) => Math.max(largest, Math.abs(x)), 0));
    expect(int8 / scoreStandardDeviation({ ...layout, scoreBits: 14 })).toBeGreaterThan(2);
  });
});

test("the top 10 of 4,096 random rows is the exact top 10 for nearly every question", async () => {
  const layout = layoutOf(384, 16, { scoreBits: 14 });
  const rows = randomRows(layout, 32, 7);
  const random = seeded(8);
  const questions = Array.from({ length: 20 }, () => random.vector(384));
  const scores = await decryptedScores(layout, rows, questions);
  const top = (values: ArrayLike<number>): number[] =>
    Array.from(values, (value, i) => ({ value, i }))
      .toSorted((a, b) => b.value - a.value)
      .slice(0, 10)
      .map(({ i }) => i);
  const overlaps = questions.map((question, i) => {
    const exact = new Set(top(rows.map((row) => innerProduct(row, question))));
    return top(scores[i] ?? []).filter((row) => exact.has(row)).length / 10;
  });
  // Rank 10 and 11 lie 2e-3 apart on average, the noise is 1.5e-4: one question in about 16 swaps them.
  expect(mean(overlaps)).toBeGreaterThanOrEqual(0.98);
  expect(Math.min(...overlaps)).toBeGreaterThanOrEqual(0.9);
});
