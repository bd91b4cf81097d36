import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { loadCsvColumns, loadCsvParties, loadImages, loadPreset } from "../../simulations/hashvfl/data/index.ts";
import type { VerticalData, VerticalSplit } from "../../simulations/hashvfl/vertical-data.ts";

const SHARED = "../shared/data";
let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "sotto-data-"));
});
afterAll(() => rm(root, { recursive: true }));

let written = 0;
async function write(lines: string | Uint8Array | readonly string[]): Promise<string> {
  const file = join(root, `${++written}.csv`);
  await writeFile(file, typeof lines === "string" || lines instanceof Uint8Array ? lines : lines.join("\n"));
  return file;
}

/** Features of one row by id, of one party. */
function rowOf(data: VerticalData, id: string, party: number): number[] {
  const split = [data.train, data.test].find(({ ids }) => ids.includes(id))!;
  const width = data.parties[party]!.features.length;
  const row = split.ids.indexOf(id);
  return [...split.features[party]!.slice(row * width, (row + 1) * width)];
}
const labelOf = ({ ids, labels }: VerticalSplit, id: string): number | undefined => labels[ids.indexOf(id)];

/** Ten rows, two classes of 6 and 4; the guest's column a is the row's number times 10, b is always 3; the host's c is the number squared. */
const GUEST = ["id,y,a,b", ...Array.from({ length: 10 }, (_, i) => `r${i},${i < 6 ? "no" : "yes"},${i * 10},3`)];
const HOST = ["id,c", ...Array.from({ length: 10 }, (_, i) => `r${9 - i},${(9 - i) ** 2}`)];
const pair = async (guest = GUEST, host = HOST, options = {}): Promise<VerticalData> =>
  loadCsvParties({ guest: await write(guest), hosts: [await write(host)], ...options });

