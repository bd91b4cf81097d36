import { describe, expect, test } from "@jest/globals";
import { featureHash } from "../../party-node/encoders/feature-hash.ts";
import { openLexical } from "../../party-node/encoders/lexical.ts";
import { terms } from "../../party-node/encoders/tokenize.ts";
import { encoderContract, innerProduct } from "./encoder-contract.ts";

encoderContract("lexical", () => openLexical());
encoderContract("lexical:100", () => openLexical(100));

describe("lexical", () => {
  test("terms are lower case, stemmed, without stop words, in any script", () => {
    expect(terms("The Runners were RUNNING to Zürich, in 2024: relational 東京!")).toEqual([
      "runner",
      "were",
      "run",
      "zürich",
      "2024",
      "relat",
      "東京",
    ]);
    expect(terms("is it the an")).toEqual([]);
    expect(terms("x".repeat(1000))).toEqual(["x".repeat(64)]);
  });

  test("scores are BM25, computed by hand", async () => {
    // N = 3, mean length 2; idf(cat) = ln(1 + 2.5 / 1.5), idf(dog) = ln(1 + 0.5 / 3.5).
    const encoder = await openLexical(65_536);
    const corpus = ["cat cat dog", "dog", "dog fish"];
    const statistics = encoder.statistics();
    for (const passage of corpus) statistics.add(passage);
    const vectors = await encoder.encodePassages(corpus, statistics);
    const score = async (question: string, row: number): Promise<number> =>
      innerProduct(await encoder.encodeQuery(question), vectors[row]!);
    const cat = Math.log(1 + 2.5 / 1.5) * (2 / 3.08);
    const dog = Math.log(1 + 0.5 / 3.5) * (1 / 2.08);
    expect(await score("cat", 0)).toBeCloseTo(cat, 6);
    expect(await score("cats and dogs", 0)).toBeCloseTo((cat + dog) / Math.SQRT2, 6);
    expect(await score("cat cat dog", 0)).toBeCloseTo((2 * cat + dog) / Math.sqrt(5), 6);
    expect(await score("dog", 1)).toBeCloseTo(Math.log(1 + 0.5 / 3.5) * (1 / (1 + 0.9 * 0.8)), 6);
    expect(await score("fish", 2)).toBeCloseTo(Math.log(1 + 2.5 / 1.5) * (1 / 1.9), 6);
    expect(await score("cat", 2)).toBe(0);
    expect(await score("the of and", 0)).toBe(0);
  });

  test("a passage can score what its words share with the question at their greatest weight, and nothing without", async () => {
    const encoder = await openLexical(65_536);
    const question = await encoder.encodeQuery("cat dog");
    const passages = ["cat", "cats, cats and a dog", "fish", ""];
    const [one, both, none, empty] = await encoder.scoreMax(question, passages);
    expect(one).toBeCloseTo(4 / Math.SQRT2, 5);
    expect(both).toBeCloseTo(8 / Math.SQRT2, 5);
    expect([none, empty]).toEqual([0, 0]);
    const many = Array.from({ length: 100 }, (_, i) => `w${i}`).join(" ");
    expect(await encoder.scoreMax(await encoder.encodeQuery(many), [many])).toEqual([expect.closeTo(24, 4)]);
  });

  test("a term the statistics do not know weighs as the rarest one", async () => {
    const encoder = await openLexical(65_536);
    const statistics = encoder.statistics();
    for (const passage of ["cat", "dog", "fish"]) statistics.add(passage);
    const [known, unknown] = await encoder.encodePassages(["cat", "zebra"], statistics);
    expect(Math.max(...unknown!.map(Math.abs))).toBeCloseTo(Math.max(...known!.map(Math.abs)), 7);
    const [first] = await encoder.encodePassages(["zebra"], encoder.statistics());
    expect(Math.max(...first!.map(Math.abs))).toBeGreaterThan(0);
  });

  test("weights stop at 4 and norms at 24, however rare the terms and long the passage", async () => {
    const encoder = await openLexical();
    const statistics = encoder.statistics();
    for (let i = 0; i < 2000; i++) statistics.add(`common ${i} `.repeat(100));
    const rare = Array.from({ length: 400 }, (_, i) => `rare${i} `.repeat(2)).join("");
    const [one, many] = await encoder.encodePassages(["rare rare rare rare rare rare rare rare", rare], statistics);
    expect(Math.max(...one!.map(Math.abs))).toBe(4);
    expect(Math.hypot(...many!)).toBeCloseTo(encoder.normMax, 4);
    expect(Math.hypot(...many!)).toBeLessThanOrEqual(encoder.normMax);
  });

  test("a bucket shared by several terms keeps the weightiest", async () => {
    const encoder = await openLexical(16);
    const hash = await featureHash(16);
    const first = hash("cat");
    const other = Array.from({ length: 200 }, (_, i) => `w${i}`).find((term) => hash(term).bucket === first.bucket)!;
    const statistics = encoder.statistics();
    for (const passage of [`cat ${other}`, other, other]) statistics.add(passage);
    const [vector] = await encoder.encodePassages([`cat ${other}`], statistics);
    const expected = (first.sign * Math.log(1 + 2.5 / 1.5)) / (1 + 0.9 * (0.6 + (0.4 * 2) / (4 / 3)));
    expect(vector![first.bucket]).toBeCloseTo(expected, 6);
  });

  test("statistics do not depend on the order of passages", async () => {
    const encoder = await openLexical();
    const [a, b] = [encoder.statistics(), encoder.statistics()];
    for (const passage of ["one two", "three", "two four"]) a.add(passage);
    for (const passage of ["two four", "one two", "three"]) b.add(passage);
    expect(a.toBytes()).toEqual(b.toBytes());
  });

  test("refuses foreign statistics and impossible sizes", async () => {
    const encoder = await openLexical();
    const foreign = { passageCount: 0, add: () => {}, toBytes: () => new Uint8Array() };
    await expect(encoder.encodePassages(["x"], foreign)).rejects.toThrow(TypeError);
    for (const dim of [0, 15, 65_537, 100.5, NaN])
      await expect(openLexical(dim)).rejects.toMatchObject({ code: "BAD_OPTION" });
  });
});

