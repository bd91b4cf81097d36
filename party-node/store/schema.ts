import { DatabaseSync } from "node:sqlite";
import { closeSync, fchmodSync, openSync } from "node:fs";
import { Fault } from "../../crypto/fault.ts";
import { sodium } from "../../crypto/sodium.ts";
import { Sealer } from "./sealer.ts";
import { type StoreFaultCode, findingDamage } from "./store-fault.ts";

const APPLICATION_ID = 0x534f5454; // "SOTT"
const SCHEMA_VERSION = 3;
const BUSY_TIMEOUT_MS = 10_000;

// Since version 3.
const EXTRACTIONS = `
  CREATE TABLE extractions (
    path_hash BLOB PRIMARY KEY,
    sealed_path BLOB NOT NULL,
    sealed BLOB NOT NULL
  ) STRICT;
`;

// `sealed` columns are a Sealer's; numbers, blocks and slots are in clear: the shape of the store, nothing of its content. `commitment` is a salted hash, and
// null in rows of version 1, which had none.
const SCHEMA = `
  CREATE TABLE header (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    store_id BLOB NOT NULL,
    sealed BLOB NOT NULL,
    next_row INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE documents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key_hash BLOB NOT NULL UNIQUE,
    sealed BLOB NOT NULL
  ) STRICT;
  CREATE TABLE rows (
    id INTEGER PRIMARY KEY,
    document INTEGER NOT NULL REFERENCES documents (id),
    block INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    sealed_passage BLOB NOT NULL,
    sealed_vector BLOB NOT NULL,
    commitment BLOB,
    UNIQUE (block, slot)
  ) STRICT;
  CREATE INDEX rows_by_document ON rows (document);
  CREATE TABLE blocks (
    block INTEGER PRIMARY KEY,
    revision INTEGER NOT NULL,
    used INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE named_values (
    name_hash BLOB PRIMARY KEY,
    sealed BLOB NOT NULL
  ) STRICT;
  ${EXTRACTIONS}
  PRAGMA application_id = ${APPLICATION_ID.toString()};
  PRAGMA user_version = ${SCHEMA_VERSION.toString()};
`;

/** An open store file whose key has been checked. */
export interface OpenStoreFile {
  readonly database: DatabaseSync;
  readonly sealer: Sealer;
}

/**
 * Opens a store file (mode 0600), or makes it.
 *
 * @throws Fault STORE_FILE, STORE_VERSION, STORE_KEY, STORE_BLOCK_SIZE, STORE_DAMAGED.
 */
export function openStoreFile(path: string, storeKey: Uint8Array, rowsPerBlock: number): OpenStoreFile {
  const database = openDatabase(path);
  try {
    return findingDamage(() => {
      createOnce(database, path, storeKey, rowsPerBlock);
      upgradeOnce(database);
      return { database, sealer: unlock(database, path, storeKey, rowsPerBlock) };
    });
  } catch (error) {
    database.close();
    throw error;
  }
}

function openDatabase(path: string): DatabaseSync {
  let database: DatabaseSync | null = null;
  try {
    const file = openSync(path, "a", 0o600); // made here first: SQLite gives its -wal and -shm files the same mode
    try {
      fchmodSync(file, 0o600);
    } finally {
      closeSync(file);
    }
    const opened = new DatabaseSync(path);
    database = opened;
    findingDamage(() => {
      opened.exec(`
        PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS.toString()};
        PRAGMA page_size = 8192;
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = FULL;
        PRAGMA foreign_keys = ON;
      `);
    });
    return opened;
  } catch (error) {
    database?.close();
    throw error instanceof Fault ? error : notAStore(path, error);
  }
}

function createOnce(database: DatabaseSync, path: string, storeKey: Uint8Array, rowsPerBlock: number): void {
  if (number(database, "PRAGMA user_version") !== 0) return;
  database.exec("BEGIN IMMEDIATE");
  try {
    if (number(database, "PRAGMA user_version") === 0) {
      if (number(database, "SELECT count(*) FROM sqlite_master") !== 0) throw notAStore(path);
      database.exec(SCHEMA);
      const storeId = sodium.randombytes_buf(16);
      const header = new Sealer(storeKey, storeId).seal("header", Buffer.from(JSON.stringify({ rowsPerBlock })));
      database.prepare("INSERT INTO header VALUES (1, ?, ?, 1)").run(storeId, header);
    }
    database.exec("COMMIT");
  } catch (error) {
    database.exec("ROLLBACK");
    throw error;
  }
}

function upgradeOnce(database: DatabaseSync): void {
  const version = (): number => number(database, "PRAGMA user_version");
  if (number(database, "PRAGMA application_id") !== APPLICATION_ID || version() >= SCHEMA_VERSION) return;
  database.exec("BEGIN IMMEDIATE");
  try {
    if (version() === 1) database.exec("ALTER TABLE rows ADD COLUMN commitment BLOB");
    if (version() < SCHEMA_VERSION) database.exec(`${EXTRACTIONS} PRAGMA user_version = ${SCHEMA_VERSION.toString()}`);
    database.exec("COMMIT");
  } catch (error) {
    database.exec("ROLLBACK");
    throw error;
  }
}

function unlock(database: DatabaseSync, path: string, storeKey: Uint8Array, rowsPerBlock: number): Sealer {
  if (number(database, "PRAGMA application_id") !== APPLICATION_ID) throw notAStore(path);
  const version = number(database, "PRAGMA user_version");
  if (version > SCHEMA_VERSION) {
    throw new Fault<StoreFaultCode>(
      "STORE_VERSION",
      `${path} was written by a newer version of Sotto (format ${version.toString()}, this one knows ${SCHEMA_VERSION.toString()}). Upgrade Sotto.`,
    );
  }
  const header = database.prepare("SELECT store_id, sealed FROM header").get() as
    { store_id: Uint8Array; sealed: Uint8Array } | undefined;
  if (!header) throw notAStore(path);
  const sealer = new Sealer(storeKey, header.store_id);
  const created = openHeader(sealer, header.sealed, path);
  if (created.rowsPerBlock !== rowsPerBlock) {
    throw new Fault<StoreFaultCode>(
      "STORE_BLOCK_SIZE",
      `${path} was created with ${created.rowsPerBlock.toString()} rows a block, the federation uses ${rowsPerBlock.toString()}. ` +
        "Ingest into a new store for this federation.",
    );
  }
  return sealer;
}

function openHeader(sealer: Sealer, sealed: Uint8Array, path: string): { rowsPerBlock: number } {
  try {
    return JSON.parse(Buffer.from(sealer.open("header", sealed, "header")).toString()) as { rowsPerBlock: number };
  } catch (error) {
    throw new Fault<StoreFaultCode>(
      "STORE_KEY",
      `The node's key does not open ${path}. Use the key file the store was created with, or ingest into a new store.`,
      error,
    );
  }
}

function notAStore(path: string, cause?: unknown): Fault {
  return new Fault("STORE_FILE", `${path} cannot be opened as a store. Check the path and who may write there.`, cause);
}

/** The one number a query gives. */
export function number(database: DatabaseSync, sql: string): number {
  return Object.values(findingDamage(() => database.prepare(sql).get()) ?? {})[0] as number;
}
