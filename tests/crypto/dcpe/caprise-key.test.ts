import { describe, expect, test } from "@jest/globals";
import { CapriseKey, type CapriseParameters, innerProductOfDistance } from "../../../crypto/index.ts";
import { fault, innerProduct, seeded } from "../support.ts";
import { KS_LIMIT, distance, euclidean, kolmogorovSmirnov } from "./statistics.ts";

const secret = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const PLAIN: CapriseParameters = { dim: 24, scale: 3, beta: 0.2 };
const VARIANTS: readonly { id: string; parameters: CapriseParameters }[] = [
  { id: "plain", parameters: PLAIN },
  { id: "rotated", parameters: { ...PLAIN, rotation: true } },
  { id: "lifted", parameters: { ...PLAIN, normMax: 5 } },
  { id: "lifted and rotated", parameters: { ...PLAIN, normMax: 5, rotation: true } },
  { id: "lifted and rotated, one dimension", parameters: { dim: 1, scale: 0.5, beta: 1, normMax: 5, rotation: true } },
  { id: "of the size of an encoder", parameters: { dim: 768, scale: 100, beta: 0.05, normMax: 1, rotation: true } },
];

/** Vectors of norms up to normMax. */
function vectorsFor({ dim, normMax = 5 }: CapriseParameters, count: number): Float32Array[] {
  const random = seeded(dim);
  return Array.from({ length: count }, (_, i) => random.vector(dim, (normMax * (i + 1)) / count));
}

/** Stored noise as an attacker without a key never sees it: c - s m, for keys that neither rotate nor lift. */
function noiseOf(key: CapriseKey, rowId: string, version: number, vector: Float32Array, scale: number): number[] {
  return Array.from(key.encryptStored(rowId, version, vector), (c, i) => c - scale * (vector[i] ?? NaN));
}

describe.each(VARIANTS)("a key, $id", ({ parameters }) => {
  const key = new CapriseKey(secret(1), parameters);
  const vectors = vectorsFor(parameters, 40);
  const rows = vectors.map((vector, i) => ({ rowId: `row ${i}`, version: i % 3, vector }));

  test("decrypts what it encrypted to 2^-23 of norm and beta", () => {
    for (const { rowId, version, vector } of rows) {
      const sealed = key.encryptStored(rowId, version, vector);
      expect(sealed).toHaveLength(key.ciphertextDim);
      const error = distance(key.decryptStored(rowId, version, sealed), vector);
      expect(error).toBeLessThan(2 ** -23 * (1.001 * (parameters.normMax ?? 5) + parameters.beta));
    }
  });

  test("gives in batches what it gives one by one, in any order", () => {
    const sealed = new Float32Array(rows.length * key.ciphertextDim);
    key.encryptStoredInto(sealed, rows.toReversed());
    expect(sealed).toEqual(
      Float32Array.from(
        rows.toReversed().flatMap(({ rowId, version, vector }) => [...key.encryptStored(rowId, version, vector)]),
      ),
    );
    const opened = new Float32Array(rows.length * parameters.dim);
    key.decryptStoredInto(opened, rows.toReversed(), sealed);
    const one = key.decryptStored("row 39", 0, sealed.slice(0, key.ciphertextDim));
    expect([...opened.subarray(0, parameters.dim)]).toEqual([...one]);
    expect(
      distance(
        opened,
        vectors.toReversed().flatMap((vector) => [...vector]),
      ),
    ).toBeLessThan(1e-5);
  });

  test("leaves vectors as they were", () => {
    const [vector] = vectorsFor(parameters, 1);
    const before = vector?.slice();
    key.encryptStored("a", 1, vector ?? new Float32Array());
    key.encryptQuery(vector ?? new Float32Array(), { epsilon: 3 });
    expect(vector).toEqual(before);
  });

  test("encrypts a query so that distances to rows are off by at most beta / 2", () => {
    const query = seeded(5).vector(parameters.dim, 1);
    for (const { rowId, version, vector } of rows) {
      const apart = distance(key.encryptQuery(query), key.encryptStored(rowId, version, vector)) / parameters.scale;
      const { normMax } = parameters;
      const truth =
        normMax === undefined
          ? distance(query, vector)
          : Math.sqrt(1 + (normMax * 1.0002) ** 2 - 2 * innerProduct(query, vector));
      expect(Math.abs(apart - truth)).toBeLessThan(parameters.beta / 2 + 1e-5);
    }
  });
});

