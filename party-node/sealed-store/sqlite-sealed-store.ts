import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { Fault } from "../../crypto/fault.ts";
import { Statements } from "../store/statements.ts";
import {
  checkAttachment,
  checkCandidates,
  checkPage,
  checkRowIds,
  checkRows,
  checkSettings,
  checkVector,
  fail,
  isCollectionId,
  refuseUnknown,
  unknownCollection,
} from "./check.ts";
import { sealedStoreLimits as limits } from "./limits.ts";
import type {
  Candidate,
  CollectionSettings,
  CollectionSummary,
  FilterableField,
  RowVersion,
  SealedRow,
  SealedSearch,
  SealedStore,
  VersionedVector,
  VersionsPage,
} from "./sealed-store.ts";
import type { SealedStoreFaultCode } from "./sealed-store-fault.ts";
import { SqliteCollection, createSqliteCollection } from "./sqlite-collection.ts";
import { asFaults, openSqliteFile, syncFolder } from "./sqlite-file.ts";

export interface SqliteSealedStoreOptions {
  /** A folder of the store's own; made, with mode 0700, when it does not exist. */
  readonly folder: string;
  /** Up to how many rows a search of an `approximate` collection looks at all of them; 20,000 unless said otherwise. */
  readonly exactRowsMax?: number;
  /** Largest size of one collection's database in bytes, its index and log not counted; none unless said. */
  readonly collectionBytesMax?: number;
}

const EXACT_ROWS_MAX = 20_000;
const COLLECTION_FOLDER = /^collection-[0-9a-f]{32}$/;
const CATALOGUE = `
  CREATE TABLE collections (
    id TEXT PRIMARY KEY,
    folder TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    dim INTEGER NOT NULL,
    fields TEXT NOT NULL,
    search TEXT NOT NULL
  ) STRICT`;

interface CatalogueRow {
  readonly id: string;
  readonly folder: string;
  readonly owner: string;
  readonly dim: number;
  readonly fields: string;
  readonly search: CollectionSettings["search"];
}

/**
 * A {@link SealedStore} in a folder: a catalogue, and for each collection a folder with an SQLite database and, for a large `approximate` one, an HNSW
 * index (usearch) over its vectors. The vectors of any other are kept in memory from the first search on. One process at a time may have it open.
 *
 * What a collection held is gone when `erase` returns: its folder is removed. What a removed row held is gone from the database and its log when
 * `remove` returns; of a replaced row, the log may keep something until it is next emptied, by a `remove` or on closing. The index file keeps the vectors of
 * both until it is made anew, when more than half of it is gone.
 *
 * @throws Fault STORE_FILE, STORE_VERSION, STORE_UNAVAILABLE, STORE_DAMAGED, STORE_FULL.
 */
export function openSqliteSealedStore(options: SqliteSealedStoreOptions): SealedStore {
  const { folder, exactRowsMax = EXACT_ROWS_MAX, collectionBytesMax, ...unknown } = options;
  const names = Object.keys(unknown).join(", ");
  if (names !== "") throw new TypeError(`openSqliteSealedStore: unknown option ${names}`);
  if (!Number.isSafeInteger(exactRowsMax) || exactRowsMax < 0)
    throw new TypeError("exactRowsMax: expected a whole number");
  if (collectionBytesMax !== undefined && !(collectionBytesMax >= 64 * 1024))
    throw new TypeError("collectionBytesMax: expected 65536 or more");
  return asFaults(folder, () => {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const catalogue = openSqliteFile({ path: join(folder, "catalogue.db"), schema: CATALOGUE, bytesMax: null });
    return new SqliteSealedStore(catalogue, { folder, exactRowsMax, bytesMax: collectionBytesMax ?? null });
  });
}

interface StoreSettings {
  readonly folder: string;
  readonly exactRowsMax: number;
  readonly bytesMax: number | null;
}

/** A collection is there when the catalogue says so: its folder is made before, and removed after, so that a kill leaves at most a folder nobody knows. */
class SqliteSealedStore implements SealedStore {
  readonly #catalogue: DatabaseSync;
  readonly #sql: Statements;
  readonly #settings: StoreSettings;
  readonly #open = new Map<string, Promise<SqliteCollection>>();

