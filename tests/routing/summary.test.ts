import { describe, expect, test } from "@jest/globals";
import { likelihood } from "../../party-node/routing/party-router.ts";
import { CODE_BYTES, distances, summarise } from "../../party-node/routing/summary.ts";
import { hammingDistance } from "../../crypto/index.ts";
import { seededRandom } from "../../simulations/seeded-random.ts";

const options = { prototypesMax: 64, codesMin: 5 };
const random = seededRandom(3);
const anyCode = (): Uint8Array => Uint8Array.from({ length: CODE_BYTES }, () => Math.floor(256 * random()));
/** With each bit turned with this chance. */
const near = (code: Uint8Array, chance: number): Uint8Array =>
  code.map((byte) => {
    for (let bit = 0; bit < 8; bit++) if (random() < chance) byte ^= 1 << bit;
    return byte;
  });
const many = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);

describe("a summary", () => {
  const centres = many(3, anyCode);
  const codes = centres.flatMap((centre, i) => many([200, 100, 50][i]!, () => near(centre, 0.1)));

  test("has a prototype near every bunch of codes, which say how many passages there are", async () => {
    const { prototypes, passages } = await summarise(codes, { ...options, prototypesMax: 6 });
    expect(passages.reduce((sum, count) => sum + count, 0)).toBe(350);
    centres.forEach((centre, i) => {
      const own = prototypes.flatMap((prototype, at) => (hammingDistance(prototype, centre) < 40 ? passages[at]! : []));
      expect(own.reduce((sum, count) => sum + count, 0)).toBe([200, 100, 50][i]!);
    });
  });

  test("is the same for the same codes in any order", async () => {
    expect(await summarise(codes.toReversed(), options)).toEqual(await summarise(codes, options));
  });

  test("leaves no prototype with fewer than five different codes, and none that is a passage's", async () => {
    const lonely = [...codes, ...many(4, anyCode), ...many(50, () => centres[0]!.map((byte) => byte ^ 0xff))];
    const { prototypes, passages } = await summarise(lonely, options);
    expect(prototypes.length).toBeGreaterThan(3);
    expect(prototypes.length).toBeLessThanOrEqual(64);
    expect(passages.reduce((sum, count) => sum + count, 0)).toBe(lonely.length);
    expect(Math.min(...passages)).toBeGreaterThanOrEqual(5);
    // Fifty copies are one passage; what they are like is no prototype.
    const copy = lonely.at(-1)!;
    expect(Math.min(...prototypes.map((prototype) => hammingDistance(prototype, copy)))).toBeGreaterThan(60);
  });

  test("of few codes is empty, of some one prototype", async () => {
    expect((await summarise([], options)).prototypes).toEqual([]);
    expect((await summarise(codes.slice(0, 4), options)).prototypes).toEqual([]);
    const copies = many(20, () => codes[0]!);
    expect((await summarise(copies, options)).prototypes).toEqual([]);
    expect((await summarise(codes.slice(0, 5), options)).passages).toEqual([5]);
  });

  test("knows the distance of every prototype", async () => {
    const summary = await summarise(codes, options);
    const question = anyCode();
    expect(distances(question, summary)).toEqual(
      summary.prototypes.map((prototype) => hammingDistance(prototype, question)),
    );
  });
});

describe("how likely a party is to hold an answer", () => {
  const code = anyCode();
  const turned = (bits: number): Uint8Array => code.map((byte, i) => (i < bits / 8 ? byte ^ 0xff : byte));
  const of = (...parts: readonly [bits: number, passages: number][]): number =>
    likelihood(code, { prototypes: parts.map(([bits]) => turned(bits)), passages: parts.map(([, count]) => count) });

  test("falls with the distance, and adds up", () => {
    expect(of([64, 9])).toBeGreaterThan(of([72, 9]));
    expect(of([64, 9]) / of([72, 9])).toBeCloseTo(Math.exp(2));
    expect(of([64, 9], [72, 4])).toBeCloseTo(of([64, 9]) + of([72, 4]));
    expect(of()).toBe(0);
  });

  test("grows tenfold for a party that claims a hundred times as much", () => {
    expect(of([64, 600]) / of([64, 6])).toBeCloseTo(10);
  });
});