describe("guest and host files", () => {
  test("are joined by id and split by class: 20 % of 6 and of 4 are 1 and 1", async () => {
    const data = await pair();
    expect(data.classes).toEqual(["no", "yes"]);
    expect(data.parties.map(({ name, features }) => [name, ...features])).toEqual([
      ["guest", "a", "b"],
      ["host", "c"],
    ]);
    expect([...data.train.ids, ...data.test.ids].sort()).toEqual(GUEST.slice(1).map((line) => line.slice(0, 2)));
    expect([...data.test.labels].sort()).toEqual([0, 1]);
    for (const split of [data.train, data.test])
      for (const id of split.ids) expect(labelOf(split, id)).toBe(Number(id[1]) < 6 ? 0 : 1);
  });

  test("scaling comes from the training rows alone, and undone gives what was read", async () => {
    const data = await pair();
    const raw = data.train.ids.map((id) => Number(id[1]) * 10);
    const mean = raw.reduce((sum, x) => sum + x) / raw.length;
    const deviation = Math.sqrt(raw.reduce((sum, x) => sum + (x - mean) ** 2, 0) / raw.length);
    const { standardisation } = data.parties[0]!;
    expect(standardisation!.mean[0]).toBeCloseTo(mean, 4);
    expect(standardisation!.scale[0]).toBeCloseTo(deviation, 4);
    expect(mean).not.toBeCloseTo(45, 4); // the mean of all rows
    for (const id of [...data.train.ids, ...data.test.ids]) {
      expect(rowOf(data, id, 0)[0]! * deviation + mean).toBeCloseTo(Number(id[1]) * 10, 4);
      const { mean: of, scale } = data.parties[1]!.standardisation!;
      expect(rowOf(data, id, 1)[0]! * scale[0]! + of[0]!).toBeCloseTo(Number(id[1]) ** 2, 4);
    }
  });

  test("by hand: training rows 1 and 3 have mean 2 and deviation 1, whatever the test rows hold", async () => {
    const file = await write(["y,x", "0,1", "0,1e6", "1,3", "1,1e6"]);
    const seeds = Array.from({ length: 30 }, (_, seed) => seed);
    const all = await Promise.all(
      seeds.map((seed) => loadCsvColumns({ file, labelColumn: "y", columns: { p: ["x"] }, testShare: 0.5, seed })),
    );
    const data = all.find(({ train }) => train.ids.join() === "0,2")!;
    expect([...data.train.features[0]!]).toEqual([-1, 1]);
    expect([...data.test.features[0]!]).toEqual([999_998, 999_998]);
  });

  test("a constant column, rounding and all, becomes zeros", async () => {
    const data = await pair(GUEST.map((line, i) => (i === 0 ? line : line.replace(/,3$/, ",0.1"))));
    for (const id of data.test.ids) expect(rowOf(data, id, 0)[1]).toBe(0);
    expect(data.parties[0]!.standardisation!.scale[1]).toBe(1);
  });

  test("the same seed gives the same rows in whatever order the files have them, another seed others", async () => {
    const [header, ...rows] = GUEST;
    const shuffled = await pair([header!, ...rows.toReversed()], HOST, { seed: 4 });
    expect({ ...shuffled, name: "" }).toEqual({ ...(await pair(GUEST, HOST, { seed: 4 })), name: "" });
    const tests = await Promise.all([1, 2, 3, 4, 5].map(async (seed) => (await pair(GUEST, HOST, { seed })).test.ids));
    expect(new Set(tests.map(String)).size).toBeGreaterThan(1);
  });

  test("ids that are missing at one are refused with counts, or left out when asked", async () => {
    const short = HOST.slice(0, -2);
    await expect(pair(GUEST, [...short, "r77,1"])).rejects.toMatchObject({
      code: "IDS_MISALIGNED",
      message: expect.stringMatching(/has 10 ids, .* has 9 ids, and 8 are in all/),
    });
    const data = await pair(GUEST, [...short, "r77,1"], { align: "intersect" });
    expect([...data.train.ids, ...data.test.ids].sort()).toEqual(["r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9"]);
    for (const id of data.train.ids) {
      const { mean, scale } = data.parties[1]!.standardisation!;
      expect(rowOf(data, id, 1)[0]! * scale[0]! + mean[0]!).toBeCloseTo(Number(id[1]) ** 2, 4);
    }
    const others = HOST.map((line) => line.replace("r", "q"));
    await expect(pair(GUEST, others, { align: "intersect" })).rejects.toMatchObject({ code: "IDS_MISALIGNED" });
  });

  test("more parties: the columns of whoever has most are split", async () => {
    const guest = ["id,y,a,b,c,d,e", ...Array.from({ length: 10 }, (_, i) => `r${i},${i % 2},${i},1,2,3,4`)];
    const names = async (parties: number): Promise<unknown> =>
      (await pair(guest, HOST, { parties })).parties.map(({ name, features }) => `${name}: ${features.join()}`);
    expect(await names(3)).toEqual(["guest-1: a,b,c", "guest-2: d,e", "host: c"]);
    expect(await names(4)).toEqual(["guest-1: a,b", "guest-2: c", "guest-3: d,e", "host: c"]);
    await expect(names(7)).rejects.toMatchObject({ code: "PARTY_COUNT" });
    await expect(names(1)).rejects.toMatchObject({ code: "PARTY_COUNT" });
  });
});

describe("one file split by lists of columns", () => {
  test("categories become features; one that only test rows have becomes none", async () => {
    const file = await write(["who,colour,y,size", ...Array.from("bbbbggggrx", (c, i) => `${i},${c},${i % 2},${i}`)]);
    const load = (seed: number): Promise<VerticalData> =>
      loadCsvColumns({
        file,
        idColumn: "who",
        labelColumn: "y",
        columns: { paint: ["colour"], scales: ["size"] },
        categorical: ["colour"],
        seed,
      });
    const all = await Promise.all(Array.from({ length: 40 }, (_, seed) => load(seed)));
    const data = all.find(({ test }) => test.ids.includes("9"))!; // the only x
    expect(data.parties[0]!.features).toEqual(
      data.test.ids.includes("8") ? ["colour=b", "colour=g"] : ["colour=b", "colour=g", "colour=r"],
    );
    expect(new Set(rowOf(data, "9", 0))).toEqual(new Set([0]));
    expect(rowOf(data, "0", 0).slice(0, 2)).toEqual([1, 0]);
    expect(rowOf(data, "4", 0).slice(0, 2)).toEqual([0, 1]);
  });

  test("numeric labels are classes in the order of their size", async () => {
    const file = await write(["y,x", ...["10", "9", "-1"].flatMap((y) => Array<string>(5).fill(`${y},1`))]);
    const data = await loadCsvColumns({ file, labelColumn: "y", columns: { p: ["x"] } });
    expect(data.classes).toEqual(["-1", "9", "10"]);
  });
});