  constructor(catalogue: DatabaseSync, settings: StoreSettings) {
    this.#catalogue = catalogue;
    this.#sql = new Statements(catalogue);
    this.#settings = settings;
    const known = new Set(this.#rows().map(({ folder }) => folder));
    for (const name of readdirSync(settings.folder))
      if (COLLECTION_FOLDER.test(name) && !known.has(name)) this.#removeFolder(name);
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws must come as a rejection
  async createCollection(settings: CollectionSettings): Promise<void> {
    const checked = checkSettings(settings);
    const { id, dim, owner, fields, search } = checked;
    this.#asFaults(() => {
      const ids = this.#rows().map((row) => row.id);
      if (ids.includes(id))
        fail("COLLECTION_EXISTS", `There is a collection ${id} already. Erase it, or choose another id.`);
      if (ids.length >= limits.collectionsMax)
        fail("STORE_LIMIT", `The store has ${limits.collectionsMax.toString()} collections already. Erase one.`);
      const folder = `collection-${randomBytes(16).toString("hex")}`;
      const path = join(this.#settings.folder, folder);
      mkdirSync(path, { mode: 0o700 });
      try {
        createSqliteCollection({ ...this.#settings, folder: path, settings: checked });
        syncFolder(this.#settings.folder);
        const values = [id, folder, owner, dim, JSON.stringify(fields), search];
        this.#sql.run("INSERT INTO collections VALUES (?, ?, ?, ?, ?, ?)", ...values);
      } catch (error) {
        this.#removeFolder(folder);
        throw error;
      }
    });
  }

  async collections(): Promise<CollectionSummary[]> {
    const rows = this.#asFaults(() => this.#rows());
    return Promise.all(
      rows.map(async (row) => ({ ...settingsOf(row), rowCount: (await this.#collection(row.id)).rowCount })),
    );
  }

  async rowCount(collectionId: string): Promise<number> {
    return (await this.#collection(collectionId)).rowCount;
  }

  async put(collectionId: string, rows: readonly SealedRow[]): Promise<void> {
    const collection = await this.#collection(collectionId);
    checkRows(rows, collection.settings);
    await collection.put(rows);
  }

  async remove(collectionId: string, rowIds: readonly Uint8Array[]): Promise<number> {
    const collection = await this.#collection(collectionId);
    checkRowIds(rowIds);
    return collection.remove(rowIds);
  }

  async erase(collectionId: string): Promise<void> {
    const row = this.#asFaults(() => this.#row(collectionId));
    const opened = this.#open.get(collectionId);
    this.#asFaults(() => {
      this.#sql.run("DELETE FROM collections WHERE id = ?", collectionId);
      this.#catalogue.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    });
    this.#open.delete(collectionId);
    // Also a collection too damaged to be opened can be erased.
    await opened?.then((collection) => collection.close("discard")).catch(() => undefined);
    this.#asFaults(() => this.#removeFolder(row.folder));
  }

  async versions(collectionId: string, page: VersionsPage = {}): Promise<RowVersion[]> {
    const { after, limit } = checkPage(page);
    return (await this.#collection(collectionId)).versions(after, limit);
  }

  async read(collectionId: string, rowIds: readonly Uint8Array[]): Promise<Candidate[]> {
    const collection = await this.#collection(collectionId);
    checkRowIds(rowIds);
    return collection.read(rowIds);
  }

  async readVectors(collectionId: string, rowIds: readonly Uint8Array[]): Promise<VersionedVector[]> {
    const collection = await this.#collection(collectionId);
    checkRowIds(rowIds);
    return collection.readVectors(rowIds);
  }

  async revision(collectionId: string): Promise<number> {
    return (await this.#collection(collectionId)).revision();
  }

  async writeAttachment(collectionId: string, bytes: Uint8Array): Promise<void> {
    const collection = await this.#collection(collectionId);
    checkAttachment(bytes);
    await collection.writeAttachment(bytes);
  }

  async attachment(collectionId: string): Promise<Uint8Array> {
    return (await this.#collection(collectionId)).attachment();
  }

  async search(collectionId: string, search: SealedSearch): Promise<Candidate[]> {
    const { vector, candidates, filter, ...unknown } = search;
    refuseUnknown(unknown, (what) => {
      throw new TypeError(`search: ${what}`);
    });
    const collection = await this.#collection(collectionId);
    checkVector(vector, collection.settings.dim, "the query");
    checkCandidates(candidates);
    return collection.search(filter ? { vector, candidates, filter } : { vector, candidates });
  }

  async close(): Promise<void> {
    const opened = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(opened.map((collection) => collection.then((it) => it.close()).catch(() => undefined)));
    if (this.#catalogue.isOpen) this.#catalogue.close();
  }

  #collection(id: string): Promise<SqliteCollection> {
    let opened = this.#open.get(id);
    if (!opened) {
      const row = this.#asFaults(() => this.#row(id));
      const folder = join(this.#settings.folder, row.folder);
      opened = SqliteCollection.open({ ...this.#settings, folder, settings: settingsOf(row) });
      this.#open.set(id, opened);
      opened.catch(() => this.#open.delete(id));
    }
    return opened;
  }

  #row(id: string): CatalogueRow {
    const row = isCollectionId(id) && this.#sql.get<CatalogueRow>("SELECT * FROM collections WHERE id = ?", id);
    if (!row) throw unknownCollection(id);
    return row;
  }

  #rows(): CatalogueRow[] {
    return this.#sql.all<CatalogueRow>("SELECT * FROM collections ORDER BY id");
  }

  #removeFolder(name: string): void {
    rmSync(join(this.#settings.folder, name), { recursive: true, force: true });
    syncFolder(this.#settings.folder);
  }

  #asFaults<T>(work: () => T): T {
    if (!this.#catalogue.isOpen)
      throw new Fault<SealedStoreFaultCode>("STORE_UNAVAILABLE", "The sealed store is closed. Open it again.");
    return asFaults(join(this.#settings.folder, "catalogue.db"), work);
  }
}

function settingsOf({ id, owner, dim, fields, search }: CatalogueRow): CollectionSettings {
  return { id, dim, owner, fields: JSON.parse(fields) as FilterableField[], search };
}