describe("row noise", () => {
  const key = new CapriseKey(secret(1), PLAIN);
  const [vector] = vectorsFor(PLAIN, 1) as [Float32Array];

  test("is in its ball of 3/8 s beta, and uniform there", () => {
    const radius = (3 / 8) * 3 * 0.2;
    // 2^-24 of s ||m|| for the rounding of the ciphertext.
    const noises = Array.from({ length: 3_000 }, (_, i) => euclidean(noiseOf(key, "row", i, vector, 3)));
    expect(Math.max(...noises)).toBeLessThan(radius + 2 ** -24 * 3 * 5.1);
    expect(
      kolmogorovSmirnov(
        noises.map((norm) => (norm / radius) ** 24),
        (volume) => volume,
      ),
    ).toBeLessThan(KS_LIMIT);
  });

  test("is the same for the same row and version, and encrypting again shows nothing new", () => {
    expect(key.encryptStored("a", 1, vector)).toEqual(key.encryptStored("a", 1, vector));
    expect(new CapriseKey(secret(1), PLAIN).encryptStored("a", 1, vector)).toEqual(key.encryptStored("a", 1, vector));
  });

  test("is shared by no two of many rows, versions, keys and parameters", () => {
    const ids = ["a", "b", "aa", "A", "a\0", " a", "1", "11", "é", "e\u0301", "a".repeat(1024)];
    const versions = [0, 1, 11, 255, 256, 2 ** 32, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER];
    const keys = [key, new CapriseKey(secret(2), PLAIN)];
    const seen = new Set(
      keys.flatMap((k) => ids.flatMap((id) => versions.map((version) => String(k.encryptStored(id, version, vector))))),
    );
    expect(seen.size).toBe(keys.length * ids.length * versions.length);
  });

  test("is another direction when only the scale, beta, rotation or normMax differ", () => {
    const zero = new Float32Array(24);
    const direction = (parameters: CapriseParameters): number[] => {
      const sealed = [...new CapriseKey(secret(1), parameters).encryptStored("a", 1, zero)].slice(0, 24);
      return sealed.map((x) => x / euclidean(sealed));
    };
    const others = [{ scale: 3.5 }, { beta: 0.21 }, { rotation: true }, { normMax: 5 }, { normMax: 5, rotation: true }];
    const all = [PLAIN, ...others.map((other) => ({ ...PLAIN, ...other }))].map(direction);
    for (const [i, a] of all.entries()) for (const b of all.slice(0, i)) expect(distance(a, b)).toBeGreaterThan(0.1);
  });

  test("of different keys is unrelated", () => {
    const wide = { ...PLAIN, dim: 768 };
    const [row] = vectorsFor(wide, 1) as [Float32Array];
    const noises = Array.from({ length: 20 }, (_, i) => noiseOf(new CapriseKey(secret(i), wide), "a", 1, row, 3));
    for (const [i, a] of noises.entries())
      for (const b of noises.slice(0, i)) {
        const cosine = innerProduct(a as never, b as never) / (euclidean(a) * euclidean(b));
        // Deviation 1 / root 768: six of it are exceeded with probability 2e-9, in 190 pairs with 4e-7.
        expect(Math.abs(cosine)).toBeLessThan(6 / Math.sqrt(768));
      }
  });

  test("does not come off with another row, version or key", () => {
    const sealed = key.encryptStored("a", 1, vector);
    const opened = [
      key.decryptStored("b", 1, sealed),
      key.decryptStored("a", 2, sealed),
      new CapriseKey(secret(2), PLAIN).decryptStored("a", 1, sealed),
    ];
    for (const wrong of opened) expect(distance(wrong, vector)).toBeGreaterThan(0.2 * 0.1);
  });
});

describe("the order of distances", () => {
  const line = new CapriseKey(secret(4), { dim: 1, scale: 2, beta: 0.1 });
  const at = (x: number): Float32Array => Float32Array.of(x);
  const stored = (id: string, x: number): number => line.encryptStored(id, 1, at(x))[0] ?? NaN;
  const trials = Array.from({ length: 3_000 }, (_, i) => i);

  test("from a query is kept across a gap above beta, by every row and query tried", () => {
    for (const i of trials) {
      const query = line.encryptQuery(at(0))[0] ?? NaN;
      expect(Math.abs(query - stored(`x${i}`, 1))).toBeLessThan(Math.abs(query - stored(`y${i}`, -1.1001)));
    }
  });

  test("between rows flips for some rows across a gap of 1.2 beta: nothing promises it", () => {
    const flipped = trials.filter((i) => {
      const anchor = stored(`anchor ${i}`, 0);
      return Math.abs(anchor - stored(`x${i}`, 1)) > Math.abs(anchor - stored(`y${i}`, -1.12));
    });
    expect(flipped.length).toBeGreaterThan(0);
  });

  test("between rows is kept across a gap of 3/2 beta, whatever CAPRISE is said to hide", () => {
    for (const i of trials) {
      const anchor = stored(`anchor ${i}`, 0);
      expect(Math.abs(anchor - stored(`x${i}`, 1))).toBeLessThan(Math.abs(anchor - stored(`y${i}`, -1.1501)));
    }
  });
});