describe("bad tables", () => {
  const SECRET = "Waldemar";
  const guestWith = (line: string): string[] => [...GUEST.slice(0, 4), line, ...GUEST.slice(5)];
  const rows: { id: string; code: string; at?: string; guest?: string[]; host?: string[] }[] = [
    { id: "empty cell", code: "NOT_FINITE", at: "line 5, column a", guest: guestWith("r3,no,,3") },
    { id: "NaN", code: "NOT_FINITE", at: "line 5, column b", guest: guestWith("r3,no,1,NaN") },
    { id: "infinity", code: "NOT_FINITE", at: "line 5, column a", guest: guestWith("r3,no,-inf,3") },
    { id: "number beyond 32 bits", code: "NOT_FINITE", at: "line 5, column a", guest: guestWith("r3,no,1e39,3") },
    { id: "text", code: "NOT_A_NUMBER", at: "line 5, column a", guest: guestWith(`r3,no,${SECRET},3`) },
    { id: "hexadecimal", code: "NOT_A_NUMBER", at: "line 5, column a", guest: guestWith("r3,no,0x10,3") },
    { id: "row without label", code: "LABEL_MISSING", at: "line 5, column y", guest: guestWith("r3,,1,3") },
    { id: "row without id", code: "ID_MISSING", at: "line 5, column id", guest: guestWith(",no,1,3") },
    { id: "id twice", code: "IDS_DUPLICATE", at: "repeats the id of line 3", guest: guestWith("r1,no,1,3") },
    { id: "short row", code: "BAD_CSV", at: "line 5", guest: guestWith(`r3,${SECRET}`) },
    { id: "open quote", code: "BAD_CSV", guest: guestWith(`r3,"${SECRET},1,3`) },
    { id: "no id column", code: "UNKNOWN_COLUMN", host: HOST.with(0, "key,c") },
    { id: "no label column", code: "UNKNOWN_COLUMN", guest: GUEST.with(0, "id,label,3,4") },
    { id: "column twice", code: "COLUMN_TWICE", guest: GUEST.with(0, "id,y,a,a") },
    { id: "only a header", code: "BAD_CSV", host: HOST.slice(0, 1) },
    { id: "empty file", code: "BAD_CSV", host: [] },
    { id: "one class", code: "CLASS_COUNT", guest: GUEST.map((line) => line.replace("yes", "no")) },
  ];
  test.each(rows)("$id: $code", async ({ code, at = "", guest = GUEST, host = HOST }) => {
    const error = await pair(guest, host).then(
      () => new Error("loaded"),
      (reason: unknown) => reason as Error,
    );
    expect(error).toMatchObject({ code, message: expect.stringContaining(at) });
    expect(`${error.message}${String(error.cause)}`).not.toMatch(/Waldemar|r3|r1\b/);
  });

  test("a class whose only row is drawn for testing", async () => {
    const file = await write(["y,x", "0,1", "0,2", "1,3"]);
    const load = loadCsvColumns({ file, labelColumn: "y", columns: { p: ["x"] }, testShare: 0.6 });
    await expect(load).rejects.toMatchObject({ code: "CLASS_MISSING" });
  });

  test("columns that are unknown or dealt out twice, misspelt options, files that are not there", async () => {
    const file = await write(GUEST);
    const load = (options: object): Promise<unknown> =>
      loadCsvColumns({ file, labelColumn: "y", columns: { p: ["a"], q: ["b"] }, ...options });
    await expect(load({ columns: { p: ["a"], q: ["z"] } })).rejects.toMatchObject({ code: "UNKNOWN_COLUMN" });
    await expect(load({ columns: { p: ["a"], q: ["a"] } })).rejects.toMatchObject({ code: "COLUMN_TWICE" });
    await expect(load({ columns: { p: ["a"], q: ["y"] } })).rejects.toMatchObject({ code: "COLUMN_TWICE" });
    await expect(load({ categorical: ["z"] })).rejects.toMatchObject({ code: "UNKNOWN_COLUMN" });
    await expect(load({ sed: 1 })).rejects.toThrow("unknown option sed");
    await expect(load({ testShare: 1 })).rejects.toThrow(TypeError);
    await expect(load({ file: join(root, "nowhere.csv") })).rejects.toMatchObject({ code: "FILE_MISSING" });
    await expect(loadPreset("mnits", { folder: root })).rejects.toMatchObject({ code: "UNKNOWN_PRESET" });
    await expect(loadPreset("breast", { folder: root })).rejects.toMatchObject({ code: "FILE_MISSING" });
  });
});

