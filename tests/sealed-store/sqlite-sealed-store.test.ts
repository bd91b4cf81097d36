import { copyFileSync, readFileSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "@jest/globals";
import {
  type SealedStore,
  type SqliteSealedStoreOptions,
  openSqliteSealedStore,
} from "../../party-node/sealed-store/index.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { exactSearchContract } from "./exact-search-contract.ts";
import { killedChild } from "./killed-child.ts";
import { SETTINGS, nearestOf, numberOf, passageFor, row, rowId, rowRange, vectorFor } from "./rows.ts";
import { fault, sealedStoreContract } from "./sealed-store-contract.ts";

const ID = SETTINGS.id;

function harness() {
  const temporary = temporaryFolder();
  const folder = join(temporary.path, "host");
  let store: SealedStore | null = null;
  const files = (): string[] =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
  return {
    folder,
    childOptions: { kind: "sqlite", folder, exactRowsMax: 20 },
    open: async (options: Partial<SqliteSealedStoreOptions> = {}) => {
      await store?.close();
      return (store = openSqliteSealedStore({ folder, ...options }));
    },
    files,
    /** The one file whose name ends so. */
    file: (ending: string): string => files().find((name) => name.endsWith(ending)) ?? `no file ${ending}`,
    /** Whether any file of the store holds the bytes. */
    holds: (bytes: Uint8Array): boolean => files().some((name) => readFileSync(name).includes(Buffer.from(bytes))),
    [Symbol.asyncDispose]: async () => {
      await store?.close();
      temporary[Symbol.dispose]();
    },
  };
}

sealedStoreContract("the SQLite sealed store", async () => harness());
exactSearchContract("the SQLite sealed store", async () => harness());

/** A closed store of 200 rows with an index file. */
async function indexedStore(h: ReturnType<typeof harness>): Promise<void> {
  const store = await h.open({ exactRowsMax: 20 });
  await store.createCollection(SETTINGS);
  await store.put(ID, rowRange(0, 200));
  await store.close();
  expect(h.files().filter((name) => name.endsWith(".usearch"))).toHaveLength(1);
}

async function expectRightSearch(store: SealedStore, count: number): Promise<void> {
  expect(await store.rowCount(ID)).toBe(count);
  for (const number of [0, 60, 150, count - 1]) {
    const found = await store.search(ID, { vector: vectorFor(number), candidates: 10 });
    const nearest = nearestOf(rowRange(0, count), vectorFor(number), 10);
    expect(numberOf(found[0]!.rowId)).toBe(number);
    expect(found.filter((one) => nearest.includes(numberOf(one.rowId))).length).toBeGreaterThanOrEqual(9);
  }
}

describe("the SQLite sealed store's index file", () => {
  const damages: [string, (path: string) => void][] = [
    ["missing", (path) => rmSync(path)],
    ["empty", (path) => truncateSync(path)],
    ["cut short", (path) => truncateSync(path, statSync(path).size >> 1)], // usearch itself would abort the process
    [
      "altered by one bit",
      (path) =>
        writeFileSync(
          path,
          readFileSync(path).map((byte, i) => (i === 5000 ? byte ^ 1 : byte)),
        ),
    ],
    ["something else", (path) => writeFileSync(path, "not an index ".repeat(1000))],
  ];
  test.each(damages)("is made again when it is %s", async (_, damage) => {
    await using h = harness();
    await indexedStore(h);
    const path = h.file(".usearch");
    damage(path);
    writeFileSync(join(dirname(path), "index-left-by-a-kill.usearch"), "half an index");
    const store = await h.open({ exactRowsMax: 20 });
    await expectRightSearch(store, 200);
    await store.put(ID, [row(200)]); // waits for the index
    await expectRightSearch(store, 201);
    await store.close();
    expect(h.files().filter((name) => name.endsWith(".usearch"))).toHaveLength(1);
    expect(h.file(".usearch")).not.toBe(path);
  });

  test("of another time is not used, whatever its name", async () => {
    await using h = harness();
    await indexedStore(h);
    const old = join(h.folder, "old");
    copyFileSync(h.file(".usearch"), old);
    const store = await h.open({ exactRowsMax: 20 });
    await store.remove(
      ID,
      rowRange(0, 100).map((one) => one.rowId),
    );
    await store.put(ID, rowRange(0, 100, 2));
    await store.close();
    copyFileSync(old, h.file(".usearch"));
    const again = await h.open({ exactRowsMax: 20 });
    const found = await again.search(ID, { vector: vectorFor(7, 2), candidates: 5 });
    expect([numberOf(found[0]!.rowId), found[0]?.version]).toEqual([7, 2]);
  });

  test("is read when it is as it was saved, and catches up with what was put after it", async () => {
    await using h = harness();
    await indexedStore(h);
    const path = h.file(".usearch");
    const { mtimeMs } = statSync(path);
    const store = await h.open({ exactRowsMax: 20 });
    await expectRightSearch(store, 200);
    await store.close();
    expect([h.file(".usearch"), statSync(path).mtimeMs]).toEqual([path, mtimeMs]); // nothing new to save
    const copy = readFileSync(path);
    // A kill between the database's commit and the index's save: rows in the database that the file lacks.
    await killedChild(h.childOptions, "put", { lines: 3, delayMs: 0, firstRow: 200 });
    expect(readFileSync(path)).toEqual(copy);
    const again = await h.open({ exactRowsMax: 20 });
    const rowCount = await again.rowCount(ID);
    expect(rowCount).toBeGreaterThanOrEqual(260);
    await expectRightSearch(again, rowCount); // before the index has caught up
    await again.put(ID, [row(rowCount)]);
    await expectRightSearch(again, rowCount + 1);
  });

  test("goes when too few rows are left, and is made anew when most of it is gone", async () => {
    await using h = harness();
    await indexedStore(h);
    const store = await h.open({ exactRowsMax: 20 });
    await store.remove(
      ID,
      rowRange(0, 150).map((one) => one.rowId),
    );
    await store.put(ID, [row(300)]); // comes after the index's upkeep
    await store.put(ID, [row(301)]);
    expect(h.holds(Buffer.from(vectorFor(3).buffer))).toBe(false);
    expect(h.holds(Buffer.from(vectorFor(160).buffer))).toBe(true);
    await store.remove(
      ID,
      rowRange(150, 40).map((one) => one.rowId),
    );
    await store.put(ID, [row(302)]);
    expect(h.files().filter((name) => name.endsWith(".usearch"))).toEqual([]);
    const found = await store.search(ID, { vector: vectorFor(195), candidates: 50 });
    expect(found.map((one) => numberOf(one.rowId)).toSorted((a, b) => a - b)).toEqual(
      [...rowRange(190, 10), row(300), row(301), row(302)].map((one) => numberOf(one.rowId)),
    );
  });
});

describe("the SQLite sealed store's choice between index and memory", () => {
  test("goes with the rows of an approximate collection, and each time finds them all", async () => {
    await using h = harness();
    const store = await h.open({ exactRowsMax: 100 });
    await store.createCollection(SETTINGS);
    const expectThere = async (from: number, count: number): Promise<void> => {
      const found = await store.search(ID, { vector: vectorFor(from), candidates: 2048 });
      const there = found.map((one) => numberOf(one.rowId)).toSorted((a, b) => a - b);
      expect(there).toEqual(Array.from({ length: count }, (_, i) => from + i));
      const nearest = await store.search(ID, { vector: vectorFor(from + 3, 2), candidates: 5 });
      expect(nearest.map((one) => numberOf(one.rowId))).toEqual(
        nearestOf(rowRange(from, count), vectorFor(from + 3, 2), 5),
      );
    };
    const ids = (from: number, count: number): Uint8Array[] => rowRange(from, count).map((one) => one.rowId);
    await store.put(ID, rowRange(0, 90));
    await expectThere(0, 90);
    await store.put(ID, rowRange(90, 60));
    await expectThere(0, 150);
    const removing = store.remove(ID, ids(0, 70));
    await Promise.all([removing, removing.then(() => expectThere(70, 80))]); // at once, when the index is still there
    await expectThere(70, 80);
    await store.put(ID, rowRange(150, 10));
    await expectThere(70, 90);
    await store.close();
    expect(h.files().filter((name) => name.endsWith(".usearch"))).toEqual([]);
  });

  test("leaves an exact collection without an index", async () => {
    await using h = harness();
    const store = await h.open({ exactRowsMax: 20 });
    await store.createCollection({ ...SETTINGS, search: "exact" });
    await store.put(ID, rowRange(0, 200));
    await store.search(ID, { vector: vectorFor(1), candidates: 5 });
    await store.close();
    expect(h.files().map((name) => basename(name))).not.toContainEqual(expect.stringContaining("usearch"));
  });

  test("keeps no vectors in memory of a collection that is not searched", async () => {
    await using h = harness();
    const dim = 2048;
    const store = await h.open();
    await store.createCollection({ ...SETTINGS, dim, search: "exact" });
    await store.put(ID, rowRange(0, 1000, 1, dim));
    await (await h.open()).read(ID, [rowId(3)]);
    const vectorBytes = 1000 * 4 * dim;
    const before = process.memoryUsage().arrayBuffers;
    const again = await h.open();
    await again.put(ID, [row(1000, 1, dim)]);
    await again.remove(ID, [rowId(1000)]);
    await again.readVectors(ID, [rowId(5)]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(vectorBytes / 2);
    await again.search(ID, { vector: vectorFor(1, 1, dim), candidates: 1 });
    expect(process.memoryUsage().arrayBuffers - before).toBeGreaterThan(vectorBytes / 2);
  });
});

describe("the SQLite sealed store's files", () => {
  test("hold nothing of an erased collection, and all of another", async () => {
    await using h = harness();
    const store = await h.open({ exactRowsMax: 20 });
    const planted = { ...SETTINGS, id: "planted-collection", owner: "planted-owner" };
    for (const settings of [SETTINGS, planted]) {
      await store.createCollection(settings);
      const version = settings === planted ? 2 : 1;
      await store.put(settings.id, rowRange(0, 100, version));
      await store.writeAttachment(settings.id, Buffer.from(`attached to ${settings.owner}`));
    }
    const needles = [
      Buffer.from(passageFor(7, 2)),
      Buffer.from(vectorFor(7, 2).buffer),
      Buffer.from("planted-collection"),
      Buffer.from("attached to planted-owner"),
      Buffer.from("planted-owner"),
    ];
    for (const needle of needles) expect(h.holds(needle)).toBe(true);
    await store.erase(planted.id);
    for (const needle of needles) expect(h.holds(needle)).toBe(false);
    for (const kept of [passageFor(7), Buffer.from("attached to owner-key-1")]) expect(h.holds(kept)).toBe(true);
    expect(readdirSync(h.folder).filter((name) => name.startsWith("collection-"))).toHaveLength(1);
  });

  test("hold nothing of a removed row, but its id", async () => {
    await using h = harness();
    const store = await h.open();
    await store.createCollection(SETTINGS);
    await store.put(ID, [...rowRange(0, 50), { ...row(60), fields: { topic: "planted topic" } }]);
    await store.remove(ID, [rowId(60)]);
    for (const needle of [passageFor(60), new Uint8Array(vectorFor(60).buffer), Buffer.from("planted topic")])
      expect(h.holds(needle)).toBe(false);
    expect([h.holds(rowId(60)), h.holds(passageFor(40))]).toEqual([true, true]);
  });

  test("are readable to their owner alone", async () => {
    await using h = harness();
    await indexedStore(h);
    await (await h.open()).put(ID, [row(500)]);
    const modes = h.files().map((name) => [name, statSync(name).mode & 0o777]);
    expect(modes.length).toBeGreaterThan(3);
    for (const [name, mode] of modes) expect([name, mode]).toEqual([name, 0o600]);
    expect(statSync(h.folder).mode & 0o777).toBe(0o700);
  });

  test("after a kill in an erase hold the collection or nothing of it", async () => {
    await using h = harness();
    for (const delayMs of [0, 1, 3, 5]) {
      const store = await h.open({ exactRowsMax: 20 });
      if ((await store.collections()).length > 0) await store.erase(ID);
      await store.createCollection(SETTINGS);
      await store.put(ID, rowRange(0, 300));
      await store.close();
      await killedChild(h.childOptions, "erase", { lines: 1, delayMs });
      const there = await (await h.open()).collections();
      const folders = readdirSync(h.folder).filter((name) => name.startsWith("collection-"));
      expect(folders).toHaveLength(there.length);
      if (there.length === 0) expect(h.holds(passageFor(7))).toBe(false);
    }
  });
});

describe("the SQLite sealed store in trouble", () => {
  test("a full quota refuses the batch wholly, and room can be made", async () => {
    await using h = harness();
    const store = await h.open({ collectionBytesMax: 512 * 1024, exactRowsMax: 20 });
    await store.createCollection(SETTINGS);
    const passage = new Uint8Array(4096).fill(7);
    await expect(store.writeAttachment(ID, new Uint8Array(600_000))).rejects.toThrow(fault("STORE_FULL"));
    const batch = (from: number) => rowRange(from, 20).map((one) => ({ ...one, passage }));
    let put = 0;
    const failure: unknown = await (async () => {
      for (; put < 1000; put += 20) await store.put(ID, batch(put));
    })().catch((error: unknown) => error);
    expect(failure).toEqual(fault("STORE_FULL"));
    expect(put).toBeGreaterThan(20);
    expect(await store.rowCount(ID)).toBe(put);
    expect(await store.search(ID, { vector: vectorFor(put - 1), candidates: 2000 })).toHaveLength(put);
    await store.remove(
      ID,
      batch(0).map((one) => one.rowId),
    );
    await store.put(ID, batch(5000));
    await store.put(ID, []);
    expect(await store.rowCount(ID)).toBe(put);
    await store.erase(ID);
  });

  test("a second process is refused while the first has it open", async () => {
    await using h = harness();
    const store = await h.open();
    expect(() => openSqliteSealedStore({ folder: h.folder })).toThrow(fault("STORE_UNAVAILABLE"));
    await store.close();
    await openSqliteSealedStore({ folder: h.folder }).close();
  });

  test("a damaged database is named, and can be erased", async () => {
    await using h = harness();
    await indexedStore(h);
    const path = h.file("rows.db");
    const bytes = readFileSync(path);
    bytes.fill(0x5a, 8192); // all but the first page
    writeFileSync(path, bytes);
    const store = await h.open();
    const damaged = store.search(ID, { vector: vectorFor(1), candidates: 5 });
    await expect(damaged).rejects.toThrow(fault("STORE_DAMAGED"));
    await store.erase(ID);
    expect(await store.collections()).toEqual([]);
  });

  test("a missing database is named, and not made again empty", async () => {
    await using h = harness();
    await indexedStore(h);
    rmSync(h.file("rows.db"));
    const store = await h.open();
    await expect(store.rowCount(ID)).rejects.toThrow(fault("STORE_DAMAGED"));
    await expect(store.put(ID, [row(1)])).rejects.toThrow(fault("STORE_DAMAGED"));
    expect(h.file("rows.db")).toBe("no file rows.db");
  });

  test("another program's file, another version and unknown options are refused", async () => {
    await using h = harness();
    await h.open();
    await (await h.open()).close();
    const path = join(h.folder, "catalogue.db");
    const meddle = (sql: string): void => {
      const database = new DatabaseSync(path);
      database.exec(sql);
      database.close();
    };
    for (const version of [1, 99]) {
      meddle(`PRAGMA user_version = ${version.toString()}`);
      await expect(h.open()).rejects.toThrow(fault("STORE_VERSION"));
    }
    writeFileSync(path, "These are not the rows you are looking for.".repeat(100));
    await expect(h.open()).rejects.toThrow(fault("STORE_FILE"));
    rmSync(path);
    meddle("CREATE TABLE cats (name TEXT)");
    await expect(h.open()).rejects.toThrow(fault("STORE_FILE"));
    for (const wrong of [{ exactRows: 1 }, { exactRowsMax: -1 }, { collectionBytesMax: 5 }])
      await expect(h.open(wrong as object)).rejects.toThrow(TypeError);
  });
});
