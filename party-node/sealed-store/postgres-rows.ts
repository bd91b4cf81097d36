import type { PoolClient } from "pg";
import { type SqlCondition, fieldColumn } from "./filter-sql.ts";
import { newRevision } from "./revision.ts";
import type { Candidate, CollectionSettings, VersionedVector } from "./sealed-store.ts";

/** `[x, y, ...]` as pgvector reads it: the very float32 values. */
export function vectorText(vector: Float32Array): string {
  return `[${vector.join(",")}]`;
}

export async function countRows(client: PoolClient, table: string): Promise<number> {
  const { rows } = await client.query<{ count: string }>(`SELECT count(*) FROM ${table}`);
  return Number(rows[0]?.count);
}

/** Counts the rows that match, and stops at `most`. */
export async function countUpTo(client: PoolClient, table: string, where: SqlCondition, most: number): Promise<number> {
  const { rows } = await client.query<{ count: string }>(
    `SELECT count(*) FROM (SELECT 1 FROM ${table} WHERE ${where.sql} LIMIT $1) AS matching`,
    [most, ...where.values],
  );
  return Number(rows[0]?.count);
}

/** One statement for a whole batch; its parameters are the columns: ids, versions, vectors as text, passages, then each field's values. */
export function putSql(table: string, { fields }: CollectionSettings): string {
  const columns = ["row_id", "version", "vector", "passage", ...fields.map((_, i) => fieldColumn(i))];
  const types = ["bytea", "bigint", "text", "bytea"];
  for (const { type } of fields) types.push(type === "number" ? "double precision" : "text");
  const arrays = types.map((type, i) => `$${(i + 1).toString()}::${type}[]`);
  const values = columns.map((column) => (column === "vector" ? "vector::vector" : column));
  const replacing = columns.slice(1).map((column) => `${column} = excluded.${column}`);
  return `INSERT INTO ${table} (${columns.join(", ")})
    SELECT ${values.join(", ")} FROM unnest(${arrays.join(", ")}) AS put (${columns.join(", ")})
    ON CONFLICT (row_id) DO UPDATE SET ${replacing.join(", ")}`;
}

export interface NearestQuery {
  readonly vector: Float32Array;
  readonly candidates: number;
  /** Its parameters are numbered from 3. */
  readonly where: SqlCondition;
  readonly how: "exact" | "index";
}

export async function selectNearest(
  client: PoolClient,
  table: string,
  { vector, candidates, where, how }: NearestQuery,
): Promise<Candidate[]> {
  // pgvector's index serves a plain `vector <-> $1`; anything else is exact.
  const distance = how === "index" ? "vector <-> $1::vector" : "(vector <-> $1::vector) + 0";
  const { rows } = await client.query<FoundRow>(
    `SELECT row_id, version, vector_send(vector) AS vector, passage FROM ${table}
     WHERE ${where.sql} ORDER BY ${distance} LIMIT $2`,
    [vectorText(vector), candidates, ...where.values],
  );
  return rows.map(candidateOf);
}

export async function selectRows(
  client: PoolClient,
  table: string,
  rowIds: readonly Uint8Array[],
): Promise<Candidate[]> {
  return (await selectById(client, table, rowIds, ", passage")).map(candidateOf);
}

export async function selectVectors(
  client: PoolClient,
  table: string,
  rowIds: readonly Uint8Array[],
): Promise<VersionedVector[]> {
  return (await selectById(client, table, rowIds, "")).map(vectorOf);
}

/** @param state - A collection's table of one row; the last to be locked by whoever changes rows. */
export async function changeRevision(client: PoolClient, state: string): Promise<void> {
  await client.query(`UPDATE ${state} SET revision = $1`, [newRevision()]);
}

interface FoundRow {
  readonly row_id: Buffer;
  readonly version: string;
  readonly vector: Buffer;
  readonly passage: Buffer;
}

async function selectById(
  client: PoolClient,
  table: string,
  rowIds: readonly Uint8Array[],
  moreColumns: string,
): Promise<FoundRow[]> {
  const { rows } = await client.query<FoundRow>(
    `SELECT row_id, version, vector_send(vector) AS vector${moreColumns}
     FROM unnest($1::bytea[]) WITH ORDINALITY AS asked (row_id, position) JOIN ${table} USING (row_id) ORDER BY position`,
    [rowIds.map((rowId) => Buffer.from(rowId))],
  );
  return rows;
}

function candidateOf(row: FoundRow): Candidate {
  return { ...vectorOf(row), passage: new Uint8Array(row.passage) };
}

function vectorOf({ row_id: rowId, version, vector }: FoundRow): VersionedVector {
  return { rowId: new Uint8Array(rowId), version: Number(version), vector: receivedVector(vector) };
}

/** pgvector's binary form: 16-bit dimension, 16 unused bits, float32 entries, all big-endian. */
function receivedVector(bytes: Buffer): Float32Array {
  return Float32Array.from({ length: bytes.readUInt16BE(0) }, (_, i) => bytes.readFloatBE(4 + 4 * i));
}
