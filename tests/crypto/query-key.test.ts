import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, jest, test } from "@jest/globals";
import { type BlockDescription, MODULUS, RING_DEGREE } from "../../crypto/index.ts";
import { interleavedIndex } from "../../crypto/rlwe/kernels.ts";
import { multiplyModulo } from "../../crypto/rlwe/ntt-tables.ts";
import { ERROR_STANDARD_DEVIATION, type RingLayout } from "../../crypto/rlwe/parameters.ts";
import { publicPolynomial } from "../../crypto/rlwe/public-randomness.ts";
import { WasmKernels } from "../../crypto/rlwe/wasm-kernels.ts";
import { QueryKey, RlweAsker } from "../../crypto/secret/index.ts";
import { generateSealKey } from "../../crypto/secret/seal.ts";
import { centred, expectSame, fault, layoutOf, mean, rms, seeded } from "./support.ts";

const layout = layoutOf(384, 16);
const kernels = new WasmKernels({ chunks: layout.chunks });
const publicRandomness = Array.from({ length: layout.chunks }, (_, j) => publicPolynomial(layout.seed, j));
const question = seeded(1).vector(layout.dim);
const zero = new Float32Array(layout.dim);

const makeKey = (): Promise<QueryKey> => QueryKey.generate(layout, publicRandomness, kernels, () => nextTurn());

/** A query's chunks in NTT form, as anybody on its way can unpack them. */
function chunksOf(query: Uint8Array): Uint32Array[] {
  const residues = kernels.unpackBits(query, { count: layout.chunks * RING_DEGREE, bits: 31 });
  return Array.from({ length: layout.chunks }, (_, j) =>
    Uint32Array.from({ length: RING_DEGREE }, (__, i) => residues[interleavedIndex(i, j, layout.chunks)] ?? 0),
  );
}

function coefficients(nttForm: Uint32Array): Uint32Array {
  const poly = nttForm.slice();
  kernels.inverseNtt(poly);
  return poly;
}

/**
 * The key's secret, coefficient form, which only its holder can get: reading a zero answer under the hint X^t shows
 * coefficients rc + c - 1 of X^t s, and t < c goes through them all.
 */
function secretOf(
  key: QueryKey,
  { chunk, dataScale, queryScale, rowsPerBlock, scoreBytesPerBlock }: RingLayout,
): Int32Array {
  const secret = new Int32Array(RING_DEGREE);
  for (let t = 0; t < chunk; t++) {
    const monomial = new Uint32Array(RING_DEGREE).with(t, 1);
    kernels.forwardNtt(monomial);
    const hint = kernels.packBits(monomial, { stride: 1, count: RING_DEGREE, bits: 31 });
    const block: BlockDescription = {
      block: 0,
      version: t.toString(),
      occupied: new Uint8Array(rowsPerBlock / 8).fill(255),
      hint,
    };
    const scores = key.read("self", block, new Uint8Array(scoreBytesPerBlock));
    for (const [row, score] of scores.entries())
      secret[row * chunk + chunk - 1 - t] = Math.round(score * dataScale * queryScale);
  }
  return secret;
}

/** e_j = b_j + a_j s of the encryption of a zero question, all chunks, as integers. */
function errorsOf(query: Uint8Array, secret: Int32Array): number[] {
  const s = Uint32Array.from(secret, (value) => (value + MODULUS) % MODULUS);
  kernels.forwardNtt(s);
  return chunksOf(query).flatMap((b, j) => {
    const error = b.map((residue, i) => (residue + multiplyModulo(publicRandomness[j]?.[i] ?? 0, s[i] ?? 0)) % MODULUS);
    return Array.from(coefficients(error), centred);
  });
}

