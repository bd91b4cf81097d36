import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { setImmediate } from "node:timers/promises";
import { Fault } from "../../crypto/fault.ts";
import { number } from "../store/schema.ts";
import { Statements } from "../store/statements.ts";
import { fieldColumn, filterSql } from "./filter-sql.ts";
import { IndexKeeper } from "./index-keeper.ts";
import { MatrixKeeper } from "./matrix-keeper.ts";
import { newRevision } from "./revision.ts";
import type {
  Candidate,
  CollectionSettings,
  RowVersion,
  SealedRow,
  SealedSearch,
  VersionedVector,
} from "./sealed-store.ts";
import type { SealedStoreFaultCode } from "./sealed-store-fault.ts";
import { asFaults, inTransaction, openSqliteFile, sqliteFault } from "./sqlite-file.ts";
import { EVERY_ROW, SqliteRows, conditionParameter } from "./sqlite-rows.ts";
import { nearestRows } from "./sqlite-search.ts";
import { bytesOf } from "./sqlite-vectors.ts";

export interface SqliteCollectionOptions {
  /** Of this collection alone; must be there. */
  readonly folder: string;
  readonly settings: CollectionSettings;
  readonly exactRowsMax: number;
  readonly bytesMax: number | null;
}

/** The files of a new collection. */
export function createSqliteCollection(options: SqliteCollectionOptions): void {
  openSqliteFile({
    path: databasePath(options),
    schema: schemaOf(options.settings),
    bytesMax: options.bytesMax,
  }).close();
}

/** One collection in its own folder: a database of rows, and an index file that can be made again from it. Arguments have been checked. */
export class SqliteCollection {
  readonly settings: CollectionSettings;
  readonly #options: SqliteCollectionOptions;
  /** With no more rows there is no index. */
  readonly #exactRowsMax: number;
  readonly #database: DatabaseSync;
  readonly #sql: Statements;
  readonly #rows: SqliteRows;
  readonly #keeper: IndexKeeper;
  readonly #matrix: MatrixKeeper;
  #rowCount: number;
  #closed = false;
  /** Changes and the index's upkeep, one after the other. */
  #queue: Promise<void> = Promise.resolve();

  private constructor(options: SqliteCollectionOptions, database: DatabaseSync) {
    const { settings, folder } = options;
    const { dim } = settings;
    this.settings = settings;
    this.#options = options;
    this.#exactRowsMax = settings.search === "exact" ? Infinity : options.exactRowsMax;
    this.#database = database;
    this.#sql = new Statements(database);
    this.#rows = new SqliteRows(database, this.#sql, dim);
    this.#keeper = new IndexKeeper({ sql: this.#sql, folder, dim, exactRowsMax: this.#exactRowsMax });
    this.#matrix = new MatrixKeeper(this.#sql, dim);
    this.#rowCount = number(database, "SELECT count(*) FROM rows");
  }

  /** Returns before the index has caught up with the rows; searches are right at once, and fast when it has. */
  static async open(options: SqliteCollectionOptions): Promise<SqliteCollection> {
    const database = openSqliteFile({ path: databasePath(options), schema: null, bytesMax: options.bytesMax });
    const collection = asFaults(databasePath(options), () => new SqliteCollection(options, database));
    await collection.#keeper.load();
    collection.#keepIndex().catch(() => undefined); // tried again, and reported, by the next put
    return collection;
  }

  get rowCount(): number {
    return this.#rowCount;
  }

  async put(rows: readonly SealedRow[]): Promise<void> {
    await this.#enqueue(() => this.#change((gone) => this.#replaceRows(rows, gone)));
    await this.#keepIndex();
  }

