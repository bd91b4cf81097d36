import { beforeAll, describe, expect, test } from "@jest/globals";
import { MODULUS, addResidues, sodium, subtractResidues, totalBounds } from "../../crypto/index.ts";
import { federationLayout } from "../../party-node/asking/federation-layout.ts";
import { innerProduct } from "../crypto/support.ts";
import { type Asked, ENTITIES, OneParty, ask, makeFederation, residuesOf, seedMaskOf } from "./two-parties.ts";

const owner = makeFederation();
const { federation } = owner;
const layout = federationLayout(federation);

let asked: Asked;
beforeAll(async () => {
  asked = await ask(federation);
});

const minus = (a: Uint32Array, b: Uint32Array): Uint32Array => {
  const difference = a.slice();
  subtractResidues(difference, b);
  return difference;
};
const plus = (a: Uint32Array, b: Uint32Array): Uint32Array => {
  const sum = a.slice();
  addResidues(sum, b);
  return sum;
};

/** Decrypts residues of all positions as if they were the sum of these parties' scores. */
function decrypt(residues: Uint32Array, parties: readonly OneParty[]): number[] {
  return [0, 1].flatMap((number) => {
    const parts = parties.map((party) => ({ party: party.name, block: party.blocks()[number]! }));
    return [...asked.secrets.readTotal(parts, residues.subarray(32 * number, 32 * (number + 1)))];
  });
}

function correlation(a: readonly number[], b: readonly number[]): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanA, meanB] = [mean(a), mean(b)];
  const cross = (x: readonly number[], y: readonly number[], mx: number, my: number): number =>
    x.reduce((sum, value, i) => sum + (value - mx) * (y[i]! - my), 0);
  return cross(a, b, meanA, meanB) / Math.sqrt(cross(a, a, meanA, meanA) * cross(b, b, meanB, meanB));
}

const truth = ({ rows }: OneParty): number[] => rows.map((row) => innerProduct(row, asked.embedding));

/**
 * Coordinator and querier together: every message, the total, the query's secrets, the key to which the notes are sealed, and all hints. What they lack is the
 * pair's key. They try every sum of shares and masks, each added, subtracted or left out, read with the hint of the party they are after, and with both.
 */
async function attack(titles: OneParty, texts: OneParty): Promise<{ candidates: number[][]; total: number[] }> {
  const shares = await Promise.all(
    [titles, texts].map(async (party) => party.share(asked, await party.score(asked.query))),
  );
  const held = shares.flatMap((share) => [residuesOf(share), seedMaskOf(share, federation, asked)]);
  const candidates: number[][] = [];
  for (let choice = 0; choice < 3 ** held.length; choice++) {
    let sum: Uint32Array = new Uint32Array(ENTITIES);
    for (const [i, one] of held.entries()) {
      const sign = Math.floor(choice / 3 ** i) % 3;
      sum = sign === 0 ? sum : sign === 1 ? plus(sum, one) : minus(sum, one);
    }
    candidates.push(decrypt(sum, [titles]), decrypt(sum, [titles, texts]));
  }
  const [first, firstMask, second, secondMask] = held as [Uint32Array, Uint32Array, Uint32Array, Uint32Array];
  return { candidates, total: decrypt(minus(minus(plus(first, second), firstMask), secondMask), [titles, texts]) };
}

const largestError = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((value, i) => Math.abs(value - b[i]!)));

