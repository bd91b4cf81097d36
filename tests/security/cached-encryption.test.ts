import { expect, test } from "@jest/globals";
import { cachedEncryption } from "../../simulations/security/ciphertexts/cached-encryption.ts";
import { cachedFrom, divideOut, recoveredShare } from "../../simulations/security/ciphertexts/division.ts";
import { MultiplicativeCaching } from "../../simulations/security/ciphertexts/multiplicative-caching.ts";
import { seeded } from "../crypto/support.ts";
import { toyLab } from "./toy-lab.ts";

const random = seeded(3);
const embedding = random.vector(64);

test.each([0.1, 3.2])("multiplicative caching decrypts at a noise of %d", (deviation) => {
  using scheme = new MultiplicativeCaching(random.uniform);
  expect(recoveredShare(embedding, scheme.encrypt(embedding, deviation).decrypted)).toBe(1);
});

test("noise stops division of one part, and cancels in the sum of both", () => {
  using scheme = new MultiplicativeCaching(random.uniform);
  const { sent } = scheme.encrypt(embedding, 3.2);
  expect(recoveredShare(embedding, divideOut(scheme, scheme.cached, sent, "second part"))).toBeLessThan(0.1);
  expect(recoveredShare(embedding, divideOut(scheme, scheme.cached, sent, "sum of parts"))).toBe(1);
});

test("one known question gives the cached ciphertext, and another scheme's gives nothing", () => {
  using scheme = new MultiplicativeCaching(random.uniform);
  using other = new MultiplicativeCaching(random.uniform);
  const known = random.vector(64);
  const { sent } = scheme.encrypt(embedding, 0.1);
  const guessed = cachedFrom(scheme, scheme.encrypt(known, 0.1).sent, known);
  expect(recoveredShare(embedding, divideOut(scheme, guessed, sent, "second part"))).toBe(1);
  expect(recoveredShare(embedding, divideOut(scheme, other.cached, sent, "second part"))).toBeLessThan(0.1);
});

test("zero is no guess of a sparse embedding", () => {
  expect(recoveredShare(new Float32Array(64).with(2, 1), new Float32Array(64))).toBe(0);
});

test("literal caching falls, single-use keys do not, and a key used twice would", async () => {
  await using lab = toyLab("cached-encryption", { encoders: ["lexical:64"] });
  const { findings } = await cachedEncryption.run(lab);
  const values = new Map(findings.map(({ setting, metric, value }) => [`${setting}: ${metric}`, value]));
  const of = (start: string): number[] => [...values].filter(([name]) => name.startsWith(start)).map(([, v]) => v);
  expect(Math.min(...of("literal FRAG"))).toBeGreaterThan(0.99);
  expect(of("ours, key used twice")[0]).toBeGreaterThan(0.999);
  const [share, cosine, performed] = of("ours: single-use keys");
  expect(share).toBeLessThan(0.01);
  // Some fifteen differences in 64 dimensions: 0.2 is six standard errors of their mean.
  expect(Math.abs(cosine!)).toBeLessThan(0.2);
  expect(performed).toBe(0);
});