describe("a query key", () => {
  test("encrypts once", async () => {
    using key = await makeKey();
    key.encrypt(question);
    expect(() => key.encrypt(question)).toThrow(fault("KEY_USED"));
    expect(() => key.encrypt(zero)).toThrow(fault("KEY_USED"));
  });

  test("does not encrypt once it is wiped", async () => {
    const key = await makeKey();
    key[Symbol.dispose]();
    expect(key.wiped).toBe(true);
    expect(() => key.encrypt(question)).toThrow(fault("KEY_USED"));
  });

  // SEAL's error is a centred binomial of standard deviation sqrt(10.5) = 3.24. Over 49,152 samples that is measured to 0.32 % and the mean
  // to 0.0146: both limits are more than six times as far away.
  test("has a ternary secret and an error of standard deviation 3.2 in every chunk", async () => {
    using key = await makeKey();
    const query = key.encrypt(zero);
    const secret = secretOf(key, layout);
    const counts = [-1, 0, 1].map((value) => secret.filter((coefficient) => coefficient === value).length);
    expect(counts.reduce((sum, count) => sum + count)).toBe(RING_DEGREE);
    // Chi-square with two degrees of freedom passes 30 once in 3 million keys.
    expect(counts.reduce((sum, count) => sum + (count - RING_DEGREE / 3) ** 2 / (RING_DEGREE / 3), 0)).toBeLessThan(30);

    const errors = errorsOf(query, secret);
    expect(Math.abs(mean(errors))).toBeLessThan(0.1);
    expect(Math.abs(rms(errors) / ERROR_STANDARD_DEVIATION - 1)).toBeLessThan(0.04);
    expect(Math.max(...errors.map(Math.abs))).toBeLessThanOrEqual(21);
    for (let j = 1; j < layout.chunks; j++) {
      expect(errors.slice(j * RING_DEGREE, (j + 1) * RING_DEGREE)).not.toEqual(errors.slice(0, RING_DEGREE));
    }
  });

  test("is another for every question: other bytes, another secret, another error", async () => {
    const asker = new RlweAsker(layout, { poolSize: 2 });
    await asker.ready();
    const asked = [await asker.ask(zero), await asker.ask(zero), await asker.ask(zero)].map(({ query, secrets }) => ({
      query,
      key: secrets as QueryKey,
    }));
    asker.close();
    const secrets = asked.map(({ key }) => secretOf(key, layout).join());
    const errors = asked.map(({ query, key }) => errorsOf(query, secretOf(key, layout)).join());
    for (const each of [asked.map(({ query }) => query.join()), secrets, errors]) expect(new Set(each).size).toBe(3);
    for (const { key } of asked) key[Symbol.dispose]();
  });

  test("is not waited for once the asker is closed", async () => {
    const asker = new RlweAsker(layout);
    asker.close();
    await asker.ready();
  });
});

/**
 * Chi-square of the 256 values of the top byte of 31-bit residues against uniform residues below q. Uniform residues pass 377 once in a
 * million (Wilson and Hilferty's approximation, 255 degrees of freedom).
 */
function chiSquareOfTopByte(residues: Iterable<number>): number {
  const counts = new Array<number>(256).fill(0);
  let total = 0;
  for (const residue of residues) {
    counts[residue >>> 23] = (counts[residue >>> 23] ?? 0) + 1;
    total++;
  }
  const width = (cell: number): number => Math.min(2 ** 23, MODULUS - cell * 2 ** 23);
  return counts.reduce((sum, count, cell) => {
    const expected = (total * width(cell)) / MODULUS;
    return sum + (count - expected) ** 2 / expected;
  }, 0);
}

const UNIFORM_BELOW = 377;

describe("what anybody sees of a query is uniform noise", () => {
  test.each([
    { id: "nothing", embedding: zero },
    { id: "one coordinate", embedding: zero.with(0, 1) },
    { id: "a usual question", embedding: question },
  ])("when it asks $id, in NTT and in coefficient form", async ({ embedding }) => {
    using key = await makeKey();
    const chunks = chunksOf(key.encrypt(embedding));
    expect(chiSquareOfTopByte(chunks.flatMap((chunk) => [...chunk]))).toBeLessThan(UNIFORM_BELOW);
    expect(chiSquareOfTopByte(chunks.flatMap((chunk) => [...coefficients(chunk)]))).toBeLessThan(UNIFORM_BELOW);
  });

  test("so is the difference of two queries, which under one secret would be small", async () => {
    using first = await makeKey();
    using second = await makeKey();
    const [a, b] = [chunksOf(first.encrypt(question)), chunksOf(second.encrypt(question))];
    const difference = a.flatMap((chunk, j) => [
      ...coefficients(chunk.map((residue, i) => (residue + MODULUS - (b[j]?.[i] ?? 0)) % MODULUS)),
    ]);
    expect(chiSquareOfTopByte(difference)).toBeLessThan(UNIFORM_BELOW);
  });

  test("the measure finds what is not", () => {
    const random = seeded(2);
    const small = Array.from({ length: 49_152 }, () => (Math.round(3.2 * random.normal()) + MODULUS) % MODULUS);
    const biased = Array.from({ length: 49_152 }, () =>
      Math.floor(Math.max(random.uniform(), 0.05 * random.uniform()) ** 1.1 * MODULUS),
    );
    for (const residues of [small, biased]) expect(chiSquareOfTopByte(residues)).toBeGreaterThan(UNIFORM_BELOW);
    expect(chiSquareOfTopByte(random.residues(49_152))).toBeLessThan(UNIFORM_BELOW);
  });
});