describe("images", () => {
  /** Four images of 2 x 3 pixels whose pixel (y, x) of image i is 100 y + 10 x + i, labels 0, 1, 0, 1. */
  const pixels = Array.from({ length: 24 }, (_, n) => 100 * (Math.floor(n / 3) % 2) + 10 * (n % 3) + Math.floor(n / 6));
  const images = Uint8Array.from([0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 2, 0, 0, 0, 3, ...pixels]);
  const labels = Uint8Array.from([0, 0, 8, 1, 0, 0, 0, 4, 0, 1, 0, 1]);

  test("are cut into strips of columns, packed or plain, each party with one mean and scale", async () => {
    const options = { images: await write(gzipSync(images)), labels: await write(labels), testShare: 0.5 };
    const data = await loadImages(options);
    expect(data.parties.map(({ features }) => features)).toEqual([
      ["row 0, column 0", "row 0, column 1", "row 1, column 0", "row 1, column 1"],
      ["row 0, column 2", "row 1, column 2"],
    ]);
    for (const id of ["0", "1", "2", "3"])
      for (const [party, raw] of [
        [0, [0, 10, 100, 110]],
        [1, [20, 120]],
      ] as const) {
        const { mean, scale } = data.parties[party]!.standardisation!;
        expect(new Set(mean).size + new Set(scale).size).toBe(2);
        rowOf(data, id, party).forEach((value, i) =>
          expect(value * scale[0]! + mean[0]!).toBeCloseTo(raw[i]! + Number(id), 3),
        );
      }
    // Training rows i and j: the mean of 20 + i, 120 + i, 20 + j, 120 + j.
    const [i, j] = data.train.ids.map(Number);
    expect(data.parties[1]!.standardisation!.mean[0]).toBeCloseTo(70 + (i! + j!) / 2, 4);
    await expect(loadImages({ ...options, parties: 4 })).rejects.toMatchObject({ code: "PARTY_COUNT" });
  });

  const bad: { id: string; images?: Uint8Array; labels?: Uint8Array }[] = [
    { id: "labels in place of images", images: labels },
    { id: "truncated", images: images.slice(0, -1) },
    { id: "longer than it says", labels: Uint8Array.from([...labels, 0]) },
    { id: "fewer labels", labels: Uint8Array.from([0, 0, 8, 1, 0, 0, 0, 3, 0, 1, 0]) },
    { id: "a header that promises 2^64 pixels", images: Uint8Array.from([0, 0, 8, 3, ...Array<number>(12).fill(255)]) },
    { id: "a torn packed file", images: gzipSync(images).subarray(0, 20) },
    { id: "empty", images: new Uint8Array() },
    { id: "floats", images: images.with(2, 0x0d) },
  ];
  test.each(bad)("$id: BAD_IDX", async (files) => {
    const load = loadImages({
      images: await write(files.images ?? images),
      labels: await write(files.labels ?? labels),
    });
    await expect(load).rejects.toMatchObject({ code: "BAD_IDX" });
  });
});

describe(`presets (skipped where ${SHARED} is absent)`, () => {
  const counts = [
    { name: "mnist", parties: [392, 392], rows: [8000, 2000], classes: 10 },
    { name: "default_credit", parties: [13, 10], rows: [24_000, 6000], classes: 2 },
    { name: "breast", parties: [10, 20], rows: [455, 114], classes: 2 },
    { name: "vehicle_scale", parties: [9, 9], rows: [677, 169], classes: 4 },
    { name: "adult", parties: [80, 24], rows: [24_130, 6032], classes: 2 },
  ];
  (existsSync(SHARED) ? test : test.skip).each(counts)("$name", async ({ name, parties, rows, classes }) => {
    const data = await loadPreset(name, { folder: SHARED });
    expect(data.name).toBe(name);
    expect(data.parties.map(({ features }) => features.length)).toEqual(parties);
    expect([data.train.ids.length, data.test.ids.length]).toEqual(rows);
    expect(new Set([...data.train.ids, ...data.test.ids]).size).toBe(rows[0]! + rows[1]!);
    expect(data.classes.length).toBe(classes);
    for (const { ids, features } of [data.train, data.test])
      features.forEach((values, i) => expect(values.length).toBe(ids.length * parties[i]!));
    expect(data.train.features.every((values) => values.every(Number.isFinite))).toBe(true);
  });
});
