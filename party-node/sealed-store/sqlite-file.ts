import { closeSync, existsSync, fsyncSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Fault } from "../../crypto/fault.ts";
import { number } from "../store/schema.ts";
import type { SealedStoreFaultCode } from "./sealed-store-fault.ts";

const APPLICATION_ID = 0x534f5348; // "SOSH"
const SCHEMA_VERSION = 3;
const PAGE_BYTES = 8192;
/** Of a file, read through the system's page cache without a call for each page; a disk that fails to read there ends the process. */
const MAPPED_BYTES_MAX = 1024 * 1024 * 1024;
const BUSY_TIMEOUT_MS = 500;

export interface SqliteFileOptions {
  readonly path: string;
  /** Tables to make in a new file; null when it must be there. */
  readonly schema: string | null;
  /** SQLite's own limit on the file; null for none. */
  readonly bytesMax: number | null;
}

/**
 * Opens a database of this store (mode 0600, write-ahead log, full sync) for this process alone: another one is refused until it is closed.
 * What is deleted is overwritten in the file (`secure_delete`), and a log that a killed process left is emptied.
 *
 * @throws Fault STORE_FILE, STORE_VERSION, STORE_DAMAGED, STORE_UNAVAILABLE, STORE_FULL.
 */
export function openSqliteFile({ path, schema, bytesMax }: SqliteFileOptions): DatabaseSync {
  if (schema === null && !existsSync(path))
    throw new Fault<SealedStoreFaultCode>("STORE_DAMAGED", `${path} is missing. Put the store back from a backup.`);
  return asFaults(path, () => {
    closeSync(openSync(path, "a", 0o600)); // made here first: SQLite gives its -wal file the same mode
    const database = new DatabaseSync(path);
    try {
      database.exec(`
        PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS.toString()};
        PRAGMA locking_mode = EXCLUSIVE;
        PRAGMA page_size = ${PAGE_BYTES.toString()};
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = FULL;
        PRAGMA secure_delete = ON;
        PRAGMA mmap_size = ${MAPPED_BYTES_MAX.toString()};
      `);
      if (bytesMax !== null) database.exec(`PRAGMA max_page_count = ${Math.ceil(bytesMax / PAGE_BYTES).toString()}`);
      inTransaction(database, () => createOnce(database, path, schema));
      database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
      if (schema !== null) syncFolder(dirname(path));
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  });
}

function createOnce(database: DatabaseSync, path: string, schema: string | null): void {
  const version = number(database, "PRAGMA user_version");
  if (version === 0 && schema !== null && number(database, "SELECT count(*) FROM sqlite_master") === 0) {
    database.exec(`${schema};
      PRAGMA application_id = ${APPLICATION_ID.toString()};
      PRAGMA user_version = ${SCHEMA_VERSION.toString()}`);
  } else if (number(database, "PRAGMA application_id") !== APPLICATION_ID || version === 0) {
    throw new Fault<SealedStoreFaultCode>("STORE_FILE", `${path} is not a sealed store. Check the path.`);
  } else if (version !== SCHEMA_VERSION) {
    throw new Fault<SealedStoreFaultCode>(
      "STORE_VERSION",
      `${path} was written by another version of Sotto (format ${version.toString()}, this one knows ${SCHEMA_VERSION.toString()}). Use that version, or an empty folder.`,
    );
  }
}

/** Runs `work` wholly or not at all. */
export function inTransaction(database: DatabaseSync, work: () => void): void {
  database.exec("BEGIN IMMEDIATE");
  try {
    work();
    database.exec("COMMIT");
  } catch (error) {
    // SQLite has rolled back already where the disk was full.
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}

/** @throws Fault for what SQLite or the file system refuses; everything else as it is. */
export function asFaults<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw sqliteFault(path, error);
  }
}

const ADVICE: Readonly<Record<number, readonly [SealedStoreFaultCode, string]>> = {
  5: ["STORE_UNAVAILABLE", "is in use by another process. Only one may have a sealed store open"],
  7: ["STORE_UNAVAILABLE", "could not be read: out of memory"],
  8: ["STORE_UNAVAILABLE", "may not be written. Check its owner and mode"],
  10: ["STORE_UNAVAILABLE", "could not be read or written. Check the disk"],
  11: [
    "STORE_DAMAGED",
    "is damaged. Put the store back from a backup, or erase the collection and have its owner put it again",
  ],
  13: ["STORE_FULL", "has no room left, on the disk or in the collection's quota; nothing was changed"],
  14: ["STORE_UNAVAILABLE", "cannot be opened. Check the path and who may write there"],
  26: ["STORE_FILE", "is not a sealed store. Check the path"],
};

/** SQLite's result code, or what the file system said, as a fault. */
export function sqliteFault(path: string, error: unknown): Error {
  if (!(error instanceof Error)) return new Error(`${path}: something was thrown that is no error`, { cause: error });
  if (error.name === "Fault") return error;
  const { errcode, code } = error as { errcode?: number; code?: string };
  const primary = errcode === undefined ? SYSTEM_ERRORS.get(code ?? "") : errcode & 0xff;
  const advice = primary === undefined ? undefined : ADVICE[primary];
  return advice ? new Fault<SealedStoreFaultCode>(advice[0], `${path} ${advice[1]}.`, error) : error;
}

const SYSTEM_ERRORS = new Map([
  ["ENOSPC", 13],
  ["EDQUOT", 13],
  ["EACCES", 14],
  ["ENOENT", 14],
  ["ENOTDIR", 14],
  ["EISDIR", 14],
  ["EROFS", 8],
  ["EIO", 10],
]);

/** Makes new names in a folder survive a power cut; not every platform can. */
export function syncFolder(path: string): void {
  if (process.platform === "win32") return;
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
