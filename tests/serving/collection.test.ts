import { join } from "node:path";
import { DatabaseSync, backup } from "node:sqlite";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type ScoringIndex, sodium } from "../../crypto/index.ts";
import { openScoringIndex } from "../../party-node/scoring/index.ts";
import { Collection } from "../../party-node/serving/collection.ts";
import { type DocumentRecord, type PassageStore, openSqliteStore } from "../../party-node/store/index.ts";
import { blockVersion, descriptionHash, limits, rootOfPath } from "../../protocol/index.ts";
import { encryptedQuery, fault, layoutOf, seeded } from "../crypto/support.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const layout = layoutOf(64, 64);
const storeKey = new Uint8Array(32).fill(1);
const hintKey = new Uint8Array(32).fill(2);
const DOCUMENTS = 100;

let folder: ReturnType<typeof temporaryFolder>;
/** What the node has open, and the connection of an ingest beside it. */
let store: PassageStore;
let writer: PassageStore;
let index: ScoringIndex;
let collection: Collection;
/** Milliseconds, as the collection reads them. */
let clock = 0;

const openStore = (): PassageStore =>
  openSqliteStore({ path: join(folder.path, "store.db"), storeKey, rowsPerBlock: layout.rowsPerBlock });
const openIndex = (): ScoringIndex =>
  openScoringIndex({ layout, hintKey, threads: 2, cachePath: join(folder.path, "scoring.cache") });

beforeEach(() => {
  folder = temporaryFolder();
  [store, writer] = [openStore(), openStore()];
  index = openIndex();
  collection = new Collection(store, index, () => clock);
});
afterEach(async () => {
  await index.close();
  for (const each of [store, writer]) each.close();
  folder[Symbol.dispose]();
});

function refreshAt(ms: number): ReturnType<Collection["refresh"]> {
  clock = ms;
  return collection.refresh();
}

function document(key: string, version: number, passages = 1): DocumentRecord {
  return {
    documentKey: key,
    contentHash: String(version),
    passages: Array.from({ length: passages }, (_, ordinal) => ({ documentId: key, title: "", text: key, ordinal })),
    vectors: Array.from({ length: passages }, (_, i) => seeded(version * 1000 + i).vector(layout.dim)),
  };
}

const rewrite = (version: number, documents = DOCUMENTS): void =>
  writer.apply({ put: Array.from({ length: documents }, (_, i) => document(`/${i.toString()}`, version)), remove: [] });

/** Every row there is, as one text. */
const rowsOf = (blocks: readonly number[], rowAt: (block: number, slot: number) => number | null): string =>
  blocks
    .flatMap((block) => Array.from({ length: layout.rowsPerBlock }, (_, slot) => rowAt(block, slot)))
    .filter((row) => row !== null)
    .sort((a, b) => a - b)
    .join();
const storedRows = (): string =>
  [...writer.blockRevisions().keys()]
    .flatMap((block) => writer.rowIdsOfBlock(block).map(({ rowId }) => rowId))
    .sort((a, b) => a - b)
    .join();

async function scoredRows(query: Uint8Array): Promise<string> {
  const { answer, rowAt } = await collection.score(query, new AbortController().signal);
  return rowsOf(
    answer.blocks.map(({ block }) => block),
    rowAt,
  );
}

test("queries see each transaction of an ingest wholly or not at all, while one follows the other", async () => {
  const query = await encryptedQuery(layout);
  const versions = new Set([""]);
  let writing = true;
  const seen = new Map<string, number>();
  const ask = async (): Promise<void> => {
    while (writing) {
      const rows = await scoredRows(query);
      seen.set(rows, (seen.get(rows) ?? 0) + 1);
    }
  };
  const asking = [ask(), ask(), ask()];
  for (let version = 1; version <= 12; version++) {
    // Fewer and more documents by turns, so that blocks come and go; some refreshes meet a transaction that is newer than their counter.
    rewrite(version, version % 3 === 0 ? 40 : DOCUMENTS);
    versions.add(storedRows());
    const refreshing = refreshAt(version);
    await nextTurn();
    rewrite(100 + version);
    versions.add(storedRows());
    await refreshing;
    await refreshAt(version);
  }
  writing = false;
  await Promise.all(asking);
  for (const rows of seen.keys()) expect(versions).toContain(rows);
  expect(seen.size).toBeGreaterThan(5);
  expect(await scoredRows(query)).toBe(storedRows());
});

