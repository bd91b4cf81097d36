import { Fault } from "../../crypto/fault.ts";

/**
 * - `STORE_FILE`: the file cannot be opened, or is something else than a store.
 * - `STORE_VERSION`: written by a newer version of the program.
 * - `STORE_KEY`: not the key it was created with.
 * - `STORE_BLOCK_SIZE`: created with another number of rows a block.
 * - `STORE_TAMPERED`: something in it does not open; the message names the row.
 * - `STORE_DAMAGED`: pages of the file are not as SQLite wrote them.
 * - `POSITION_TAKEN`: two documents are of one entity of the alignment.
 */
export type StoreFaultCode =
  | "STORE_FILE"
  | "STORE_VERSION"
  | "STORE_KEY"
  | "STORE_BLOCK_SIZE"
  | "STORE_TAMPERED"
  | "STORE_DAMAGED"
  | "POSITION_TAKEN";

const SQLITE_CORRUPT = 11;
const SQLITE_ERROR = 1;
const SCHEMA_MESSAGE = /^no such (column|table)|has no column named|already exists$|^duplicate column name/;

/** @throws Fault STORE_DAMAGED where SQLite finds damage; everything else as it is. */
export function findingDamage<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    const { errcode, message } = error as { errcode?: number; message?: string };
    // The schema and its version are pages of the file too, and our SQL names nothing else.
    const isSchema = errcode === SQLITE_ERROR && SCHEMA_MESSAGE.test(message ?? "");
    if (!isSchema && (errcode === undefined || (errcode & 0xff) !== SQLITE_CORRUPT)) throw error;
    throw new Fault<StoreFaultCode>(
      "STORE_DAMAGED",
      "The store's file is damaged. Check the disk; restore the store from a backup, or delete it and ingest again.",
      error,
    );
  }
}
