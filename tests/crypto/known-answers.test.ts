import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "@jest/globals";
import { chacha20 } from "@noble/ciphers/chacha.js";
import { blake2b } from "@noble/hashes/blake2.js";
import fc from "fast-check";
import { blockPolynomials, queryPolynomial } from "../../crypto/rlwe/block-layout.ts";
import { MODULUS, RING_DEGREE, ringLayout } from "../../crypto/rlwe/parameters.ts";
import { deriveSeed, publicPolynomial, u32Bytes } from "../../crypto/rlwe/public-randomness.ts";
import { referenceKernels } from "../../crypto/rlwe/reference-kernels.ts";
import { WasmKernels } from "../../crypto/rlwe/wasm-kernels.ts";
import { occupancy } from "../../crypto/scoring.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { loadVectors } from "../vectors/load-vectors.ts";
import { fault, layoutOf, seeded } from "./support.ts";

const fromHex = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

describe.each([
  { id: "WebAssembly", kernels: new WasmKernels({ chunks: 1 }) },
  { id: "TypeScript", kernels: referenceKernels },
])("packing in $id, by hand", ({ kernels }) => {
  test.each([
    // 31 bits: value i begins at bit 31 i, so 1, 1, ..., 2^30 set bits 0, 31 and 247.
    { id: "31 bits", bits: 31, values: [1, 1, 0, 0, 0, 0, 0, 2 ** 30], packed: `01000080${"00".repeat(26)}80` },
    // 14 high bits of 31 are 1, 2, 3, 2^14 - 1: bits 0, 15, 28, 29 and 42 to 55. The 17 low bits are gone.
    {
      id: "14 bits",
      bits: 14,
      values: [2 ** 17, 2 * 2 ** 17 + 131_071, 3 * 2 ** 17, 2 ** 31 - 1],
      packed: "018000" + "3000fcff",
    },
    { id: "8 bits", bits: 8, values: [2 ** 23, 2 ** 23 - 1, 2 ** 31 - 1, 129 * 2 ** 23], packed: "0100ff81" },
    { id: "9 bits", bits: 9, values: [2 ** 22, 0, 0, 0, 0, 0, 0, 2 ** 31 - 1], packed: `01${"00".repeat(6)}80ff` },
  ])("$id", ({ bits, values, packed }) => {
    const cut = { stride: 1, count: values.length, bits };
    expect(toHex(kernels.packBits(Uint32Array.from(values), cut))).toBe(packed);
    const dropped = 2 ** (31 - bits);
    expect([...kernels.unpackBits(fromHex(packed), cut)]).toEqual(
      values.map((value) => Math.floor(value / dropped) * dropped),
    );
  });

  test("every fourth value", () => {
    const values = Uint32Array.from([5, 9, 9, 9, 6, 9, 9, 9, 7, 9, 9, 9, 8, 9, 9, 9], (value) => value * 2 ** 23);
    expect(toHex(kernels.packBits(values, { stride: 4, count: 4, bits: 8 }))).toBe("05060708");
  });
});

test("an occupancy bitmap, by hand: slot i is bit i, least significant first", () => {
  expect(toHex(occupancy(32, [0, 9, 15, 31]))).toBe("01820080");
});