test("rows that were scored can be told long after their blocks have changed", async () => {
  rewrite(1);
  await refreshAt(0);
  const before = storedRows();
  const { answer, rowAt } = await collection.score(await encryptedQuery(layout), new AbortController().signal);
  rewrite(2);
  await refreshAt(1);
  expect(storedRows()).not.toBe(before);
  const blocks = answer.blocks.map(({ block }) => block);
  expect(rowsOf(blocks, rowAt)).toBe(before);
  expect([rowAt(99, 0), rowAt(0, 32), rowAt(0, -1)]).toEqual([null, null, null]);
});

test("a passage that changes under its vector makes another version, and each row leads to the root that was described", async () => {
  const put = (text: string): void => {
    const at = (position: number): DocumentRecord => {
      const one = document(`/${position.toString()}`, position);
      return { ...one, position, passages: one.passages.map((passage) => ({ ...passage, text })) };
    };
    writer.apply({ put: [at(0), at(5), at(9)], remove: [] });
  };
  const query = await encryptedQuery(layout);
  put("before");
  await refreshAt(0);
  const [before] = collection.describe(new Set());
  const { answer } = await collection.score(query, new AbortController().signal);
  const { version } = answer.blocks[0]!;
  put("after");
  await refreshAt(1);
  const [after] = collection.describe(new Set());
  expect([after?.hint, after?.occupied]).toEqual([before?.hint, before?.occupied]);
  expect(after?.version).not.toBe(before?.version);
  expect(before?.version).toBe(blockVersion({ ...before!, description: descriptionHash(before!) }));
  for (const slot of [0, 5, 9]) {
    const { rowId, stated } = collection.committedRow(version, slot)!;
    expect(sodium.to_hex(stated.version)).toBe(before?.version);
    expect(rootOfPath(stated.leaf, slot, stated.path)).toEqual(before?.passages);
    // Gone since, and still committed to.
    expect(writer.passages([rowId])).toEqual([]);
  }
  expect([1, 99].map((slot) => collection.committedRow(version, slot))).toEqual([null, null]);
  expect(collection.committedRow("no such version", 0)).toBeNull();
  await refreshAt(2 + limits.fetchWindowMs);
  expect(collection.committedRow(version, 0)).toBeNull();
  expect(collection.committedRow(after?.version ?? "", 0)).not.toBeNull();
});

test("describes replaced versions for as long as an answer may name them, and those that came back for ever", async () => {
  const described = (...versions: string[]): string[] =>
    collection.describeVersions(new Set(versions)).map(({ version, hint }) => `${version} ${hint.length.toString()}`);
  const complete = (version = ""): string => `${version} ${layout.hintBytes.toString()}`;
  rewrite(1, 20);
  await refreshAt(0);
  const [first = ""] = collection.describe(new Set()).map(({ version }) => version);
  writer.apply({ put: [document("/more", 9)], remove: [] });
  await refreshAt(1000);
  const [second = ""] = collection.describe(new Set()).map(({ version }) => version);
  expect(described(first, second, "no such version")).toEqual([complete(first), complete(second)]);
  expect(collection.describe(new Set([second])).map(({ hint }) => hint.length)).toEqual([0]);

  writer.apply({ put: [], remove: ["/more"] });
  await refreshAt(2000);
  expect(collection.describe(new Set()).map(({ version }) => version)).toEqual([first]);
  await refreshAt(2000 + limits.fetchWindowMs);
  expect(described(first, second)).toEqual([complete(first), complete(second)]);
  await refreshAt(2001 + limits.fetchWindowMs);
  expect(described(first, second)).toEqual([complete(first)]);
});