describe("feature hash", () => {
  test("is SipHash-2-4, by the reference algorithm", async () => {
    // The paper's example (Aumasson & Bernstein 2012, appendix A) proves the reference below.
    const range = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i);
    expect(sipHash(range(16), range(15))).toBe(0xa129ca6149be45e5n);
    const hash = await featureHash(1000);
    const encode = (value: string): Uint8Array => new TextEncoder().encode(value);
    for (const term of ["cat", "zürich", "a much longer term than one block"]) {
      const digest = sipHash(encode("sotto-lexical-01"), encode(term));
      expect(hash(term)).toEqual({
        bucket: Number((digest & 0xffffffffn) % 1000n),
        sign: digest >> 63n === 0n ? 1 : -1,
      });
    }
  });

  test("spreads terms evenly over buckets and signs", async () => {
    const hash = await featureHash(10);
    const counts = new Array<number>(10).fill(0);
    let signs = 0;
    for (let i = 0; i < 10_000; i++) {
      const { bucket, sign } = hash(`term${i}`);
      counts[bucket]!++;
      signs += sign;
    }
    expect(Math.min(...counts)).toBeGreaterThan(880);
    expect(Math.abs(signs)).toBeLessThan(400);
  });
});

function sipHash(key: Uint8Array, input: Uint8Array): bigint {
  const mask = (1n << 64n) - 1n;
  const rotate = (x: bigint, by: bigint): bigint => ((x << by) | (x >> (64n - by))) & mask;
  const word = (from: Uint8Array, at: number): bigint =>
    new DataView(from.buffer, from.byteOffset).getBigUint64(at, true);
  const [k0, k1] = [word(key, 0), word(key, 8)];
  let [a, b, c, d] = [
    k0 ^ 0x736f6d6570736575n,
    k1 ^ 0x646f72616e646f6dn,
    k0 ^ 0x6c7967656e657261n,
    k1 ^ 0x7465646279746573n,
  ];
  const round = (): void => {
    a = (a + b) & mask;
    b = rotate(b, 13n) ^ a;
    a = rotate(a, 32n);
    c = (c + d) & mask;
    d = rotate(d, 16n) ^ c;
    a = (a + d) & mask;
    d = rotate(d, 21n) ^ a;
    c = (c + b) & mask;
    b = rotate(b, 17n) ^ c;
    c = rotate(c, 32n);
  };
  const padded = new Uint8Array((Math.floor(input.length / 8) + 1) * 8);
  padded.set(input);
  padded[padded.length - 1] = input.length & 255;
  for (let at = 0; at < padded.length; at += 8) {
    const block = word(padded, at);
    d ^= block;
    round();
    round();
    a ^= block;
  }
  c ^= 255n;
  round();
  round();
  round();
  round();
  return a ^ b ^ c ^ d;
}