describe("the layout", () => {
  // 20 coordinates in chunks of 8: 8 + 8 + 4 and four of padding. Scales chosen so that the integers can be seen.
  const layout = { ...layoutOf(20, 8), dataScale: 100, queryScale: 1000 };

  test("a row's coordinate jc + k is coefficient rc + c - 1 - k of P_j", () => {
    const vector = Float32Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? i + 1 : -(i + 1)) / 100);
    const polynomials = blockPolynomials([{ slot: 2, vector }], layout);
    const row = polynomials.map((polynomial) => [...polynomial.subarray(16, 24)]);
    const q = MODULUS;
    expect(row).toEqual([
      [q - 8, 7, q - 6, 5, q - 4, 3, q - 2, 1],
      [q - 16, 15, q - 14, 13, q - 12, 11, q - 10, 9],
      [0, 0, 0, 0, q - 20, 19, q - 18, 17],
    ]);
    for (const polynomial of polynomials) {
      polynomial.fill(0, 16, 24);
      expect(polynomial).toEqual(new Uint32Array(RING_DEGREE));
    }
  });

  test("a question's coordinate jc + k is coefficient k of Q_j", () => {
    const embedding = Float32Array.from({ length: 20 }, (_, i) => (i - 10) / 1000);
    const q = MODULUS;
    expect([...queryPolynomial(embedding, 0, layout).subarray(0, 9)]).toEqual([
      q - 10,
      q - 9,
      q - 8,
      q - 7,
      q - 6,
      q - 5,
      q - 4,
      q - 3,
      0,
    ]);
    expect([...queryPolynomial(embedding, 2, layout).subarray(0, 9)]).toEqual([6, 7, 8, 9, 0, 0, 0, 0, 0]);
  });

  test("rounds to the nearest integer", () => {
    const vector = Float32Array.from(
      { length: 20 },
      (_, i) => [0.0149, 0.0151, -0.0149, -0.0151, 0.0049, -0.0049][i] ?? 0,
    );
    expect([...(blockPolynomials([{ slot: 0, vector }], layout)[0]?.subarray(0, 8) ?? [])]).toEqual([
      0,
      0,
      0,
      0,
      MODULUS - 2,
      MODULUS - 1,
      2,
      1,
    ]);
  });

  test.each([8, 16, 32, 64])(
    "coefficient rc + c - 1 of sum_j P_j Q_j is row r's integer inner product, with chunks of %d",
    (chunk) => {
      fc.assert(
        fc.property(fc.integer(), fc.integer({ min: 1, max: 3 * chunk }), (seed, dim) => {
          const ringed = layoutOf(dim, chunk);
          const { dataScale, queryScale, rowsPerBlock, chunks } = ringed;
          const random = seeded(seed);
          const rows = Array.from({ length: rowsPerBlock }, (_, slot) => ({ slot, vector: random.vector(dim) }));
          const question = random.vector(dim);
          const polynomials = blockPolynomials(rows, ringed);

          const sums = new Array<bigint>(RING_DEGREE).fill(0n);
          for (let j = 0; j < chunks; j++)
            addNegacyclicProduct(sums, polynomials[j], queryPolynomial(question, j, ringed).subarray(0, chunk));
          for (const { slot, vector } of rows) {
            const exact = vector.reduce(
              (sum, entry, i) => sum + Math.round(dataScale * entry) * Math.round(queryScale * (question[i] ?? 0)),
              0,
            );
            const expected = ((BigInt(exact) % BigInt(MODULUS)) + BigInt(MODULUS)) % BigInt(MODULUS);
            expect([slot, sums[slot * chunk + chunk - 1]]).toEqual([slot, expected]);
          }
        }),
        { numRuns: 4 },
      );
    },
  );
});

/** Adds a b mod (X^N + 1, q), by the definition. */
function addNegacyclicProduct(sums: bigint[], a: Uint32Array | undefined, b: Uint32Array): void {
  if (!a) throw new Error("no such polynomial");
  const q = BigInt(MODULUS);
  for (const [j, y] of b.entries()) {
    const factor = BigInt(y);
    for (const [i, x] of a.entries()) {
      const at = (i + j) % RING_DEGREE;
      const term = BigInt(x) * factor;
      sums[at] = ((sums[at] ?? 0n) + (i + j < RING_DEGREE ? term : q * q - term)) % q;
    }
  }
}

describe("parameters", () => {
  const good = { dim: 384, chunk: 16, normMax: 1, scoreBits: 14, seed: new Uint8Array(32) };

  test("the layout of 384 coordinates in chunks of 16", () => {
    expect(ringLayout(good)).toMatchObject({
      chunks: 24,
      rowsPerBlock: 128,
      queryBytes: 190_464,
      hintBytes: 7_936,
      scoreBytesPerBlock: 224,
    });
    const { dataScale, queryScale } = ringLayout(good);
    expect(dataScale * queryScale * 2.2).toBeCloseTo(MODULUS, 3);
  });

  test.each([
    { id: "no dimension", change: { dim: 0 } },
    { id: "too many dimensions", change: { dim: 8193 } },
    { id: "half a dimension", change: { dim: 1.5 } },
    { id: "a chunk that is no power of two", change: { chunk: 12 } },
    { id: "a chunk too small", change: { chunk: 4 } },
    { id: "norm 0", change: { normMax: 0 } },
    { id: "a norm that is NaN", change: { normMax: NaN } },
    { id: "an infinite norm", change: { normMax: Infinity } },
    { id: "7 bits", change: { scoreBits: 7 } },
    { id: "32 bits", change: { scoreBits: 32 } },
    { id: "a short seed", change: { seed: new Uint8Array(31) } },
  ])("refuses $id", ({ change }) => {
    expect(() => ringLayout({ ...good, ...change })).toThrow(fault("PARAMETERS_INVALID"));
  });
});