  async remove(rowIds: readonly Uint8Array[]): Promise<number> {
    let removed = 0;
    await this.#enqueue(() => {
      this.#change((gone) => {
        for (const rowId of rowIds) this.#removeRow(rowId, gone);
        removed = gone.length;
        if (removed > 0) this.#changeRevision();
      });
      // The log, too, forgets what the rows held.
      this.#database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    });
    this.#keepIndex().catch(() => undefined);
    return removed;
  }

  versions(after: Uint8Array, limit: number): RowVersion[] {
    return this.#read(() => this.#rows.versions(after, limit));
  }

  read(rowIds: readonly Uint8Array[]): Candidate[] {
    return this.#read(() => this.#rows.byIds(rowIds));
  }

  readVectors(rowIds: readonly Uint8Array[]): VersionedVector[] {
    return this.#read(() => this.#rows.vectorsByIds(rowIds));
  }

  revision(): number {
    return this.#read(() => number(this.#database, "SELECT revision FROM revision"));
  }

  writeAttachment(bytes: Uint8Array): Promise<void> {
    return this.#enqueue(() => void this.#sql.run("UPDATE attachment SET bytes = ?", bytes));
  }

  attachment(): Uint8Array {
    return this.#read(() => this.#sql.get<{ bytes: Uint8Array }>("SELECT bytes FROM attachment")!.bytes);
  }

  async search(search: SealedSearch): Promise<Candidate[]> {
    while (!search.filter && !this.#isIndexed && !this.#read(() => this.#matrix.catchUp(this.#rowCount)))
      await setImmediate();
    return this.#read(() => this.#nearest(search));
  }

  /** Waits for changes under way, saves the index and closes the files; with "discard", leaves the index unsaved. */
  async close(how: "save" | "discard" = "save"): Promise<void> {
    this.#keeper.stop();
    if (how === "save") await this.#enqueue(() => this.#keeper.save("changed")).catch(() => undefined);
    this.#closed = true;
    await this.#queue;
    if (this.#database.isOpen) this.#database.close();
  }

  /** With an index there is no matrix. */
  get #isIndexed(): boolean {
    return this.#rowCount > this.#exactRowsMax || this.#keeper.index !== null;
  }

  /** Without index and filter, by the matrix, which has all rows. */
  #nearest({ vector: query, candidates, filter }: SealedSearch): Candidate[] {
    if (!this.#isIndexed && !filter)
      return this.#rows.byKeys(this.#matrix.nearest(query, candidates), candidates, EVERY_ROW);
    const where = filter ? filterSql(filter, this.settings.fields, conditionParameter) : EVERY_ROW;
    return nearestRows(this.#rows, this.#keeper.index, {
      query,
      candidates,
      where,
      matching: filter ? this.#rows.count(where) : this.#rowCount,
      rowCount: this.#rowCount,
      exactRowsMax: this.#exactRowsMax,
    });
  }

  #enqueue(work: () => void | Promise<void>): Promise<void> {
    const done = this.#queue.then(async () => {
      this.#refuseClosed();
      try {
        await work();
      } catch (error) {
        throw sqliteFault(databasePath(this.#options), error);
      }
    });
    this.#queue = done.catch(() => undefined);
    return done;
  }

  #keepIndex(): Promise<void> {
    return this.#enqueue(async () => {
      if (this.#isIndexed) this.#matrix.drop();
      await this.#keeper.catchUp(this.#rowCount);
      await this.#keeper.save("changed much");
    });
  }

  #read<T>(work: () => T): T {
    this.#refuseClosed();
    return asFaults(databasePath(this.#options), work);
  }

  #refuseClosed(): void {
    if (this.#closed)
      throw new Fault<SealedStoreFaultCode>(
        "STORE_UNAVAILABLE",
        "The collection was closed or erased meanwhile. Open the store again, if it was not erased.",
      );
  }

  /** @param work - Adds to `gone` the keys of the rows that it deletes. */
  #change(work: (gone: number[]) => void): void {
    const gone: number[] = [];
    inTransaction(this.#database, () => {
      work(gone);
    });
    this.#matrix.remove(gone);
    this.#rowCount = number(this.#database, "SELECT count(*) FROM rows");
  }

  #changeRevision(): void {
    this.#sql.run("UPDATE revision SET revision = ?", newRevision());
  }

  #replaceRows(rows: readonly SealedRow[], gone: number[]): void {
    const columns = this.settings.fields.map((_, i) => `, ${fieldColumn(i)}`).join("");
    const parameters = this.settings.fields.map(() => ", ?").join("");
    const insert = `INSERT INTO rows (row_id, version, vector, passage${columns}) VALUES (?, ?, ?, ?${parameters})`;
    rows.forEach(({ rowId, version, vector, passage, fields }, index) => {
      const last = this.#sql.get<{ version: number | null }>(
        "SELECT max(version) AS version FROM (SELECT version FROM rows WHERE row_id = ?1 UNION ALL SELECT version FROM removed_rows WHERE row_id = ?1)",
        rowId,
      )?.version;
      if (typeof last === "number" && version <= last) throw replayed(index);
      const [old] = this.#sql.all<{ key: number }>("DELETE FROM rows WHERE row_id = ? RETURNING key", rowId);
      if (old) gone.push(old.key);
      this.#sql.run("DELETE FROM removed_rows WHERE row_id = ?", rowId);
      const values = this.settings.fields.map(({ name }) => fields?.[name] ?? null);
      this.#sql.run(insert, rowId, version, bytesOf(vector), passage, ...values);
    });
    if (rows.length > 0) this.#changeRevision();
  }

  #removeRow(rowId: Uint8Array, gone: number[]): void {
    const [row] = this.#sql.all<{ key: number; version: number }>(
      "DELETE FROM rows WHERE row_id = ? RETURNING key, version",
      rowId,
    );
    if (!row) return;
    this.#sql.run("INSERT INTO removed_rows VALUES (?, ?)", rowId, row.version);
    gone.push(row.key);
  }
}

function databasePath({ folder }: SqliteCollectionOptions): string {
  return join(folder, "rows.db");
}

function schemaOf({ fields }: CollectionSettings): string {
  const columns = fields.map(({ type }, i) => `, ${fieldColumn(i)} ${type === "number" ? "REAL" : "TEXT"}`).join("");
  const indexes = fields.map((_, i) => `CREATE INDEX by_${fieldColumn(i)} ON rows (${fieldColumn(i)});`).join("");
  return `
    CREATE TABLE rows (
      key INTEGER PRIMARY KEY AUTOINCREMENT,
      row_id BLOB NOT NULL UNIQUE,
      version INTEGER NOT NULL,
      vector BLOB NOT NULL,
      passage BLOB NOT NULL${columns}
    ) STRICT;
    ${indexes}
    CREATE TABLE removed_rows (row_id BLOB PRIMARY KEY, version INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE revision (one INTEGER PRIMARY KEY CHECK (one = 1), revision INTEGER NOT NULL) STRICT;
    INSERT INTO revision VALUES (1, 0);
    CREATE TABLE attachment (one INTEGER PRIMARY KEY CHECK (one = 1), bytes BLOB NOT NULL) STRICT;
    INSERT INTO attachment VALUES (1, x'');
    CREATE TABLE index_file (
      one INTEGER PRIMARY KEY CHECK (one = 1),
      name TEXT NOT NULL,
      hash BLOB NOT NULL,
      high_key INTEGER NOT NULL
    ) STRICT;`;
}

function replayed(index: number): Fault {
  return new Fault<SealedStoreFaultCode>(
    "ROW_REPLAYED",
    `Row ${index.toString()} of the batch is not newer than the one that is or was there. Put it with a higher version.`,
  );
}
