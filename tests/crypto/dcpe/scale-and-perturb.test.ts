import { describe, expect, test } from "@jest/globals";
import { QUERY_SHARE, SAP_SHARE, STORED_SHARE, ScaleAndPerturb } from "../../../crypto/dcpe/scale-and-perturb.ts";
import { deriveSeed, u32Bytes } from "../../../crypto/rlwe/public-randomness.ts";
import { type Seeded, seeded } from "../support.ts";
import { distance } from "./statistics.ts";

const SCALE = 7;
const BETA = 0.5;

/** Encrypts every vector under a noise of its own. */
function encryptor(dim: number, share: number, purpose: string): (vector: ArrayLike<number>) => Float32Array {
  const scheme = new ScaleAndPerturb({ dim, scale: SCALE, beta: BETA, share });
  let count = 0;
  return (vector) => {
    const out = new Float32Array(dim);
    scheme.encrypt(
      Float64Array.from(vector),
      deriveSeed(new Uint8Array(32), purpose, u32Bytes(dim), u32Bytes(count++)),
      out,
      0,
    );
    return out;
  };
}

/**
 * A query, and two vectors whose distances to it differ by `gap`: on opposite sides, on the same side, or anywhere. In few dimensions the noise
 * often points the worst way.
 */
function triple(random: Seeded, dim: number, gap: number): Record<"query" | "near" | "far", number[]> {
  const query = [...random.vector(dim, random.uniform())];
  const [towards, elsewhere] = [random.vector(dim), random.vector(dim)];
  const apart = random.uniform() < 0.2 ? 0 : random.uniform();
  const direction = [elsewhere, towards, towards.map((x) => -x)][Math.floor(3 * random.uniform())] ?? elsewhere;
  return {
    query,
    near: query.map((x, i) => x + apart * (towards[i] ?? NaN)),
    far: query.map((x, i) => x + (apart + gap) * (direction[i] ?? NaN)),
  };
}

/** How many of `count` triples come out in the wrong order, the first by one scheme and the other two by another. */
function flips(dim: number, count: number, gap: number, shares: { query: number; stored: number }): number {
  const random = seeded(dim);
  const [encryptQuery, encryptStored] = [
    encryptor(dim, shares.query, "query"),
    encryptor(dim, shares.stored, "stored"),
  ];
  let flipped = 0;
  for (let i = 0; i < count; i++) {
    const { query, near, far } = triple(random, dim, gap);
    const sealed = encryptQuery(query);
    if (distance(sealed, encryptStored(near)) >= distance(sealed, encryptStored(far))) flipped++;
  }
  return flipped;
}

// A little above the bound: float32 moves a distance by up to 2^-23 of the lengths involved.
const JUST_ABOVE = 1 + 1e-5;

describe.each([
  { dim: 1, count: 6_000 },
  { dim: 2, count: 4_000 },
  { dim: 3, count: 2_000 },
  { dim: 16, count: 1_000 },
  { dim: 768, count: 200 },
])("in $dim dimensions", ({ dim, count }) => {
  test("SAP keeps the order across a gap of beta", () => {
    expect(flips(dim, count, BETA * JUST_ABOVE, { query: SAP_SHARE, stored: SAP_SHARE })).toBe(0);
  });

  test("CAPRISE keeps the order of stored vectors by their distance to a query across a gap of beta", () => {
    expect(flips(dim, count, BETA * JUST_ABOVE, { query: QUERY_SHARE, stored: STORED_SHARE })).toBe(0);
  });

  test("CAPRISE keeps the order among stored vectors across a gap of 3/2 beta", () => {
    expect(flips(dim, count, 1.5 * BETA * JUST_ABOVE, { query: STORED_SHARE, stored: STORED_SHARE })).toBe(0);
  });
});

test("where a gap is smaller than the bound, some triples flip", () => {
  expect(flips(1, 4_000, 0.8 * BETA, { query: SAP_SHARE, stored: SAP_SHARE })).toBeGreaterThan(0);
  expect(flips(1, 4_000, 0.8 * BETA, { query: QUERY_SHARE, stored: STORED_SHARE })).toBeGreaterThan(0);
  expect(flips(1, 4_000, 1.2 * BETA, { query: STORED_SHARE, stored: STORED_SHARE })).toBeGreaterThan(0);
});

test("decryption undoes encryption, at an offset, up to the rounding of the ciphertext", () => {
  const scheme = new ScaleAndPerturb({ dim: 5, scale: SCALE, beta: BETA, share: SAP_SHARE });
  const plaintext = Float64Array.from([0.1, -0.2, 0.3, -0.4, 0.5]);
  const seed = new Uint8Array(32).fill(1);
  const out = new Float32Array(9);
  scheme.encrypt(plaintext, seed, out, 2);
  expect([...out.subarray(0, 2), ...out.subarray(7)]).toEqual([0, 0, 0, 0]);
  const back = new Float64Array(5);
  scheme.decrypt(out, 2, seed, back);
  expect(distance(back, plaintext)).toBeLessThan(2 ** -24 * (0.75 + SAP_SHARE * BETA));
  scheme.decrypt(out, 2, new Uint8Array(32).fill(2), back);
  expect(distance(back, plaintext)).toBeGreaterThan(1e-3);
});