interface Derivations extends Record<string, readonly object[]> {
  deriveSeed: { id: string; key: string; label: string; parts: string[]; seed: string }[];
  publicPolynomial: {
    id: string;
    seed: string;
    chunk: number;
    rejected: number;
    first: number[];
    last: number[];
    blake2b256: string;
  }[];
}

const VECTORS = new URL("../vectors/derivation.json", import.meta.url);
const vectors = loadVectors<Derivations>(VECTORS, ["deriveSeed", "publicPolynomial"]);

/** The derivation once more, on other libraries. */
function deriveSeedWithNoble(key: Uint8Array, label: string, parts: readonly Uint8Array[]): Uint8Array {
  const withLengths = [Buffer.from(label), ...parts].flatMap((part) => {
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(part.length));
    return [length, part];
  });
  return blake2b(Uint8Array.from(Buffer.concat(withLengths)), { key, dkLen: 32 });
}

function publicPolynomialWithNoble(seed: Uint8Array, chunk: number): { residues: Uint32Array; rejected: number } {
  // libsodium's randombytes_buf_deterministic is the ChaCha20 (RFC 8439) key stream under this nonce.
  const nonce = Uint8Array.from(Buffer.from("LibsodiumDRG"));
  const key = deriveSeedWithNoble(seed, "sotto rlwe a", [u32Bytes(chunk), u32Bytes(0)]);
  const stream = Buffer.from(chacha20(key, nonce, new Uint8Array(4 * (RING_DEGREE + 64))));
  const words = Array.from({ length: RING_DEGREE + 64 }, (_, i) => stream.readUInt32LE(4 * i) % 2 ** 31);
  const residues = Uint32Array.from(words.filter((word) => word < MODULUS).slice(0, RING_DEGREE));
  return { residues, rejected: words.slice(0, RING_DEGREE).filter((word) => word >= MODULUS).length };
}

describe("derivations, against two other implementations", () => {
  test.each(vectors.deriveSeed)("deriveSeed: $id", ({ key, label, parts, seed }) => {
    expect(toHex(deriveSeed(fromHex(key), label, ...parts.map(fromHex)))).toBe(seed);
    expect(toHex(deriveSeedWithNoble(fromHex(key), label, parts.map(fromHex)))).toBe(seed);
  });

  test.each(vectors.publicPolynomial)("publicPolynomial: $id", ({ seed, chunk, first, last, rejected, blake2b256 }) => {
    const residues = publicPolynomial(fromHex(seed), chunk);
    expect(publicPolynomialWithNoble(fromHex(seed), chunk)).toEqual({ residues, rejected });
    expect([...residues.subarray(0, 4), ...residues.subarray(-4)]).toEqual([...first, ...last]);
    const bytes = Buffer.alloc(4 * RING_DEGREE);
    for (const [i, residue] of residues.entries()) bytes.writeUInt32LE(residue, 4 * i);
    expect(toHex(blake2b(Uint8Array.from(bytes), { dkLen: 32 }))).toBe(blake2b256);
  });

  test("the vectors hold a polynomial with a rejected word and one without", () => {
    expect(new Set(vectors.publicPolynomial.map(({ rejected }) => rejected > 0))).toEqual(new Set([true, false]));
  });

  test("a file without cases is not loaded", () => {
    using folder = temporaryFolder();
    const path = join(folder.path, "vectors.json");
    for (const content of ["", "{}", '{"origin":"a"}', '{"origin":"a","cases":[]}', '{"cases":[{}]}']) {
      writeFileSync(path, content);
      expect(() => loadVectors(pathToFileURL(path), ["cases"])).toThrow();
    }
    writeFileSync(path, '{"origin":"a","cases":[{}]}');
    expect(loadVectors(pathToFileURL(path), ["cases"])).toEqual({ origin: "a", cases: [{}] });
  });
});
