import { describe, expect, test } from "@jest/globals";
import { chacha20 } from "@noble/ciphers/chacha.js";
import { ed25519, x25519 } from "@noble/curves/ed25519.js";
import { blake2b } from "@noble/hashes/blake2.js";
import fc from "fast-check";
import {
  MODULUS,
  SHARE_CHECKS,
  addResidues,
  readResidues,
  residueBytes,
  shareChecks,
  sodium,
} from "../../crypto/index.ts";
import { uniformResidues } from "../../crypto/rlwe/share.ts";
import { maskShare, pairwiseKey, seedMask } from "../../crypto/secret/index.ts";
import { expectSame, seeded } from "../crypto/support.ts";

const federationId = new Uint8Array(32).fill(9);
const queryHash = new Uint8Array(32).fill(5);
const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));

/** An identity from a seed, in libsodium's form. */
function identity(name: string, seed: number) {
  const { publicKey, privateKey } = sodium.crypto_sign_seed_keypair(new Uint8Array(32).fill(seed));
  return { name, secretKey: privateKey, publicKey };
}

/** {@link deriveSeed} in noble. */
function derive(key: Uint8Array, label: string, ...parts: readonly Uint8Array[]): Uint8Array {
  const hash = blake2b.create({ dkLen: 32, key });
  for (const part of [bytesOf(label), ...parts]) {
    const length = new Uint8Array(8);
    new DataView(length.buffer).setBigUint64(0, BigInt(part.length), true);
    hash.update(length).update(part);
  }
  return hash.digest();
}

/** Residues as the docstrings say, in noble. */
function uniform(seed: Uint8Array, count: number): number[] {
  const out: number[] = [];
  for (let counter = 0; out.length < count; counter++) {
    const number = Uint8Array.of(counter & 255, counter >> 8, 0, 0);
    const key = derive(seed, "sotto uniform residues", number);
    const stream = Buffer.from(chacha20(key, bytesOf("LibsodiumDRG"), new Uint8Array(8192 * 4)));
    for (let i = 0; i < stream.length && out.length < count; i += 4) {
      const word = stream.readUInt32LE(i) % 2 ** 31;
      if (word < MODULUS) out.push(word);
    }
  }
  return out;
}

// From this code, checked by the implementation in noble below: what a party of this version shares with one of the next.
const KNOWN_KEY = "8b2db4acb0c4a7840fc629d841ce9b3095cd3d3ea4c7e17a2b5df01d535e11f1";
const KNOWN_RESIDUES = [1_846_312_771, 432_137_352, 1_470_925_232, 1_079_147_076];

describe("masks, against a second implementation in noble", () => {
  const [lab, ward] = [identity("lab", 1), identity("ward", 2)];
  /** More than one segment, so that words that are rejected and counters are passed. */
  const COUNT = 20_000;

  test("a pair's key, from both sides", () => {
    const secret = ed25519.utils.toMontgomerySecret(new Uint8Array(32).fill(1));
    const shared = x25519.getSharedSecret(secret, ed25519.utils.toMontgomery(ward.publicKey));
    const key = derive(shared, "sotto pairwise key", federationId, bytesOf("lab"), bytesOf("ward"));
    expect(pairwiseKey({ federationId, identity: lab, peer: ward })).toEqual({ key, adds: true });
    expect(pairwiseKey({ federationId, identity: ward, peer: lab })).toEqual({ key, adds: false });
  });

  test("a masked share", () => {
    const maskSeed = new Uint8Array(32).fill(3);
    const pair = pairwiseKey({ federationId, identity: lab, peer: ward });
    const values = seeded(1).residues(COUNT);
    const pairs = uniform(derive(pair.key, "sotto pairwise mask", queryHash), COUNT);
    const own = uniform(derive(maskSeed, "sotto seed mask", queryHash), COUNT);
    for (const adds of [true, false]) {
      const share = values.slice();
      maskShare(share, { pairwise: [{ ...pair, adds }], maskSeed, queryHash });
      const sign = adds ? 1 : -1;
      expectSame(
        share,
        values.map((value, i) => (value + own[i]! + sign * pairs[i]! + MODULUS) % MODULUS),
      );
    }
  });

  test("the first residues under fixed keys", () => {
    const pair = pairwiseKey({ federationId, identity: lab, peer: ward });
    expect(Buffer.from(pair.key).toString("hex")).toBe(KNOWN_KEY);
    expect([...uniformResidues(pair.key, 4)]).toEqual(KNOWN_RESIDUES);
    expect(uniform(pair.key, 4)).toEqual(KNOWN_RESIDUES);
  });

  test("words that are not below the modulus are passed over", () => {
    // Word 1,136 under this seed is one of the 94,207 of 2^31 that are not.
    const seed = new Uint8Array(32);
    expectSame(uniformResidues(seed, 9000), Uint32Array.from(uniform(seed, 9000)));
    const key = derive(seed, "sotto uniform residues", new Uint8Array(4));
    const stream = Buffer.from(chacha20(key, bytesOf("LibsodiumDRG"), new Uint8Array(8192 * 4)));
    expect(stream.readUInt32LE(4 * 1136) % 2 ** 31).toBeGreaterThanOrEqual(MODULUS);
  });

  test("another federation, peer, or query gives another mask", () => {
    const key = (options: Partial<Parameters<typeof pairwiseKey>[0]>): string =>
      sodium.to_hex(pairwiseKey({ federationId, identity: lab, peer: ward, ...options }).key);
    const keys = [key({}), key({ federationId: new Uint8Array(32) }), key({ peer: identity("yard", 3) })];
    const maskOf = (hash: number): string =>
      sodium.to_hex(residueBytes(seedMask(new Uint8Array(32), new Uint8Array(32).fill(hash), 4)));
    expect(new Set([...keys, maskOf(1), maskOf(2)]).size).toBe(5);
  });
});

