import type { DatabaseSync } from "node:sqlite";
import { hexOf } from "../../crypto/index.ts";
import type { Statements } from "../store/statements.ts";
import type { SqlCondition } from "./filter-sql.ts";
import { sealedStoreLimits as limits } from "./limits.ts";
import { Nearest, squaredDistance } from "./nearest.ts";
import type { Candidate, RowVersion, VersionedVector } from "./sealed-store.ts";
import { vectorOf } from "./sqlite-vectors.ts";

export const EVERY_ROW: SqlCondition = { sql: "true", values: [] };

/** The n-th parameter of a condition, counted from 1: the statements below have two of their own before it. */
export function conditionParameter(n: number): string {
  return `?${(n + 2).toString()}`;
}

const ROW_ID_BYTES = limits.rowIdBytes;
/** `||` puts bytes one after the other, and the cast says that they are no text. One value is handed over sooner than its three parts. */
const CANDIDATE = "version, CAST(vector || row_id || passage AS BLOB) AS packed";
const VECTOR = "version, CAST(vector || row_id AS BLOB) AS packed";

/** A row without what is not asked for: [vector][row id][passage]. */
interface PackedRow {
  readonly version: number;
  readonly packed: Uint8Array;
}

/** Reads a collection's rows. Many rows are one statement, whose CROSS JOIN keeps SQLite's loops as they are written, and so the order asked for. */
export class SqliteRows {
  readonly #database: DatabaseSync;
  readonly #sql: Statements;
  readonly #vectorBytes: number;

  constructor(database: DatabaseSync, sql: Statements, dim: number) {
    this.#database = database;
    this.#sql = sql;
    this.#vectorBytes = 4 * dim;
  }

  /** How many rows a condition matches. */
  count({ sql, values }: SqlCondition): number {
    const counted = `SELECT count(*) AS count FROM rows WHERE key > ?1 AND ?2 AND ${sql}`;
    return this.#sql.get<{ count: number }>(counted, 0, 1, ...values)?.count ?? 0;
  }

  /** The highest key of any row; 0 when there is none. */
  highKey(): number {
    return this.#sql.get<{ key: number | null }>("SELECT max(key) AS key FROM rows")?.key ?? 0;
  }

  versions(after: Uint8Array, limit: number): RowVersion[] {
    return this.#sql
      .all<{ row_id: Uint8Array; version: number }>(
        "SELECT row_id, version FROM rows WHERE row_id > ? ORDER BY row_id LIMIT ?",
        after,
        limit,
      )
      .map(({ row_id: rowId, version }) => ({ rowId, version }));
  }

  /** The first `limit` rows of these keys that are there and match, in the order of the keys. */
  byKeys(keys: readonly number[], limit: number, { sql, values }: SqlCondition): Candidate[] {
    const selected = `SELECT ${CANDIDATE} FROM json_each(?1) AS asked CROSS JOIN rows ON rows.key = asked.value
      WHERE ${sql} LIMIT ?2`;
    return this.#sql
      .all<PackedRow>(selected, JSON.stringify(keys), limit, ...values)
      .map((row) => this.#candidateOf(row));
  }

  byIds(rowIds: readonly Uint8Array[]): Candidate[] {
    return this.#selectByIds(CANDIDATE, rowIds).map((row) => this.#candidateOf(row));
  }

  vectorsByIds(rowIds: readonly Uint8Array[]): VersionedVector[] {
    return this.#selectByIds(VECTOR, rowIds).map((row) => this.#vectorOf(row));
  }

  /** The nearest rows that match and have a key above `afterKey`, nearest first, by looking at all of them. */
  scan(query: Float32Array, limit: number, where: SqlCondition, afterKey: number): Candidate[] {
    const selected = `SELECT key, vector FROM rows WHERE key > ?1 AND ?2 AND ${where.sql}`;
    const nearest = new Nearest<number>(limit);
    const rows = this.#database.prepare(selected).iterate(afterKey, 1, ...where.values);
    for (const row of rows as Iterable<{ key: number; vector: Uint8Array }>)
      nearest.add(row.key, squaredDistance(query, vectorOf(row.vector)));
    const keys = nearest.sorted().map(({ item }) => item);
    return this.byKeys(keys, limit, EVERY_ROW);
  }

  #selectByIds(columns: string, rowIds: readonly Uint8Array[]): PackedRow[] {
    const selected = `SELECT ${columns} FROM json_each(?) AS asked CROSS JOIN rows ON rows.row_id = unhex(asked.value)`;
    return this.#sql.all<PackedRow>(selected, JSON.stringify(rowIds.map((id) => hexOf(id))));
  }

  #candidateOf(row: PackedRow): Candidate {
    return { ...this.#vectorOf(row), passage: row.packed.subarray(this.#vectorBytes + ROW_ID_BYTES) };
  }

  #vectorOf({ version, packed }: PackedRow): VersionedVector {
    return {
      rowId: packed.subarray(this.#vectorBytes, this.#vectorBytes + ROW_ID_BYTES),
      version,
      vector: vectorOf(packed.subarray(0, this.#vectorBytes)),
    };
  }
}
