import type pg from "pg";
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
import { type SqlCondition, filterSql } from "./filter-sql.ts";
import { sealedStoreLimits as limits } from "./limits.ts";
import { isUndefinedTable, postgresFault } from "./postgres-fault.ts";
import { createTables, migrate, tablesOf } from "./postgres-schema.ts";
import {
  changeRevision,
  countRows,
  countUpTo,
  putSql,
  selectNearest,
  selectRows,
  selectVectors,
  vectorText,
} from "./postgres-rows.ts";
import type {
  Candidate,
  CollectionSettings,
  CollectionSummary,
  RowVersion,
  SealedRow,
  SealedSearch,
  SealedStore,
  VersionedVector,
  VersionsPage,
} from "./sealed-store.ts";

export interface PostgresSealedStoreOptions {
  /** `postgresql://user:password@host:port/database`, with `sslmode` and what else the driver takes. */
  readonly url: string;
  /** Schema of the store's tables, made when it does not exist: small letters, digits, underscores; `sotto_sealed` unless said otherwise. */
  readonly schema?: string;
  /** Connections held at the same time, 4 unless said otherwise. */
  readonly connectionsMax?: number;
  /** For connecting, and for each statement; 30,000 unless said otherwise. */
  readonly timeoutMs?: number;
  /** Up to how many rows a search of an `approximate` collection looks at all of them; 2,000 unless said otherwise. */
  readonly exactRowsMax?: number;
}

const SCHEMA_NAME = /^[a-z][a-z0-9_]{0,40}$/;
/** The most that `hnsw.ef_search` may be. */
const EF_SEARCH_MAX = 1000;
/** With less, a search misses some of the nearest rows. */
const EF_SEARCH_MIN = 256;
const EVERY_ROW: SqlCondition = { sql: "true", values: [] };

/**
 * A {@link SealedStore} in a PostgreSQL database with pgvector 0.8 or later; several processes may use it. The user must be allowed to create the
 * extension `vector`, or find it created.
 *
 * Erasing drops the collection's tables, whose files PostgreSQL removes. Removed rows stay in the table's pages until autovacuum, and both in the
 * write-ahead log until it is recycled, in archives and replicas as long as these are kept.
 *
 * @throws Fault STORE_UNAVAILABLE, STORE_VERSION.
 */