test("encodes what has changed and nothing else; the next node finds it encoded", async () => {
  rewrite(1);
  expect(await refreshAt(0)).toEqual({ changed: 4, restored: 0 });
  expect(await refreshAt(1)).toEqual({ changed: 0, restored: 0 });
  const before = new Map([0, 1, 2, 3].map((block) => [block, index.describe(block)?.version]));
  writer.apply({ put: [document("/new", 5)], remove: [] });
  expect(await refreshAt(2)).toEqual({ changed: 1, restored: 0 });
  const changed = [0, 1, 2, 3].filter((block) => index.describe(block)?.version !== before.get(block));
  expect(changed).toEqual([3]);
  expect(collection.rowCount).toBe(101);

  await index.close();
  index = openIndex();
  collection = new Collection(store, index, () => clock);
  expect(await refreshAt(3)).toEqual({ changed: 4, restored: 4 });
  expect(collection.rowCount).toBe(101);
  expect(await scoredRows(await encryptedQuery(layout))).toBe(storedRows());
});

describe("a store that goes back to a backup", () => {
  test("is not served from what was encoded since, though it has changed as often", async () => {
    rewrite(1, 20);
    writer.close();
    const backup = join(folder.path, "backup.db");
    const saved = new DatabaseSync(join(folder.path, "store.db"));
    saved.exec(`VACUUM INTO '${backup}'`);
    saved.close();
    writer = openStore();
    rewrite(2, 20);
    await refreshAt(0);
    const lost = index.describe(0)?.version;
    await index.close();

    for (const each of [store, writer]) each.close();
    const open = (): PassageStore => openSqliteStore({ path: backup, storeKey, rowsPerBlock: layout.rowsPerBlock });
    [store, writer] = [open(), open()];
    rewrite(3, 20);
    index = openIndex();
    collection = new Collection(store, index, () => clock);
    expect(await refreshAt(0)).toEqual({ changed: 1, restored: 0 });
    expect(index.describe(0)?.version).not.toBe(lost);
  });
});

test("blocks that a backup, put back under a running node, does not have are no longer served", async () => {
  rewrite(1, 20);
  const path = join(folder.path, "backup.db");
  const live = new DatabaseSync(join(folder.path, "store.db"));
  await backup(live, path);
  rewrite(2);
  await refreshAt(0);
  expect([collection.rowCount, index.describe(3)?.block]).toEqual([100, 3]);

  const saved = new DatabaseSync(path);
  await backup(saved, join(folder.path, "store.db"));
  for (const each of [saved, live]) each.close();
  expect(await refreshAt(1)).toEqual({ changed: 4, restored: 0 });
  expect(collection.rowCount).toBe(20);
  expect([1, 2, 3].map((block) => index.describe(block))).toEqual([null, null, null]);
  expect(await scoredRows(await encryptedQuery(layout))).toBe(storedRows());
});

test("a refresh that is stopped ends soon and changes nothing; the next one goes on", async () => {
  rewrite(1);
  await refreshAt(0);
  const before = storedRows();
  rewrite(2, 400);
  const stop = new AbortController();
  const refreshing = collection.refresh(stop.signal);
  stop.abort();
  expect(await refreshing).toEqual({ changed: 0, restored: 0 });
  expect(await scoredRows(await encryptedQuery(layout))).toBe(before);
  const { changed, restored } = await refreshAt(1);
  // Those that were encoded before it stopped are in the cache.
  expect(changed).toBe(13);
  expect(restored).toBeLessThan(13);
  expect(await scoredRows(await encryptedQuery(layout))).toBe(storedRows());
});

test("counts the time that a replaced version is known from the commit", async () => {
  rewrite(1);
  await refreshAt(0);
  const old = collection.describe(new Set()).map(({ version }) => version);
  rewrite(2);
  const refreshing = refreshAt(0);
  clock = 1_000_000;
  await refreshing;
  await collection.refresh();
  expect(collection.describeVersions(new Set(old)).length).toBe(4);
});

test("a row that was tampered with stops the refresh, and what was served is served on", async () => {
  rewrite(1);
  await refreshAt(0);
  const [query, before] = [await encryptedQuery(layout), storedRows()];
  rewrite(2);
  const file = new DatabaseSync(join(folder.path, "store.db"));
  file.exec("UPDATE rows SET sealed_vector = zeroblob(300) WHERE block = 3");
  file.close();
  await expect(refreshAt(1)).rejects.toEqual(fault("STORE_TAMPERED"));
  expect(await scoredRows(query)).toBe(before);
  rewrite(3);
  await refreshAt(2);
  expect(await scoredRows(query)).toBe(storedRows());
});
