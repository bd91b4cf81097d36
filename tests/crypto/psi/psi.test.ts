import { describe, expect, test } from "@jest/globals";
import { ristretto255, ristretto255_hasher } from "@noble/curves/ed25519.js";
import { blake2b } from "@noble/hashes/blake2.js";
import { sha512 } from "@noble/hashes/sha2.js";
import { bytesToHex, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import fc from "fast-check";
import { IntersectingParty, POINT_BYTES, commonPositions, loadRistretto } from "../../../crypto/index.ts";

const ristretto = await loadRistretto();
const secret = new Uint8Array(32).fill(1);
const context = new Uint8Array(32).fill(2);
const partyOf = (ids: readonly string[], more = {}): Promise<IntersectingParty> =>
  IntersectingParty.create({ ids, secret, context, ...more });

/** A scalar, little-endian as libsodium has it, as noble's number. */
const numberOf = (scalar: Uint8Array): bigint => BigInt(`0x${bytesToHex(scalar.toReversed())}`);
const point = (bytes: Uint8Array) => ristretto255.Point.fromBytes(bytes);
const elements = (points: Uint8Array): string[] =>
  Array.from({ length: points.length / POINT_BYTES }, (_, i) =>
    bytesToHex(points.subarray(POINT_BYTES * i, POINT_BYTES * (i + 1))),
  );

describe("ristretto255", () => {
  /** RFC 9496, appendix A.1: multiples 1, 2 and 3 of the generator. */
  const multiples = [
    "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76",
    "6a493210f7499cd17fecb510ae0cea23a110e8d5b901f8acadd3095c73a3b919",
    "94741f5d5d52755ece4f23f044ee27d5d1ea1e2bd196b462166b16152a9d0259",
  ];
  test("multiples of the generator are RFC 9496's", () => {
    const generator = hexToBytes(multiples[0]!);
    const scalar = (n: number): Uint8Array => new Uint8Array(32).with(0, n);
    expect(multiples.map((_, i) => bytesToHex(ristretto.power(generator, scalar(i + 1))))).toEqual(multiples);
  });

  /** RFC 9496, appendix A.3: the first string, which is SHA-512 of a sentence in Hamburg's and de Valence's draft. */
  test("64 bytes become the element of RFC 9496", () => {
    const hash = sha512(utf8ToBytes("Ristretto is traditionally a short shot of espresso coffee"));
    const expected = "3066f82a1a747d45120d1740f14358531a8f04bbffe6a819f86dfe50f44a0a46";
    expect(bytesToHex(ristretto.hashToPoint(hash))).toBe(expected);
  });

  test("agrees with a second implementation", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), (hash) => {
        const scalar = ristretto.randomScalar();
        const theirs = ristretto255_hasher.deriveToCurve!(hash);
        expect(bytesToHex(ristretto.hashToPoint(hash))).toBe(theirs.toHex());
        expect(bytesToHex(ristretto.power(theirs.toBytes(), scalar))).toBe(theirs.multiply(numberOf(scalar)).toHex());
      }),
      { numRuns: 10 },
    );
  });

  const bad: { id: string; bytes: string }[] = [
    { id: "the identity", bytes: "00".repeat(32) },
    // RFC 9496, appendix A.2
    { id: "not canonical", bytes: `00${"ff".repeat(31)}` },
    { id: "the prime", bytes: `ed${"ff".repeat(30)}7f` },
    { id: "negative", bytes: `01${"00".repeat(31)}` },
    { id: "no square", bytes: "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371" },
    { id: "negative xy", bytes: "3eb858e78f5a7254d8c9731174a94f76755fd3941c0ac93735c07ba14579630e" },
    { id: "y is 0", bytes: `ec${"ff".repeat(30)}7f` },
  ];
  test.each(bad)("$id is no element", async ({ bytes }) => {
    const notOne = hexToBytes(bytes);
    expect(ristretto.isPoint(notOne)).toBe(false);
    using party = await partyOf(["a"]);
    const points = new Uint8Array([...party.blind(0, 1), ...notOne]);
    expect(() => party.raise(points)).toThrow(expect.objectContaining({ code: "POINT_INVALID" }));
    expect(() => party.raise(points.subarray(0, 40))).toThrow(expect.objectContaining({ code: "POINT_INVALID" }));
  });
});

