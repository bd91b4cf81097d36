import { describe, expect, test } from "@jest/globals";
import {
  type BlockRow,
  BlockShard,
  MODULUS,
  RING_DEGREE,
  type RingLayout,
  type ShardBlock,
  deriveSeed,
} from "../../crypto/index.ts";
import { blockPolynomials } from "../../crypto/rlwe/block-layout.ts";
import { hintError } from "../../crypto/rlwe/hint-error.ts";
import { interleaveChunk } from "../../crypto/rlwe/kernels.ts";
import { HINT_STANDARD_DEVIATION } from "../../crypto/rlwe/parameters.ts";
import { publicPolynomial } from "../../crypto/rlwe/public-randomness.ts";
import { referenceKernels } from "../../crypto/rlwe/reference-kernels.ts";
import { centred, layoutOf, mean, rms, seeded } from "./support.ts";

// Keys and rows are fixed, so these measurements come out the same every time: there are no false alarms.
const HINT_KEY = new Uint8Array(32).fill(7);
const layout = layoutOf(100, 16, { normMax: 3 });

const rowsOf = (seed: number): BlockRow[] => {
  const random = seeded(seed);
  return Array.from({ length: layout.rowsPerBlock }, (_, slot) => ({
    slot,
    vector: random.vector(layout.dim, layout.normMax),
  }));
};

/** What the hint holds beyond sum_j P_j a_j, as integers in coefficient form: recomputed with the plain kernels. */
function errorOf(rows: readonly BlockRow[], hint: Uint8Array, { chunks, seed }: RingLayout = layout): number[] {
  const [block, publicRandomness] = [new Uint32Array(chunks * RING_DEGREE), new Uint32Array(chunks * RING_DEGREE)];
  for (const [j, polynomial] of blockPolynomials(rows, layout).entries()) {
    referenceKernels.forwardNtt(polynomial);
    interleaveChunk(polynomial, j, chunks, block);
    interleaveChunk(publicPolynomial(seed, j), j, chunks, publicRandomness);
  }
  const product = referenceKernels.multiplyAccumulate(block, publicRandomness, chunks);
  const residues = referenceKernels.unpackBits(hint, { count: RING_DEGREE, bits: 31 });
  const error = residues.map((residue, i) => (residue + MODULUS - (product[i] ?? 0)) % MODULUS);
  referenceKernels.inverseNtt(error);
  return Array.from(error, centred);
}

/** A block of these rows as a new shard encodes it. */
function described(rows: readonly BlockRow[], { hintKey = HINT_KEY, ring = layout, block = 0 } = {}): ShardBlock {
  const staged = new BlockShard(ring, hintKey).stage(block, rows);
  if (!staged) throw new Error("the block holds no rows");
  return staged;
}

function correlation(a: readonly number[], b: readonly number[]): number {
  return mean(a.map((x, i) => x * (b[i] ?? NaN))) / (rms(a) * rms(b));
}

describe("a hint is sum_j P_j a_j + e", () => {
  const rows = rowsOf(1);
  const error = errorOf(rows, described(rows).hint);

  test("with e around zero, of standard deviation 512, in every part of the ring", () => {
    expect(Math.abs(mean(error))).toBeLessThan(40);
    expect(Math.abs(rms(error) / HINT_STANDARD_DEVIATION - 1)).toBeLessThan(0.05);
    for (let from = 0; from < RING_DEGREE; from += 256)
      expect(Math.abs(rms(error.slice(from, from + 256)) / HINT_STANDARD_DEVIATION - 1)).toBeLessThan(0.2);
    expect(Math.max(...error.map(Math.abs))).toBeLessThan(6 * HINT_STANDARD_DEVIATION);
  });

  test("the same for the same rows: at another time, as another block, or in another order", () => {
    const first = described(rows);
    for (const again of [described(rows), described(rows.toReversed())]) expect(again).toEqual(first);
    const elsewhere = described(rows, { block: 5 });
    expect(elsewhere.hint).toEqual(first.hint);
    expect(elsewhere.version).not.toBe(first.version);
  });

  test("with an independent e when one row changes in one place by one step", () => {
    const changed = rows.map((row) =>
      row.slot === 77 ? { slot: 77, vector: row.vector.with(50, (row.vector[50] ?? 0) - 1.5 / layout.dataScale) } : row,
    );
    const other = errorOf(changed, described(changed).hint);
    const difference = error.map((e, i) => e - (other[i] ?? 0));
    expect(Math.abs(rms(difference) / (HINT_STANDARD_DEVIATION * Math.SQRT2) - 1)).toBeLessThan(0.05);
    // Independent errors' correlation has a standard deviation of 0.022.
    expect(Math.abs(correlation(error, other))).toBeLessThan(0.1);
    expect(described(changed).version).not.toBe(described(rows).version);
  });

  test("with another e and version under another node's key", () => {
    const hintKey = new Uint8Array(32).fill(8);
    const other = described(rows, { hintKey });
    expect(other.version).not.toBe(described(rows).version);
    expect(Math.abs(correlation(error, errorOf(rows, other.hint)))).toBeLessThan(0.1);
  });

  test("with another e when the public randomness changes: else two hints would show P_j without error", () => {
    const ring = { ...layout, seed: new Uint8Array(32).fill(9) };
    const other = described(rows, { ring });
    expect(other.version).not.toBe(described(rows).version);
    expect(Math.abs(correlation(error, errorOf(rows, other.hint, ring)))).toBeLessThan(0.1);
  });
});

describe("the error of hints, over many seeds", () => {
  const errors = Array.from({ length: 50 }, (_, i) =>
    Array.from(hintError(deriveSeed(HINT_KEY, i.toString())), centred),
  );
  const all = errors.flat();

  test("is Gaussian: standard deviation, fourth moment, tails", () => {
    expect(Math.abs(mean(all))).toBeLessThan(8);
    expect(Math.abs(rms(all) / HINT_STANDARD_DEVIATION - 1)).toBeLessThan(0.01);
    expect(Math.abs(mean(all.map((e) => (e / HINT_STANDARD_DEVIATION) ** 4)) - 3)).toBeLessThan(0.15);
    const beyond = (deviations: number): number =>
      all.filter((e) => Math.abs(e) > deviations * HINT_STANDARD_DEVIATION).length / all.length;
    expect(Math.abs(beyond(1) - 0.3173)).toBeLessThan(0.008);
    expect(Math.abs(beyond(2) - 0.0455)).toBeLessThan(0.004);
    expect(Math.abs(beyond(3) - 0.0027)).toBeLessThan(0.001);
  });

  test("is independent from coefficient to coefficient and from seed to seed", () => {
    const next = [...all.slice(1), all[0] ?? 0];
    expect(Math.abs(correlation(all, next))).toBeLessThan(0.02);
    for (const error of errors.slice(1)) expect(Math.abs(correlation(error, errors[0] ?? []))).toBeLessThan(0.11);
  });
});