interface NativeHandle {
  isDeleted(): boolean;
}

/** Every native handle that `body` made. The binding makes each with Object.create on its class's prototype. */
async function nativeHandles(body: () => unknown): Promise<NativeHandle[]> {
  const made: NativeHandle[] = [];
  const create = Object.create.bind(Object) as (prototype: object | null, properties?: PropertyDescriptorMap) => object;
  const spy = jest
    .spyOn(Object, "create")
    .mockImplementation((prototype: object | null, properties?: PropertyDescriptorMap) => {
      const object = properties ? create(prototype, properties) : create(prototype);
      if ("isDeleted" in object) made.push(object as NativeHandle);
      return object;
    });
  try {
    await body();
  } finally {
    spy.mockRestore();
  }
  return made;
}

describe("native handles", () => {
  const leaked = (handles: readonly NativeHandle[]): string[] =>
    handles.filter((handle) => !handle.isDeleted()).map((handle) => handle.constructor.name);

  test("are all freed with the key", async () => {
    const handles = await nativeHandles(() => {
      using key = generateSealKey();
      key.encryptZero();
    });
    expect(handles.length).toBeGreaterThan(3);
    expect(leaked(handles)).toEqual([]);
  });

  test("are all freed when a query key is made, and when making it is broken off", async () => {
    expect(
      leaked(
        await nativeHandles(async () => {
          await makeKey();
        }),
      ),
    ).toEqual([]);
    const brokenOff = QueryKey.generate.bind(QueryKey, layout, publicRandomness, kernels, () =>
      Promise.reject(new Error("enough")),
    );
    const handles = await nativeHandles(() => expect(brokenOff()).rejects.toThrow("enough"));
    expect(handles.length).toBeGreaterThan(3);
    expect(leaked(handles)).toEqual([]);
  });

  test.each([
    ["KeyGenerator", "secretKey"],
    ["SecretKey", "saveToArray"],
    ["Encryptor", "encryptSymmetric"],
  ])("are all freed when %s throws", async (name, method) => {
    const handles = await nativeHandles(() => {
      using key = generateSealKey();
      key.encryptZero();
    });
    const prototype = Object.getPrototypeOf(handles.find((handle) => handle.constructor.name === name)) as Record<
      string,
      () => void
    >;
    const spy = jest.spyOn(prototype, method).mockImplementation(() => {
      throw new Error("native trouble");
    });
    const whenThrowing = await nativeHandles(() => {
      expect(() => {
        using key = generateSealKey();
        key.encryptZero();
      }).toThrow("native trouble");
    });
    spy.mockRestore();
    expect(whenThrowing.length).toBeGreaterThan(0);
    expect(leaked(whenThrowing)).toEqual([]);
  });
});

test("a wiped key's secret is zeroes", () => {
  const key = generateSealKey();
  const { secret } = key;
  key[Symbol.dispose]();
  expectSame(secret, new Uint32Array(RING_DEGREE));
});

test("nothing of a key is left in the kernels' memory when it is wiped", async () => {
  const { Memory } = WebAssembly;
  const memories: WebAssembly.Memory[] = [];
  const spy = jest.spyOn(WebAssembly, "Memory").mockImplementation((descriptor) => {
    const memory = new Memory(descriptor);
    memories.push(memory);
    return memory;
  });
  const own = new WasmKernels({ chunks: layout.chunks });
  spy.mockRestore();
  const bytes = (): Uint8Array => new Uint8Array(memories[0]!.buffer).slice();
  const before = bytes();
  const key = await QueryKey.generate(layout, publicRandomness, own, () => nextTurn());
  key.encrypt(new Float32Array(layout.dim).fill(0.01));
  expect(Buffer.compare(bytes(), before)).not.toBe(0);
  key[Symbol.dispose]();
  expect(Buffer.compare(bytes(), before)).toBe(0);
});