describe("a party", () => {
  test("hands out H(x)^k, with H as a second implementation has it", async () => {
    using party = await partyOf(["Zoë", "b"]);
    const other = ristretto.randomScalar();
    const hashed = ["Zo\u00eb", "b"].map((id) =>
      ristretto255_hasher.deriveToCurve!(
        blake2b(new Uint8Array([...utf8ToBytes("sotto private set intersection 1"), ...context, ...utf8ToBytes(id)]), {
          key: secret,
          dkLen: 64,
        }),
      ),
    );
    // k is secret, but raising H(x)^other by k must give what raising H(x)^k by other does.
    const raised = hashed.map((x) => bytesToHex(party.raise(x.multiply(numberOf(other)).toBytes())));
    const blinded = elements(party.blind(0, 2)).map((hex) => point(hexToBytes(hex)).multiply(numberOf(other)).toHex());
    expect(raised.sort()).toEqual(blinded.sort());
  });

  test("has another exponent and another order every time", async () => {
    const ids = Array.from({ length: 20 }, (_, i) => `id ${i}`);
    const [one, two] = [await partyOf(ids), await partyOf(ids)];
    expect(new Set([...elements(one.blind(0, 20)), ...elements(two.blind(0, 20))]).size).toBe(40);
    const order = (party: IntersectingParty): string => party.pick(Uint32Array.from(ids.keys())).join();
    expect(new Set([order(one), order(two), ids.join()]).size).toBe(3);
  });

  test("refuses an id that is there twice", async () => {
    await expect(partyOf(["a", "b", "a"])).rejects.toMatchObject({ code: "IDS_DUPLICATE" });
  });

  test("refuses ranges and positions that are not there", async () => {
    using party = await partyOf(["a", "b"]);
    const invalid = expect.objectContaining({ code: "RANGE_INVALID" });
    expect(() => party.blind(1, 2)).toThrow(invalid);
    expect(() => party.blind(-1, 1)).toThrow(invalid);
    expect(() => party.pick(Uint32Array.of(0, 2))).toThrow(invalid);
    expect(() => party.pick(Uint32Array.of(1, 1))).toThrow(invalid);
    await expect(partyOf(["a"], { secret: new Uint8Array(16) })).rejects.toThrow(TypeError);
  });
});

/** All steps by hand, each set going round from its party. */
async function intersect(sets: readonly (readonly string[])[], more: readonly object[] = []): Promise<string[][]> {
  const parties = await Promise.all(sets.map((ids, i) => partyOf(ids, more[i])));
  const raised = parties.map((owner, i) => {
    const others = [...parties.slice(i + 1), ...parties.slice(0, i)];
    const own = owner.size > 0 ? owner.blind(0, owner.size) : new Uint8Array(0);
    return others.reduce((points, party) => party.raise(points), own);
  });
  return commonPositions(raised).map((positions, i) => parties[i]!.pick(positions));
}

describe("the intersection", () => {
  test("is what all sets hold, in the same order everywhere", async () => {
    const id = fc.constantFrom("a", "b", "c", "d", "e", "f", "g", "h");
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uniqueArray(id), { minLength: 2, maxLength: 4 }), async (sets) => {
        const expected = sets.reduce((common, set) => common.filter((x) => set.includes(x)));
        const found = await intersect(sets);
        expect(found[0]!.toSorted()).toEqual(expected.toSorted());
        for (const ids of found) expect(ids).toEqual(found[0]);
      }),
      { numRuns: 12 },
    );
  });

  test("is empty under another secret or context: what was kept of one alignment says nothing in another", async () => {
    const sets = [
      ["a", "b"],
      ["a", "b"],
    ];
    expect(await intersect(sets, [{}, { secret: new Uint8Array(32).fill(3) }])).toEqual([[], []]);
    expect(await intersect(sets, [{}, { context: new Uint8Array(32).fill(3) }])).toEqual([[], []]);
  });

  test("a set with an element twice is refused", async () => {
    using party = await partyOf(["a", "b"]);
    const points = party.blind(0, 2);
    expect(() => commonPositions([points, new Uint8Array([...points, ...points])])).toThrow(
      expect.objectContaining({ code: "POINTS_REPEATED", message: expect.stringContaining("set number 2") }),
    );
  });
});