test("masks of 2 to 8 parties cancel in the sum of all, and of no fewer", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 8 }),
      fc.integer({ min: 1, max: 70 }),
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.integer({ min: 0, max: 1e6 }),
      (count, length, hash, seed) => {
        const parties = Array.from({ length: count }, (_, i) => identity(`party-${String(i)}`, (seed + i) % 251));
        const random = seeded(seed);
        const values = parties.map(() => random.residues(length));
        const maskSeeds = parties.map(() => sodium.randombytes_buf(32));
        const shares = parties.map((own, i) => {
          const pairwise = parties
            .filter((peer) => peer !== own)
            .map((peer) => pairwiseKey({ federationId, identity: own, peer }));
          const share = values[i]!.slice();
          maskShare(share, { pairwise, maskSeed: maskSeeds[i]!, queryHash: hash });
          return share;
        });
        const add = (all: readonly Uint32Array[]): Uint32Array => {
          const sum = new Uint32Array(length);
          for (const one of all) addResidues(sum, one);
          return sum;
        };
        const seeds = maskSeeds.map((maskSeed) => seedMask(maskSeed, hash, length));
        expectSame(add(shares), add([...values, ...seeds]));
        // Without the last share the sum is off by its masks with the others; with two parties of one residue that may happen to be nothing.
        const fewer = add(shares.slice(1));
        if (length > 4)
          expect(
            Buffer.compare(
              residueBytes(fewer),
              residueBytes(add([...values, ...seeds].filter((_, i) => i !== 0 && i !== count))),
            ),
          ).not.toBe(0);
      },
    ),
    { numRuns: 25 },
  );
});

describe("checks", () => {
  const key = new Uint8Array(32).fill(7);

  test("of shares add up to those of their sum, exactly as big integers give them", () => {
    const random = seeded(3);
    const [a, b] = [random.residues(1000), random.residues(1000)];
    const sum = a.slice();
    addResidues(sum, b);
    const checks = shareChecks(key, a);
    addResidues(checks, shareChecks(key, b));
    expectSame(checks, shareChecks(key, sum));
    const vector = uniform(derive(key, "sotto share check", Uint8Array.of(0, 0, 0, 0)), 1000);
    const exact = vector.reduce((total, entry, i) => total + BigInt(entry) * BigInt(sum[i]!), 0n) % BigInt(MODULUS);
    expect(checks[0]).toBe(Number(exact));
    expect(checks).toHaveLength(SHARE_CHECKS);
  });

  test("are exact for the largest residues", () => {
    const largest = new Uint32Array(100).fill(MODULUS - 1);
    const vector = uniform(derive(key, "sotto share check", Uint8Array.of(1, 0, 0, 0)), 100);
    const exact = vector.reduce((total, entry) => total + BigInt(entry) * BigInt(MODULUS - 1), 0n) % BigInt(MODULUS);
    expect(shareChecks(key, largest)[1]).toBe(Number(exact));
  });

  test("change with any one residue", () => {
    const values = seeded(4).residues(64);
    for (let i = 0; i < values.length; i++) {
      const changed = values.slice();
      changed[i] = (changed[i]! + 1) % MODULUS;
      expect([...shareChecks(key, changed)]).not.toEqual([...shareChecks(key, values)]);
    }
  });
});

test("residues are read as they were written, and not when one is too large or bytes are missing", () => {
  const residues = Uint32Array.of(0, 1, MODULUS - 1);
  expectSame(readResidues(residueBytes(residues)) ?? new Uint32Array(0), residues);
  expect(readResidues(residueBytes(Uint32Array.of(5, MODULUS)))).toBeNull();
  expect(readResidues(residueBytes(Uint32Array.of(2 ** 32 - 1)))).toBeNull();
  expect(readResidues(new Uint8Array(7))).toBeNull();
});
