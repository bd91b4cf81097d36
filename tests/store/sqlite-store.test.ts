import { readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "@jest/globals";
import { sodium } from "../../crypto/sodium.ts";
import { openSqliteStore } from "../../party-node/store/index.ts";
import type { PassageStore } from "../../party-node/store/index.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { record, storeContract } from "./store-contract.ts";

const KEY = sodium.crypto_generichash(32, "a store key for tests", null);

function harness(rowsPerBlock: number, storeKey = KEY) {
  const folder = temporaryFolder();
  const path = join(folder.path, "store.db");
  const stores: PassageStore[] = [];
  return {
    folder: folder.path,
    path,
    open: (changes = {}) => {
      const store = openSqliteStore({ path, storeKey, rowsPerBlock, ...changes });
      stores.push(store);
      return store;
    },
    /** Runs SQL on the file behind the store's back. */
    meddle: (sql: string) => {
      const database = new DatabaseSync(path);
      database.exec(sql);
      database.close();
    },
    [Symbol.dispose]: () => {
      stores.forEach((store) => store.close());
      folder[Symbol.dispose]();
    },
  };
}

storeContract("the SQLite store", (rowsPerBlock) => harness(rowsPerBlock));

describe("a store of version 1, whose rows have no commitments", () => {
  test("is upgraded, and commits to the same", () => {
    using h = harness(8);
    const store = h.open();
    store.apply({ put: [record("/a", 12)], remove: [] });
    const committed = [0, 1].map((block) => store.commitmentsOfBlock(block));
    h.meddle("ALTER TABLE rows DROP COLUMN commitment; DROP TABLE extractions; PRAGMA user_version = 1");
    const upgraded = h.open();
    expect([0, 1].map((block) => upgraded.commitmentsOfBlock(block))).toEqual(committed);
    upgraded.apply({ put: [record("/b", 1)], remove: ["/a"] });
    expect(upgraded.rowCount).toBe(1);
    using other = harness(8, sodium.crypto_generichash(32, "another key", null));
    const another = other.open();
    another.apply({ put: [record("/b", 1)], remove: [] });
    // The salt is the store's own: nobody else's store tells what a leaf is of.
    const leaf = (of: PassageStore): Uint8Array | undefined => of.commitmentsOfBlock(0)[0]?.commitment;
    expect(leaf(another)).not.toEqual(leaf(upgraded));
  });
});

describe("the SQLite store's file", () => {
  test("shows no text, title, name, key, hash, value or vector, neither in the database nor in its log", () => {
    using h = harness(8);
    const store = h.open();
    const text = "Xylophone virtuosos quarrel beneath the observatory.";
    const document = record("/home/zanzibar/report.md", 20);
    const vectors = document.vectors.map((_, i) =>
      Float32Array.from({ length: 16 }, (_, j) => Math.sin(1 + i + 20 * j)),
    );
    const passages = document.passages.map((passage) => ({
      ...passage,
      documentId: "zanzibar/report.md",
      title: "Marmalade",
      text,
    }));
    store.apply({ put: [{ ...document, contentHash: "c0ffee".repeat(8), passages, vectors }], remove: [] });
    store.writeValue("statistics.wombat", Buffer.from("platypus ".repeat(40)));
    const names = readdirSync(h.folder);
    expect(names.toSorted()).toEqual(["store.db", "store.db-shm", "store.db-wal"]);
    const content = Buffer.concat(names.map((name) => readFileSync(join(h.folder, name))));
    expect(content.length).toBeGreaterThan(20 * (text.length + 64));
    const words = [
      ...text.split(/\W+/).filter((word) => word.length > 3),
      "zanzibar",
      "report",
      "Marmalade",
      "c0ffee",
      "wombat",
      "platypus",
    ];
    for (const word of words) expect([word, content.includes(word)]).toEqual([word, false]);
    for (const vector of vectors) {
      // two neighbouring entries: 64 bits are not there by chance
      for (let i = 0; i < 16; i += 2) expect(content.includes(Buffer.from(vector.buffer, 4 * i, 8))).toBe(false);
    }
    expect(content.includes(Buffer.from(KEY))).toBe(false);
  });

  test("has mode 0600, its log too", () => {
    using h = harness(8);
    h.open().apply({ put: [record("/a", 1)], remove: [] });
    for (const name of readdirSync(h.folder))
      expect([name, statSync(join(h.folder, name)).mode & 0o777]).toEqual([name, 0o600]);
  });

  test("has a write-ahead log", () => {
    using h = harness(8);
    h.open();
    const database = new DatabaseSync(h.path);
    expect(database.prepare("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
    database.close();
  });
});

describe("the SQLite store refuses", () => {
  const code = (expected: string) => expect.objectContaining({ code: expected });

  test("another key", () => {
    using h = harness(8);
    h.open();
    expect(() => h.open({ storeKey: sodium.crypto_generichash(32, "another", null) })).toThrow(code("STORE_KEY"));
    h.open();
  });

  test("another number of rows a block", () => {
    using h = harness(8);
    h.open();
    expect(() => h.open({ rowsPerBlock: 16 })).toThrow(code("STORE_BLOCK_SIZE"));
  });

  test("a newer format", () => {
    using h = harness(8);
    h.open();
    h.meddle("PRAGMA user_version = 4");
    expect(() => h.open()).toThrow(code("STORE_VERSION"));
  });

  test("a file that is something else, and leaves it as it was", () => {
    using h = harness(8);
    writeFileSync(h.path, "These are not the rows you are looking for.".repeat(100));
    const before = readFileSync(h.path);
    expect(() => h.open()).toThrow(code("STORE_FILE"));
    expect(readFileSync(h.path)).toEqual(before);
  });

  test("another program's database", () => {
    using h = harness(8);
    h.meddle("CREATE TABLE cats (name TEXT)");
    expect(() => h.open()).toThrow(code("STORE_FILE"));
  });

  test("pages that are damaged", () => {
    using h = harness(8);
    h.open().apply({ put: [record("/a", 3)], remove: [] });
    h.meddle("PRAGMA wal_checkpoint(TRUNCATE)");
    writeFileSync(h.path, readFileSync(h.path).fill(0xee, 8192));
    expect(() => h.open().documentKeys("")).toThrow(code("STORE_DAMAGED"));
  });

  test("a schema that is damaged, whatever it is that no longer fits", () => {
    using h = harness(8);
    h.open().apply({ put: [record("/a", 3)], remove: [] });
    h.meddle("PRAGMA wal_checkpoint(TRUNCATE)");
    const whole = readFileSync(h.path);
    for (const name of ["CREATE TABLE rows", "store_id BLOB", "key_hash BLOB", "slot INTEGER"]) {
      const damaged = Buffer.from(whole);
      const at = damaged.indexOf(name);
      expect(at).toBeGreaterThan(0);
      damaged.write("x", at);
      const path = join(h.folder, `${at.toString()}.db`);
      writeFileSync(path, damaged);
      const use = (): unknown => h.open({ path }).apply({ put: [record("/b", 1)], remove: ["/a"] });
      expect(use).toThrow(code("STORE_DAMAGED"));
    }
  });

  test("a version of the schema that the tables are beyond", () => {
    for (const version of [1, 2]) {
      using h = harness(8);
      h.open().apply({ put: [record("/a", 3)], remove: [] });
      h.meddle(`PRAGMA user_version = ${version.toString()}`);
      expect(() => h.open()).toThrow(code("STORE_DAMAGED"));
    }
  });

  test("a folder that is not there", () => {
    using h = harness(8);
    expect(() => h.open({ path: join(h.folder, "missing", "store.db") })).toThrow(code("STORE_FILE"));
  });

  test("an option it does not know, a short key, a bad block size", () => {
    using h = harness(8);
    for (const changes of [{ rowPerBlock: 8 }, { storeKey: new Uint8Array(31) }, { rowsPerBlock: 0 }]) {
      expect(() => h.open(changes)).toThrow(TypeError);
    }
  });

  const altered: { id: string; sql: string }[] = [
    {
      id: "a passage with one byte more",
      sql: "UPDATE rows SET sealed_passage = CAST(sealed_passage || x'00' AS BLOB) WHERE id = 3",
    },
    {
      id: "a passage of another row",
      sql: "UPDATE rows SET sealed_passage = (SELECT sealed_passage FROM rows WHERE id = 4) WHERE id = 3",
    },
    { id: "a vector in a passage's place", sql: "UPDATE rows SET sealed_passage = sealed_vector WHERE id = 3" },
    { id: "an empty value", sql: "UPDATE rows SET sealed_passage = x'' WHERE id = 3" },
  ];
  test.each(altered)("$id: names the row and nothing else", ({ sql }) => {
    using h = harness(8);
    const store = h.open();
    store.apply({ put: [record("/a", 6)], remove: [] });
    h.meddle(sql);
    const others = [1, 2, 4, 5, 6];
    expect(store.passages(others).length).toBe(5);
    expect(() => store.passages([3])).toThrow(code("STORE_TAMPERED"));
    expect(() => store.passages([3])).toThrow(/row 3\b/);
    expect(() => store.passages([3])).not.toThrow(/\/a|title/);
  });

  test("an altered vector, document record or named value", () => {
    using h = harness(8);
    const store = h.open();
    store.apply({ put: [record("/a", 1)], remove: [] });
    store.writeValue("x", Uint8Array.of(1));
    h.meddle(
      "UPDATE rows SET sealed_vector = zeroblob(72); UPDATE documents SET sealed = zeroblob(72); UPDATE named_values SET sealed = zeroblob(41)",
    );
    expect(() => store.vectorsOfBlock(0)).toThrow(code("STORE_TAMPERED"));
    expect(() => store.contentHash("/a")).toThrow(code("STORE_TAMPERED"));
    expect(() => store.readValue("x")).toThrow(code("STORE_TAMPERED"));
  });

  test("a row of another store with the same key", () => {
    using h = harness(8);
    using other = harness(8);
    const store = h.open();
    store.apply({ put: [record("/a", 1)], remove: [] });
    other.open().apply({ put: [record("/b", 1)], remove: [] });
    h.meddle(
      `ATTACH '${other.path}' AS other; UPDATE rows SET sealed_passage = (SELECT sealed_passage FROM other.rows)`,
    );
    expect(() => store.passages([1])).toThrow(code("STORE_TAMPERED"));
  });
});
