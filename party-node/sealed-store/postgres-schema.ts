import type { PoolClient } from "pg";
import { Fault } from "../../crypto/fault.ts";
import { fieldColumn } from "./filter-sql.ts";
import type { CollectionSettings } from "./sealed-store.ts";
import type { SealedStoreFaultCode } from "./sealed-store-fault.ts";

/** pgvector indexes `vector` up to this; a collection with more is searched exactly. */
const INDEXED_DIM_MAX = 2000;
const CONNECTIVITY = 16;
const EXPANSION_ADD = 128;
/** Any number, the same in every Sotto: one process at a time migrates. */
const MIGRATION_LOCK = 0x534f5348;

/** What each version of the schema changed; never edited, only added to. `$schema` stands for the schema's name. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE $schema.collections (
     number integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
     id text COLLATE "C" NOT NULL UNIQUE,
     owner text NOT NULL,
     dim integer NOT NULL,
     fields jsonb NOT NULL
   )`,
  `DO $do$
   DECLARE collection integer;
   BEGIN
     FOR collection IN SELECT number FROM $schema.collections LOOP
       EXECUTE format('CREATE TABLE $schema.state_%s (revision bigint NOT NULL, attachment bytea NOT NULL)', collection);
       EXECUTE format('INSERT INTO $schema.state_%s VALUES (0, '''')', collection);
     END LOOP;
   END $do$`,
  `ALTER TABLE $schema.collections ADD COLUMN search text NOT NULL DEFAULT 'approximate'`,
];

/**
 * Makes the tables, or brings them up to date, in one transaction.
 *
 * @param schema - A checked identifier.
 * @throws Fault STORE_VERSION.
 */
export async function migrate(client: PoolClient, schema: string): Promise<void> {
  await client.query("SELECT pg_advisory_xact_lock($1)", [MIGRATION_LOCK]);
  await client.query("CREATE EXTENSION IF NOT EXISTS vector");
  await client.query(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
  await client.query(
    `CREATE TABLE IF NOT EXISTS ${schema}.migrations (version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())`,
  );
  const { rows } = await client.query<{ version: number }>(
    `SELECT coalesce(max(version), 0) AS version FROM ${schema}.migrations`,
  );
  const version = rows[0]?.version ?? 0;
  if (version > MIGRATIONS.length) {
    throw new Fault<SealedStoreFaultCode>(
      "STORE_VERSION",
      `The schema ${schema} was made by a newer version of Sotto (version ${version.toString()}, this one knows ${MIGRATIONS.length.toString()}). Upgrade Sotto.`,
    );
  }
  for (const [index, sql] of MIGRATIONS.entries()) {
    if (index < version) continue;
    await client.query(sql.replaceAll("$schema", schema));
    await client.query(`INSERT INTO ${schema}.migrations (version) VALUES ($1)`, [index + 1]);
  }
}

export interface CollectionTables {
  readonly rows: string;
  readonly removed: string;
  /** One row: the revision and the attachment. */
  readonly state: string;
}

/** A collection's tables are its own, numbered: dropping them leaves nothing for a vacuum to find. */
export function tablesOf(schema: string, number: number): CollectionTables {
  const named = (table: string): string => `${schema}.${table}_${number.toString()}`;
  return { rows: named("rows"), removed: named("removed"), state: named("state") };
}

/** Makes a collection's tables and indexes. */
export async function createTables(
  client: PoolClient,
  schema: string,
  number: number,
  { dim, fields, search }: CollectionSettings,
): Promise<void> {
  const { rows, removed, state } = tablesOf(schema, number);
  const columns = fields.map(
    ({ type }, i) => `, ${fieldColumn(i)} ${type === "number" ? "double precision" : 'text COLLATE "C"'}`,
  );
  await client.query(`CREATE TABLE ${rows} (
    row_id bytea PRIMARY KEY,
    version bigint NOT NULL,
    vector vector(${dim.toString()}) NOT NULL,
    passage bytea NOT NULL${columns.join("")}
  )`);
  await client.query(`CREATE TABLE ${removed} (row_id bytea PRIMARY KEY, version bigint NOT NULL)`);
  await client.query(`CREATE TABLE ${state} (revision bigint NOT NULL, attachment bytea NOT NULL)`);
  await client.query(`INSERT INTO ${state} VALUES (0, '')`);
  for (const index of fields.keys()) await client.query(`CREATE INDEX ON ${rows} (${fieldColumn(index)})`);
  if (search === "exact" || dim > INDEXED_DIM_MAX) return;
  await client.query(
    `CREATE INDEX ON ${rows} USING hnsw (vector vector_l2_ops) WITH (m = ${CONNECTIVITY.toString()}, ef_construction = ${EXPANSION_ADD.toString()})`,
  );
}