export async function openPostgresSealedStore(options: PostgresSealedStoreOptions): Promise<SealedStore> {
  const {
    url,
    schema = "sotto_sealed",
    connectionsMax = 4,
    timeoutMs = 30_000,
    exactRowsMax = 2000,
    ...unknown
  } = options;
  const names = Object.keys(unknown).join(", ");
  if (names !== "") throw new TypeError(`openPostgresSealedStore: unknown option ${names}`);
  if (!SCHEMA_NAME.test(schema)) throw new TypeError("schema: expected small letters, digits and underscores");
  for (const [name, value] of Object.entries({ connectionsMax, timeoutMs, exactRowsMax }))
    if (!Number.isSafeInteger(value) || value < (name === "exactRowsMax" ? 0 : 1))
      throw new TypeError(`${name}: expected a whole number above 0`);
  const { Pool } = await import("pg");
  const pool = new Pool({
    connectionString: url,
    max: connectionsMax,
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
    statement_timeout: timeoutMs,
    application_name: "sotto",
  });
  // An idle connection that breaks is replaced by the next query; without a listener it would end the process.
  pool.on("error", () => undefined);
  const store = new PostgresSealedStore(pool, schema, exactRowsMax);
  try {
    await store.migrate();
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** A collection as a transaction finds it. */
interface Found extends CollectionSettings {
  readonly number: number;
}

class PostgresSealedStore implements SealedStore {
  readonly #pool: pg.Pool;
  readonly #schema: string;
  readonly #exactRowsMax: number;

  constructor(pool: pg.Pool, schema: string, exactRowsMax: number) {
    this.#pool = pool;
    this.#schema = schema;
    this.#exactRowsMax = exactRowsMax;
  }

  migrate(): Promise<void> {
    return this.#transaction((client) => migrate(client, this.#schema));
  }

  async createCollection(settings: CollectionSettings): Promise<void> {
    const checked = checkSettings(settings);
    const { id, dim, owner, fields, search } = checked;
    await this.#transaction(async (client) => {
      await client.query(`LOCK TABLE ${this.#schema}.collections IN SHARE ROW EXCLUSIVE MODE`);
      const { rows } = await client.query<{ id: string }>(`SELECT id FROM ${this.#schema}.collections`);
      if (rows.some((row) => row.id === id))
        fail("COLLECTION_EXISTS", `There is a collection ${id} already. Erase it, or choose another id.`);
      if (rows.length >= limits.collectionsMax)
        fail("STORE_LIMIT", `The store has ${limits.collectionsMax.toString()} collections already. Erase one.`);
      const { rows: made } = await client.query<{ number: number }>(
        `INSERT INTO ${this.#schema}.collections (id, owner, dim, fields, search) VALUES ($1, $2, $3, $4, $5) RETURNING number`,
        [id, owner, dim, JSON.stringify(fields), search],
      );
      await createTables(client, this.#schema, made[0]!.number, checked);
    });
  }

  collections(): Promise<CollectionSummary[]> {
    return this.#transaction(async (client) => {
      const { rows } = await client.query<Found>(
        `SELECT number, id, dim, owner, fields, search FROM ${this.#schema}.collections ORDER BY id`,
      );
      const summaries: CollectionSummary[] = [];
      for (const { number, ...settings } of rows)
        summaries.push({ ...settings, rowCount: await countRows(client, tablesOf(this.#schema, number).rows) });
      return summaries;
    });
  }

  rowCount(collectionId: string): Promise<number> {
    return this.#within(collectionId, (client, { number }) => countRows(client, tablesOf(this.#schema, number).rows));
  }

  async put(collectionId: string, rows: readonly SealedRow[]): Promise<void> {
    await this.#within(collectionId, async (client, collection) => {
      checkRows(rows, collection);
      if (rows.length === 0) return;
      const tables = tablesOf(this.#schema, collection.number);
      // Writers take turns, so that no other one puts a row between the look at its version and its replacement.
      await client.query(`LOCK TABLE ${tables.rows} IN SHARE ROW EXCLUSIVE MODE`);
      const ids = rows.map(({ rowId }) => Buffer.from(rowId));
      const versions = rows.map(({ version }) => version);
      const { rows: replayed } = await client.query<{ position: string }>(
        `SELECT put.position FROM unnest($1::bytea[], $2::bigint[]) WITH ORDINALITY AS put (row_id, version, position)
         JOIN (SELECT row_id, version FROM ${tables.rows} WHERE row_id = ANY ($1)
               UNION ALL SELECT row_id, version FROM ${tables.removed} WHERE row_id = ANY ($1)) AS last USING (row_id)
         WHERE put.version <= last.version LIMIT 1`,
        [ids, versions],
      );
      if (replayed[0]) {
        fail(
          "ROW_REPLAYED",
          `Row ${(Number(replayed[0].position) - 1).toString()} of the batch is not newer than the one that is or was there. Put it with a higher version.`,
        );
      }
      await client.query(`DELETE FROM ${tables.removed} WHERE row_id = ANY ($1)`, [ids]);
      await client.query(putSql(tables.rows, collection), [
        ids,
        versions,
        rows.map(({ vector }) => vectorText(vector)),
        rows.map(({ passage }) => Buffer.from(passage)),
        ...collection.fields.map(({ name }) => rows.map(({ fields }) => fields?.[name] ?? null)),
      ]);
      await changeRevision(client, tables.state);
    });
  }

  remove(collectionId: string, rowIds: readonly Uint8Array[]): Promise<number> {
    return this.#within(collectionId, async (client, { number }) => {
      checkRowIds(rowIds);
      const tables = tablesOf(this.#schema, number);
      await client.query(`LOCK TABLE ${tables.rows} IN SHARE ROW EXCLUSIVE MODE`);
      const { rowCount } = await client.query(
        `WITH gone AS (DELETE FROM ${tables.rows} WHERE row_id = ANY ($1) RETURNING row_id, version)
         INSERT INTO ${tables.removed} SELECT row_id, version FROM gone`,
        [rowIds.map((rowId) => Buffer.from(rowId))],
      );
      if (rowCount) await changeRevision(client, tables.state);
      return rowCount ?? 0;
    });
  }

  async erase(collectionId: string): Promise<void> {
    await this.#within(collectionId, async (client, { number }) => {
      const { rows, removed, state } = tablesOf(this.#schema, number);
      await client.query(`DELETE FROM ${this.#schema}.collections WHERE number = $1`, [number]);
      await client.query(`DROP TABLE ${rows}, ${removed}, ${state}`);
    });
    // Writes the small table anew, without the collection's name and owner.
    await this.#withClient((client) => client.query(`VACUUM FULL ${this.#schema}.collections`));
  }

  async versions(collectionId: string, page: VersionsPage = {}): Promise<RowVersion[]> {
    const { after, limit } = checkPage(page);
    return this.#within(collectionId, async (client, { number }) => {
      const { rows } = await client.query<{ row_id: Buffer; version: string }>(
        `SELECT row_id, version FROM ${tablesOf(this.#schema, number).rows} WHERE row_id > $1 ORDER BY row_id LIMIT $2`,
        [Buffer.from(after), limit],
      );
      return rows.map((row) => ({ rowId: new Uint8Array(row.row_id), version: Number(row.version) }));
    });
  }

  read(collectionId: string, rowIds: readonly Uint8Array[]): Promise<Candidate[]> {
    return this.#within(collectionId, (client, { number }) => {
      checkRowIds(rowIds);
      return selectRows(client, tablesOf(this.#schema, number).rows, rowIds);
    });
  }

  readVectors(collectionId: string, rowIds: readonly Uint8Array[]): Promise<VersionedVector[]> {
    return this.#within(collectionId, (client, { number }) => {
      checkRowIds(rowIds);
      return selectVectors(client, tablesOf(this.#schema, number).rows, rowIds);
    });
  }

  async revision(collectionId: string): Promise<number> {
    const { revision } = await this.#state<{ revision: string }>(collectionId, "revision");
    return Number(revision);
  }

  writeAttachment(collectionId: string, bytes: Uint8Array): Promise<void> {
    return this.#within(collectionId, async (client, { number }) => {
      checkAttachment(bytes);
      const { state } = tablesOf(this.#schema, number);
      await client.query(`UPDATE ${state} SET attachment = $1`, [Buffer.from(bytes)]);
    });
  }

  async attachment(collectionId: string): Promise<Uint8Array> {
    const { attachment } = await this.#state<{ attachment: Buffer }>(collectionId, "attachment");
    return new Uint8Array(attachment);
  }

  async search(collectionId: string, search: SealedSearch): Promise<Candidate[]> {
    const { vector, candidates, filter, ...unknown } = search;
    refuseUnknown(unknown, (what) => {
      throw new TypeError(`search: ${what}`);
    });
    return this.#within(collectionId, async (client, { number, dim, fields, search: method }) => {
      checkVector(vector, dim, "the query");
      checkCandidates(candidates);
      const { rows } = tablesOf(this.#schema, number);
      const where = (parametersBefore: number): SqlCondition =>
        filter ? filterSql(filter, fields, (n) => `$${(n + parametersBefore).toString()}`) : EVERY_ROW;
      const look = (how: "exact" | "index"): Promise<Candidate[]> =>
        selectNearest(client, rows, { vector, candidates, where: where(2), how });
      if (method === "exact") return look("exact");
      const counted = await countUpTo(client, rows, where(1), Math.max(this.#exactRowsMax, candidates) + 1);
      if (counted <= this.#exactRowsMax) return look("exact");
      await client.query(
        "SELECT set_config('hnsw.ef_search', $1, true), set_config('hnsw.iterative_scan', 'strict_order', true)",
        [Math.min(EF_SEARCH_MAX, Math.max(EF_SEARCH_MIN, 2 * candidates)).toString()],
      );
      const found = await look("index");
      return found.length < Math.min(candidates, counted) ? look("exact") : found;
    });
  }

  async close(): Promise<void> {
    if (!this.#pool.ended && !this.#pool.ending) await this.#pool.end();
  }

  #state<Row extends pg.QueryResultRow>(collectionId: string, column: "revision" | "attachment"): Promise<Row> {
    return this.#within(collectionId, async (client, { number }) => {
      const { rows } = await client.query<Row>(`SELECT ${column} FROM ${tablesOf(this.#schema, number).state}`);
      return rows[0]!;
    });
  }

  async #within<T>(id: string, work: (client: pg.PoolClient, collection: Found) => Promise<T>): Promise<T> {
    if (!isCollectionId(id)) throw unknownCollection(id);
    try {
      return await this.#transaction(async (client) => {
        const { rows } = await client.query<Found>(
          `SELECT number, id, dim, owner, fields, search FROM ${this.#schema}.collections WHERE id = $1`,
          [id],
        );
        if (!rows[0]) throw unknownCollection(id);
        return await work(client, rows[0]);
      });
    } catch (error) {
      // Somebody erased it between the look at the list and its tables.
      throw isUndefinedTable(error) ? unknownCollection(id) : error;
    }
  }

  #transaction<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    return this.#withClient(async (client) => {
      await client.query("BEGIN");
      try {
        const result = await work(client);
        await client.query("COMMIT");
        return result;
      } catch (error) {
        await client.query("ROLLBACK").catch(() => undefined);
        throw error;
      }
    });
  }

  async #withClient<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    let client: pg.PoolClient | null = null;
    const lost = { connection: false };
    const onError = (): void => void (lost.connection = true);
    try {
      if (this.#pool.ended || this.#pool.ending)
        fail("STORE_UNAVAILABLE", "The sealed store is closed. Open it again.");
      client = await this.#pool.connect();
      client.on("error", onError);
      return await work(client);
    } catch (error) {
      const fault = postgresFault(error);
      lost.connection ||= (fault as { code?: string }).code === "STORE_UNAVAILABLE";
      throw fault;
    } finally {
      client?.off("error", onError);
      client?.release(lost.connection);
    }
  }
}
