import { afterAll, describe, expect, test } from "@jest/globals";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openEncoder } from "../../party-node/encoders/index.ts";
import {
  type PassageHolder,
  bitBalance,
  measureCodes,
  measureDuplicates,
  readNpy,
  shareOfWords,
} from "../../simulations/codes/index.ts";
import { seededRandom } from "../../simulations/seeded-random.ts";
import { matrixOf } from "../../simulations/sealing/matrix.ts";
import { fault, seeded } from "../crypto/support.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const { signal } = new AbortController();
const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

test("bit balance, by hand", () => {
  // Bit 0 is set in all, bit 1 in half, bit 2 in a quarter, bits 3 to 7 in none.
  const codes = [0b011, 0b001, 0b111, 0b001].map((byte) => Uint8Array.of(byte));
  expect(bitBalance(codes)).toEqual({ balanced: 1 / 8, worst: 0.5, rows: 4 });
});

test("words in common, by hand", () => {
  expect(shareOfWords("The cat, the DOG", "dog: the cat!")).toBe(1);
  expect(shareOfWords("a b c", "b c d")).toBe(0.5);
  expect(shareOfWords("...", "?")).toBe(1);
});

describe("NumPy files", () => {
  const save = (name: string, descr: string, shape: string, data: Float32Array): string => {
    const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`.padEnd(117) + "\n";
    const start = Buffer.from(`\x93NUMPY\x01\x00${String.fromCharCode(header.length, 0)}`, "latin1");
    const path = join(folder.path, name);
    writeFileSync(path, Buffer.concat([start, Buffer.from(header, "latin1"), Buffer.from(data.buffer)]));
    return path;
  };
  const data = Float32Array.of(1, 2, 3, 4, 5, 6);

  test("are read", () => {
    expect(readNpy(save("a.npy", "<f4", "(2, 3)", data))).toEqual({ data, rows: 2, width: 3 });
  });

  test.each([
    { id: "of doubles", descr: "<f8", shape: "(2, 3)" },
    { id: "of another shape", descr: "<f4", shape: "(6,)" },
    { id: "cut off", descr: "<f4", shape: "(3, 3)" },
  ])("$id are refused", ({ descr, shape }) => {
    expect(() => readNpy(save("b.npy", descr, shape, data))).toThrow(fault("NPY_MALFORMED"));
  });

  test("that are none are refused", () => {
    writeFileSync(join(folder.path, "c.npy"), "no numbers at all");
    expect(() => readNpy(join(folder.path, "c.npy"))).toThrow(fault("NPY_MALFORMED"));
  });

  const minilm = join(import.meta.dirname, "../../../shared/data/vectors/cranfield-minilm-384.npy");
  (existsSync(minilm) ? test : test.skip)("of NumPy's own making are read", () => {
    const { data: all, rows, width } = readNpy(minilm);
    expect([rows, width]).toEqual([1400, 384]);
    expect(Math.hypot(...all.subarray(width, 2 * width))).toBeCloseTo(1, 5);
  });
});

describe("search by codes against search by vectors", () => {
  const random = seeded(9);
  const rows = Array.from({ length: 400 }, () => random.vector(48));
  // Near a row each, which is the one relevant to it.
  const questions = Array.from({ length: 30 }, (_, i) => rows[7 * i]!.map((x) => x + 0.14 * random.normal()));
  const vectors = {
    rows: matrixOf(rows, 48),
    questions: matrixOf(questions, 48),
    grades: questions.map((_, i) => new Map([[String(7 * i), 1]])),
  };
  const options = { bits: [64, 256, 512], layers: [1, 4], seed: 1, signal };

  test("finds more by longer codes, and more yet by refined ones", async () => {
    const { figures, ndcgAt10, ...sizes } = await measureCodes(vectors, options);
    expect(sizes).toEqual({ rows: 400, questions: 30, dim: 48 });
    expect(ndcgAt10).toBe(1);
    expect(figures.map(({ bits, layers }) => [bits, layers])).toEqual([
      [64, 1],
      [256, 1],
      [256, 4],
      [512, 1],
      [512, 4],
    ]);
    const [short, middle, refined, long, best] = figures.map(({ recallAt100 }) => recallAt100) as [
      number,
      number,
      number,
      number,
      number,
    ];
    // A hundred of 400 by chance would be .25.
    expect(short).toBeGreaterThan(0.4);
    expect(middle).toBeGreaterThan(short + 0.1);
    expect(refined).toBeGreaterThan(middle);
    expect(long).toBeGreaterThan(middle);
    expect(best).toBeGreaterThan(0.85);
    expect(figures[3]).toMatchObject({ ndcgAt10: 1, rerankedNdcgAt10: 1 });
    expect(figures[0]!.ndcgAt10).toBeLessThan(figures[0]!.rerankedNdcgAt10!);
    expect(figures[2]!.balance).toBeNull();
    expect(figures[0]!.balance!.rows).toBe(200);
    expect(figures[1]!.balance!.worst).toBeLessThan(0.2);
  });

  test("does without judgements", async () => {
    const { figures, ndcgAt10 } = await measureCodes({ ...vectors, grades: null }, { ...options, bits: [64] });
    expect([ndcgAt10, figures[0]!.ndcgAt10, figures[0]!.rerankedNdcgAt10]).toEqual([null, null, null]);
    expect(figures).toHaveLength(1);
  });

  test("stops when told", async () => {
    await expect(measureCodes(vectors, { ...options, signal: AbortSignal.abort() })).rejects.toThrow();
  });
});

test("copies of a passage are nearer than different passages", async () => {
  const random = seededRandom(4);
  const encoder = await openEncoder("lexical:256");
  const holder = (topic: string): PassageHolder => {
    const sentence = (): string =>
      `${Array.from({ length: 9 }, () => `${topic}${String(Math.floor(80 * random()))}`).join(" ")}. `;
    const passages = Array.from({ length: 60 }, (_, i) => ({
      documentId: `${topic}/${String(i >> 1)}`,
      input: Array.from({ length: 6 }, sentence).join(""),
    }));
    // A copy at the same holder is no different passage.
    passages.push({ documentId: `${topic}/copy`, input: passages[0]!.input });
    const statistics = encoder.statistics();
    for (const { input } of passages) statistics.add(input);
    const encode = (inputs: readonly string[]): Promise<Float32Array[]> => encoder.encodePassages(inputs, statistics);
    return { passages, encode, elsewhere: { "at itself": encode } };
  };
  const holders = [holder("Heart"), holder("Wing")];
  const options = { dim: encoder.dim, bits: 256, thresholds: [0, 64], limit: 61, seed: 1 };
  const figures = await measureDuplicates(holders, options);
  const of = (name: string) => figures.find((one) => one.name === name)!;
  for (const name of ["capitals and white space", "no punctuation", "at itself"])
    expect(of(name)).toMatchObject({ isSame: true, pairs: 122, median: 0, extreme: 0, within: [1, 1] });
  expect(of("a sentence left out").median).toBeGreaterThan(0);
  expect(of("a sentence left out").extreme).toBeGreaterThan(of("a sentence left out").median);
  expect(of("a sentence left out").edge).toBeLessThan(of("next passage of the same document").median);
  expect(of("next passage of the same document")).toMatchObject({ isSame: false, pairs: 60 });
  // The copies would be at 0.
  expect(of("nearest different passage of all")).toMatchObject({ isSame: false, pairs: 122 });
  expect(of("nearest different passage of all").extreme).toBeGreaterThan(20);
  expect(of("nearest different passage of all").extreme).toBeLessThan(of("nearest different passage of all").median);
  expect(await measureDuplicates(holders, { ...options, limit: 5 })).not.toEqual(figures);
  expect(of("nearest different passage of all").within[1]).toBeLessThan(1);
});