describe("a party's share, before coordinator and querier together", () => {
  const { deviation } = totalBounds(layout);

  test("cannot be had: nothing they can form decrypts to it, and the total is right all the same", async () => {
    const [titles, texts] = [await OneParty.make("titles", 1, owner), await OneParty.make("texts", 2, owner)];
    const { candidates, total } = await attack(titles, texts);
    const expected = truth(titles).map((score, i) => score + truth(texts)[i]!);
    expect(largestError(total, expected)).toBeLessThan(6 * deviation);
    for (const candidate of candidates) expect(largestError(candidate, truth(titles))).toBeGreaterThan(100 * deviation);
    // With the party's own hint alone, 64 values of noise correlate by .125 or so. With both hints one candidate is the total, which its parts go into.
    for (const candidate of candidates.filter((_, i) => i % 2 === 0 && i > 0))
      expect(Math.abs(correlation(candidate, truth(titles)))).toBeLessThan(0.7);
  });

  test("cannot be had at a position where the other party has nothing", async () => {
    const [titles, texts] = [await OneParty.make("titles", 1, owner), await OneParty.make("texts", 2, owner)];
    const lacking = [3, 40];
    const shares = [
      titles.share(asked, await titles.score(asked.query)),
      texts.share(asked, await texts.score(asked.query), asked.queryHash, lacking),
    ];
    const total = shares.reduce<Uint32Array>(
      (sum, share) => minus(plus(sum, residuesOf(share)), seedMaskOf(share, federation, asked)),
      new Uint32Array(ENTITIES),
    );
    const [own, both] = [decrypt(total, [titles]), decrypt(total, [titles, texts])];
    for (const position of lacking) {
      expect(Math.abs(own[position]! - truth(titles)[position]!)).toBeGreaterThan(12 * deviation);
      expect(Math.abs(both[position]! - truth(titles)[position]!)).toBeGreaterThan(12 * deviation);
    }
    expect(Math.abs(both[4]! - truth(titles)[4]! - truth(texts)[4]!)).toBeLessThan(6 * deviation);
  });

  test("is had by the same attack when parties do not mask in pairs", async () => {
    const titles = await OneParty.make("titles", 1, owner, []);
    const texts = await OneParty.make("texts", 2, owner, []);
    const { candidates } = await attack(titles, texts);
    const errors = candidates.map((candidate) => largestError(candidate, truth(titles)));
    expect(Math.min(...errors)).toBeLessThan(6 * deviation);
  });
});

/** Pearson's statistic of residues in 32 equal ranges; 31 degrees of freedom, above 90 once in 10^7 times for uniform ones. */
function chiSquare(residues: readonly number[]): number {
  const counts = new Float64Array(32);
  for (const residue of residues) counts[Math.floor((residue / MODULUS) * 32)]! += 1;
  const expected = residues.length / 32;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

/** Pearson's statistic of two samples, 31 degrees of freedom. */
function chiSquareOfTwo(a: readonly number[], b: readonly number[]): number {
  const counts = [a, b].map((sample) => {
    const own = new Float64Array(32);
    for (const residue of sample) own[Math.floor((residue / MODULUS) * 32)]! += 1;
    return own;
  });
  return counts[0]!.reduce((sum, x, i) => {
    const y = counts[1]![i]!;
    return x + y === 0 ? sum : sum + (x - y) ** 2 / (x + y);
  }, 0);
}

describe("shares of fixed data and a fixed query", () => {
  const RUNS = 50;

  /** Residues of all positions over many fresh masks, as the coordinator sees them and as the querier would: without the seed's mask. */
  async function sample(party: OneParty): Promise<{ coordinator: number[]; querier: number[] }> {
    const answer = await party.score(asked.query);
    const seen: { coordinator: number[]; querier: number[] } = { coordinator: [], querier: [] };
    for (let run = 0; run < RUNS; run++) {
      const queryHash = sodium.randombytes_buf(32);
      const share = party.share(asked, answer, queryHash);
      seen.coordinator.push(...residuesOf(share));
      seen.querier.push(...minus(residuesOf(share), seedMaskOf(share, federation, asked, queryHash)));
    }
    return seen;
  }

  test("are uniform, and those of other data no different", async () => {
    const [one, other] = [await OneParty.make("titles", 1, owner), await OneParty.make("titles", 8, owner)];
    const [a, b] = [await sample(one), await sample(other)];
    for (const view of ["coordinator", "querier"] as const) {
      expect(chiSquare(a[view])).toBeLessThan(90);
      expect(chiSquare(b[view])).toBeLessThan(90);
      expect(chiSquareOfTwo(a[view], b[view])).toBeLessThan(90);
    }
  });

  // Sixty-four values that repeat: about 50 times 31, and below 300 once in 10^8 times.
  test("are told apart by the querier when parties do not mask in pairs", async () => {
    const one = await OneParty.make("titles", 1, owner, []);
    const other = await OneParty.make("titles", 8, owner, []);
    const [a, b] = [await sample(one), await sample(other)];
    expect(chiSquare(a.querier)).toBeGreaterThan(300);
    expect(chiSquareOfTwo(a.querier, b.querier)).toBeGreaterThan(300);
    expect(chiSquare(a.coordinator)).toBeLessThan(90);
  });
});
