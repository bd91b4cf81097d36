import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type SealedStore, openPostgresSealedStore } from "../../party-node/sealed-store/index.ts";
import { exactSearchContract } from "./exact-search-contract.ts";
import { type PgliteServer, startPglite, startWire } from "./pglite.ts";
import { SETTINGS, row, rowId, rowRange, vectorFor } from "./rows.ts";
import { fault, sealedStoreContract } from "./sealed-store-contract.ts";
import { longTest } from "../support/long.ts";

let server: PgliteServer;
let schemas = 0;

beforeAll(async () => {
  server = await startPglite();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

async function harness() {
  const schema = `host_${(schemas++).toString()}`;
  let store: SealedStore | null = null;
  return {
    schema,
    childOptions: { kind: "postgres", url: server.url(), schema, exactRowsMax: 20, connectionsMax: 1 },
    open: async (options = {}) => {
      await store?.close();
      return (store = await openPostgresSealedStore({ url: server.url(), schema, ...options }));
    },
    [Symbol.asyncDispose]: async () => {
      await store?.close();
      await server.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
    },
  };
}

sealedStoreContract("the PostgreSQL sealed store", harness);
exactSearchContract("the PostgreSQL sealed store", harness);

const ID = SETTINGS.id;

describe("the PostgreSQL sealed store's tables", () => {
  test("have an HNSW index by Euclidean distance, and a search uses it", async () => {
    await using h = await harness();
    const store = await h.open({ exactRowsMax: 20 });
    await store.createCollection({ ...SETTINGS, dim: 384 });
    await store.put(ID, rowRange(0, 400, 1, 384)); // enough for the planner to prefer it
    for (let i = 0; i < 3; i++) await store.search(ID, { vector: vectorFor(i, 1, 384), candidates: 5 });
    const [index] = await server.query<{ indexdef: string }>(
      `SELECT indexdef FROM pg_indexes WHERE schemaname = '${h.schema}' AND indexdef LIKE '%hnsw%'`,
    );
    expect(index?.indexdef).toContain("vector_l2_ops");
    // Statistics show once they are flushed, after the statement that says so.
    await server.query("SELECT pg_stat_force_next_flush()");
    const [statistics] = await server.query<{ scans: string }>(
      `SELECT idx_scan AS scans FROM pg_stat_user_indexes WHERE schemaname = '${h.schema}' AND indexrelname LIKE '%vector%'`,
    );
    expect(statistics?.scans).toBe("3");
  });

  test("have no index on the vectors of an exact collection", async () => {
    await using h = await harness();
    const store = await h.open();
    await store.createCollection({ ...SETTINGS, search: "exact" });
    const indexes = await server.query<{ name: string }>(
      `SELECT indexname AS name FROM pg_indexes WHERE schemaname = '${h.schema}' AND tablename = 'rows_1' ORDER BY 1`,
    );
    expect(indexes.map(({ name }) => name)).toEqual(["rows_1_field_0_idx", "rows_1_field_1_idx", "rows_1_pkey"]);
  });

  test("a collection of more dimensions than can be indexed is searched exactly", async () => {
    await using h = await harness();
    const store = await h.open({ exactRowsMax: 5 });
    await store.createCollection({ ...SETTINGS, dim: 2100 });
    await store.put(ID, rowRange(0, 12, 1, 2100));
    const found = await store.search(ID, { vector: vectorFor(7, 1, 2100), candidates: 3 });
    expect(found[0]?.rowId).toEqual(rowId(7));
    expect(found[0]?.vector).toEqual(vectorFor(7, 1, 2100));
  });

  test("made by a newer version are refused, and migrating twice changes nothing", async () => {
    await using h = await harness();
    await h.open();
    await h.open();
    expect(await server.query(`SELECT version FROM ${h.schema}.migrations`)).toEqual(
      [1, 2, 3].map((version) => ({ version })),
    );
    await server.query(`INSERT INTO ${h.schema}.migrations (version) VALUES (99)`);
    await expect(h.open()).rejects.toThrow(fault("STORE_VERSION"));
  });

  test("of an earlier version get what they lack", async () => {
    await using h = await harness();
    const store = await h.open();
    await store.createCollection(SETTINGS);
    await store.put(ID, rowRange(0, 3));
    await store.close();
    await server.query(`DROP TABLE ${h.schema}.state_1`);
    await server.query(`ALTER TABLE ${h.schema}.collections DROP COLUMN search`);
    await server.query(`DELETE FROM ${h.schema}.migrations WHERE version >= 2`);
    const again = await h.open();
    expect(await again.collections()).toEqual([{ ...SETTINGS, search: "approximate", rowCount: 3 }]);
    expect([await again.revision(ID), await again.attachment(ID)]).toEqual([0, new Uint8Array(0)]);
    await again.put(ID, [row(3)]);
    await again.writeAttachment(ID, rowId(1));
    expect([(await again.revision(ID)) > 0, await again.attachment(ID)]).toEqual([true, rowId(1)]);
    await again.erase(ID);
  });

  test("tell another process of what this one has put", async () => {
    await using h = await harness();
    const store = await h.open();
    await store.createCollection(SETTINGS);
    const other = await openPostgresSealedStore({ url: server.url(), schema: h.schema });
    const revisions = [await other.revision(ID)];
    for (let version = 1; version <= 3; version++) {
      await store.put(ID, [row(1, version)]);
      revisions.push(await other.revision(ID));
    }
    expect(new Set(revisions).size).toBe(4);
    expect(revisions.at(-1)).toBe(await store.revision(ID));
    await other.close();
  });

  test("an erased collection leaves no table, and no name", async () => {
    await using h = await harness();
    const store = await h.open();
    await store.createCollection({ ...SETTINGS, owner: "planted-owner" });
    await store.put(ID, rowRange(0, 10));
    const tables = () =>
      server.query<{ name: string }>(
        `SELECT tablename AS name FROM pg_tables WHERE schemaname = '${h.schema}' ORDER BY 1`,
      );
    expect((await tables()).map(({ name }) => name)).toEqual([
      "collections",
      "migrations",
      "removed_1",
      "rows_1",
      "state_1",
    ]);
    const file = async () =>
      (await server.query(`SELECT pg_relation_filenode('${h.schema}.collections') AS file`))[0]?.["file"] as number;
    const before = await file();
    await store.erase(ID);
    expect((await tables()).map(({ name }) => name)).toEqual(["collections", "migrations"]);
    // Written anew: vacuumed in place, its pages would still hold the bytes.
    expect(await file()).not.toBe(before);
  });
});

describe("the PostgreSQL sealed store refuses", () => {
  test("options it does not know, and a schema's name that is no name", async () => {
    const url = server.url();
    await expect(openPostgresSealedStore({ url, shema: "x" } as never)).rejects.toThrow(TypeError);
    for (const wrong of [
      { schema: "a; DROP SCHEMA public" },
      { schema: "A" },
      { connectionsMax: 0 },
      { timeoutMs: NaN },
    ])
      await expect(openPostgresSealedStore({ url, ...wrong })).rejects.toThrow(TypeError);
  });
});

describe("the PostgreSQL sealed store in trouble", () => {
  test("says that the server is down, at the start", async () => {
    await expect(openPostgresSealedStore({ url: server.url(1), timeoutMs: 2000 })).rejects.toThrow(
      fault("STORE_UNAVAILABLE"),
    );
  });

  test("puts nothing when the connection is lost in the middle, and works again after it", async () => {
    await using h = await harness();
    await using wire = await startWire(server.port);
    const store = await h.open({ url: server.url(wire.port), timeoutMs: 5000 });
    await store.createCollection(SETTINGS);
    await store.put(ID, rowRange(0, 10));
    const rows = rowRange(5, 200, 2); // about 100 KB in one statement
    for (const bytes of [1, 300, 20_000, 60_000]) {
      wire.cutAfter(bytes);
      await expect(store.put(ID, rows)).rejects.toThrow(fault("STORE_UNAVAILABLE"));
      expect((await store.versions(ID)).map(({ version }) => version)).toEqual(Array(10).fill(1));
    }
    wire.cutAfter(30);
    await expect(store.search(ID, { vector: vectorFor(1), candidates: 5 })).rejects.toThrow(fault("STORE_UNAVAILABLE"));
    await store.put(ID, rows);
    expect(await store.rowCount(ID)).toBe(205);
  });

  test.each([
    ["53100", "STORE_FULL"],
    ["53300", "STORE_UNAVAILABLE"],
    ["57P01", "STORE_UNAVAILABLE"],
    ["40P01", "STORE_UNAVAILABLE"],
    ["42501", "STORE_UNAVAILABLE"],
    ["XX001", "STORE_DAMAGED"],
  ])("puts nothing when the server fails with %s, and says %s", async (sqlState, code) => {
    await using h = await harness();
    const store = await h.open();
    await store.createCollection(SETTINGS);
    await store.put(ID, rowRange(0, 3));
    await server.query(`
      CREATE FUNCTION ${h.schema}.fail() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'it holds planted-value' USING ERRCODE = '${sqlState}'; END $$;
      CREATE TRIGGER fail BEFORE INSERT ON ${h.schema}.rows_1 FOR EACH ROW WHEN (NEW.version = 9) EXECUTE FUNCTION ${h.schema}.fail()`);
    const failure: unknown = await store.put(ID, [row(1, 2), row(4), row(5, 9)]).catch((error: unknown) => error);
    expect(failure).toEqual(fault(code));
    expect(String(failure)).not.toContain("planted-value");
    expect((await store.versions(ID)).map(({ version }) => version)).toEqual([1, 1, 1]);
    await store.put(ID, [row(1, 2)]);
  });

  test("says so when the server is killed in the middle of a put", async () => {
    await using other = await startPglite();
    const store = await openPostgresSealedStore({ url: other.url(), timeoutMs: 3000 });
    await store.createCollection(SETTINGS);
    const putting = store.put(ID, rowRange(0, 4000));
    await Promise.all([expect(putting).rejects.toThrow(fault("STORE_UNAVAILABLE")), other.kill()]);
    await expect(store.collections()).rejects.toThrow(fault("STORE_UNAVAILABLE"));
    await store.close();
  });

  longTest("does not end the process when the server is killed while connections are idle", async () => {
    await using other = await startPglite();
    const child = spawn(process.execPath, [join(import.meta.dirname, "idle-child.ts"), other.url()], {
      stdio: ["pipe", "pipe", "ignore"],
    });
    const exited = once(child, "close") as Promise<[number]>;
    const lines: string[] = [];
    const input = createInterface(child.stdout).on("line", (line) => lines.push(line));
    await once(input, "line");
    await other.kill();
    child.stdin.end();
    expect([(await exited)[0], lines]).toEqual([0, ["idle", "STORE_UNAVAILABLE"]]);
  });
});