describe("a query", () => {
  const [vector] = vectorsFor(PLAIN, 1) as [Float32Array];
  const key = new CapriseKey(secret(1), PLAIN);
  const noiseNorm = (options?: { epsilon: number }): number =>
    distance(
      Array.from(key.encryptQuery(vector, options), (c) => c / 3),
      vector,
    );

  test("is encrypted anew every time", () => {
    const seen = new Set(Array.from({ length: 50 }, () => String(key.encryptQuery(vector))));
    expect(seen.size).toBe(50);
  });

  test("without epsilon has noise of at most 1/8 beta", () => {
    const norms = Array.from({ length: 300 }, () => noiseNorm());
    expect(Math.max(...norms)).toBeLessThan(0.2 / 8 + 1e-6);
    // In 24 dimensions the radius is below a third of the ball's with probability 4e-12.
    expect(Math.min(...norms)).toBeGreaterThan(0.2 / 24);
  });

  test("with epsilon has DistanceDP's noise of mean dim / epsilon besides", () => {
    const norms = Array.from({ length: 400 }, () => noiseNorm({ epsilon: 2 }));
    // Mean 12, deviation root 24 / 2 = 2.45, of the mean 0.12; six of them.
    expect(norms.reduce((sum, x) => sum + x, 0) / 400).toBeGreaterThan(12 - 0.75);
    expect(norms.reduce((sum, x) => sum + x, 0) / 400).toBeLessThan(12 + 0.75);
  });

  test("is finite with the largest noise there is", () => {
    const wide = new CapriseKey(secret(1), { dim: 4096, scale: 1e6, beta: 1 });
    expect(euclidean(wide.encryptQuery(new Float32Array(4096), { epsilon: 1e-6 })) ** 2).toBeLessThan(3e38);
  });

  test("that is lifted has no noise of DistanceDP in the added coordinate", () => {
    const lifting = new CapriseKey(secret(1), { ...PLAIN, normMax: 5 });
    for (let i = 0; i < 50; i++)
      expect(Math.abs(lifting.encryptQuery(vector, { epsilon: 0.001 })[24] ?? NaN)).toBeLessThanOrEqual((3 * 0.2) / 8);
  });

  test("gives inner products back from distances", () => {
    const parameters = { ...PLAIN, beta: 0.001, normMax: 5 };
    const lifting = new CapriseKey(secret(1), parameters);
    const rows = vectorsFor(PLAIN, 20);
    for (const row of rows) {
      const apart = distance(lifting.encryptQuery(vector), lifting.encryptStored("a", 1, row)) / 3;
      const product = innerProductOfDistance(apart, { normMax: 5, queryNorm: euclidean(vector) });
      expect(Math.abs(product - innerProduct(vector, row))).toBeLessThan(0.0005 * 11);
    }
  });
});

describe("refused", () => {
  const key = new CapriseKey(secret(1), { ...PLAIN, normMax: 5 });
  const good = seeded(1).vector(24, 2);
  const with0 = (value: number): Float32Array => good.map((x, i) => (i === 3 ? value : x));
  const invalid = fault("PARAMETERS_INVALID");

  test.each([
    { id: "beta 0", change: { beta: 0 } },
    { id: "beta below 0", change: { beta: -0.1 } },
    { id: "beta NaN", change: { beta: NaN } },
    { id: "beta infinite", change: { beta: Infinity } },
    { id: "beta as text", change: { beta: "0.1" } },
    { id: "beta that float32 would round away", change: { beta: 1e-9 } },
    { id: "beta that float32 would round away beside the norms", change: { beta: 1e-3, normMax: 1e4 } },
    { id: "scale 0", change: { scale: 0 } },
    { id: "scale below 0", change: { scale: -1 } },
    { id: "scale NaN", change: { scale: NaN } },
    { id: "dim 0", change: { dim: 0 } },
    { id: "half a dim", change: { dim: 1.5 } },
    { id: "dim too large", change: { dim: 65_537 } },
    { id: "normMax 0", change: { normMax: 0 } },
    { id: "normMax NaN", change: { normMax: NaN } },
    { id: "rotation as text", change: { rotation: "no" } },
  ])("parameters: $id", ({ change }) => {
    expect(() => new CapriseKey(secret(1), { ...PLAIN, ...change } as CapriseParameters)).toThrow(invalid);
  });

  test("an unknown parameter, a short secret", () => {
    expect(() => new CapriseKey(secret(1), { ...PLAIN, rotate: true } as CapriseParameters)).toThrow(TypeError);
    expect(() => new CapriseKey(new Uint8Array(31), PLAIN)).toThrow(TypeError);
  });

  test.each([0, -1, 1e-300, NaN, Infinity, "1", undefined, null])(
    "epsilon %p: the noise is never left out in silence",
    (epsilon) => {
      expect(() => key.encryptQuery(good, { epsilon } as { epsilon: number })).toThrow(invalid);
    },
  );

  test("an unknown query option", () => {
    expect(() => key.encryptQuery(good, { epsilom: 1 } as object)).toThrow(TypeError);
  });

  test.each([
    { id: "too short", vector: good.subarray(1) },
    { id: "too long", vector: new Float32Array(25) },
    { id: "not a number", vector: with0(NaN) },
    { id: "infinite", vector: with0(-Infinity) },
    { id: "longer than normMax", vector: good.map((x) => 2.51 * x), isFineAsQuery: true },
    { id: "longer than anything", vector: good.map((x) => 1e6 * x) },
  ])("a vector $id", ({ vector, isFineAsQuery }) => {
    expect(() => key.encryptStored("a", 1, vector)).toThrow(fault("ROW_INVALID"));
    if (isFineAsQuery) key.encryptQuery(vector);
    else expect(() => key.encryptQuery(vector)).toThrow(fault("EMBEDDING_INVALID"));
  });

  test("what a fault says holds no number of the vector", () => {
    expect(() => key.encryptStored("a", 1, with0(98_765))).toThrow(/^(?!.*98765)/);
  });

  test.each([
    { id: "no row id", rowId: "", version: 1 },
    { id: "a row id too long", rowId: "é".repeat(513), version: 1 },
    { id: "half a character", rowId: "a\ud800", version: 1 },
    { id: "a version below 0", rowId: "a", version: -1 },
    { id: "half a version", rowId: "a", version: 0.5 },
    { id: "a version past 2^53", rowId: "a", version: 2 ** 53 },
  ])("$id", ({ rowId, version }) => {
    expect(() => key.encryptStored(rowId, version, good)).toThrow(TypeError);
    expect(() => key.decryptStored(rowId, version, new Float32Array(25))).toThrow(TypeError);
  });

  test("a ciphertext of another length, or with an entry that is no number or too large to have been one", () => {
    const sealed = key.encryptStored("a", 1, good);
    const malformed = fault("CIPHERTEXT_MALFORMED") as Error;
    expect(() => key.decryptStored("a", 1, sealed.subarray(1))).toThrow(malformed);
    const tiny = new CapriseKey(secret(1), { ...PLAIN, scale: 1e-6, normMax: 5 });
    for (const value of [NaN, Infinity]) {
      sealed[7] = value;
      expect(() => key.decryptStored("a", 1, sealed)).toThrow(malformed);
    }
    sealed[7] = 3e38;
    expect(() => tiny.decryptStored("a", 1, sealed)).toThrow(malformed);
  });

  test("batches whose arrays do not fit", () => {
    const rows = [{ rowId: "a", version: 1, vector: good }];
    expect(() => key.encryptStoredInto(new Float32Array(24), rows)).toThrow(TypeError);
    expect(() => key.decryptStoredInto(new Float32Array(25), rows, new Float32Array(25))).toThrow(TypeError);
    expect(() => key.decryptStoredInto(new Float32Array(24), rows, new Float32Array(24))).toThrow(TypeError);
  });

  test("everything once wiped", () => {
    const wiped = new CapriseKey(secret(1), { ...PLAIN, rotation: true });
    wiped[Symbol.dispose]();
    expect(() => wiped.encryptStored("a", 1, good)).toThrow(TypeError);
    expect(() => wiped.encryptQuery(good)).toThrow(TypeError);
    expect(() => wiped.decryptStored("a", 1, good)).toThrow(TypeError);
  });
});
