import { closeSync, fstatSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Fault } from "../../crypto/fault.ts";
import { refuseSharedMode } from "../private-file.ts";
import { type KeyringFaultCode, keyringLimits as limits, malformed } from "./keyring-fault.ts";

const SQLITE_BUSY = 5;

/**
 * @returns The file's text, or null when there is no file.
 * @throws Fault KEYRING_MODE, KEYRING_MALFORMED (no plain file, or too large).
 */
export function readKeyringFile(path: string): string | null {
  const file = openIfThere(path);
  if (file === null) return null;
  try {
    const found = fstatSync(file);
    refuseSharedMode<KeyringFaultCode>({ path, mode: found.mode, what: "Keyring", code: "KEYRING_MODE" });
    if (!found.isFile() || found.size > limits.fileBytesMax)
      throw malformed(path, `expected a file of at most ${limits.fileBytesMax} bytes`);
    return readFileSync(file, "utf8");
  } finally {
    closeSync(file);
  }
}

function openIfThere(path: string): number | null {
  try {
    return openSync(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/**
 * Replaces the file, mode 0600: whole or not at all, also when the process is killed or the machine loses power. Holders of the lock only.
 *
 * @throws Fault KEYRING_NOT_WRITTEN.
 */
export function writeKeyringFile(path: string, text: string): void {
  const fresh = `${path}.new`;
  try {
    rmSync(fresh, { force: true }); // of a killed process
    const file = openSync(fresh, "wx", 0o600);
    try {
      writeFileSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(fresh, path);
    syncFolder(dirname(path));
  } catch (cause) {
    throw notWritten(path, cause);
  }
}

function syncFolder(folder: string): void {
  if (process.platform === "win32") return; // a folder cannot be opened there
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/**
 * Runs the body while no other process, thread or keyring does so for the same file. The lock is SQLite's on an empty file: the operating
 * system drops it with the process that held it, so none is ever stale.
 *
 * @param body - Synchronous: a second caller in this thread could otherwise never get its turn.
 * @throws Fault KEYRING_BUSY after 5 s, KEYRING_NOT_WRITTEN.
 */
export function withKeyringLock<Result>(path: string, body: () => Result): Result {
  const lock = `${path}.lock`;
  using _held = acquire(lock, path);
  return body();
}

function acquire(lock: string, path: string): Disposable {
  let database: DatabaseSync | null = null;
  try {
    makeOnce(lock);
    database = new DatabaseSync(lock, { timeout: limits.lockTimeoutMs });
    database.exec("BEGIN EXCLUSIVE");
    return database;
  } catch (cause) {
    database?.close();
    if ((cause as { errcode?: unknown }).errcode !== SQLITE_BUSY) throw notWritten(lock, cause);
    throw new Fault<KeyringFaultCode>(
      "KEYRING_BUSY",
      `another process has held ${path} for ${limits.lockTimeoutMs / 1000} s; wait until it is through, then try again`,
      cause,
    );
  }
}

/** Never opens one that is there: closing it again would drop the lock that this process may hold on it (POSIX). */
function makeOnce(lock: string): void {
  try {
    closeSync(openSync(lock, "wx", 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

function notWritten(path: string, cause: unknown): Fault {
  const { code } = cause as NodeJS.ErrnoException;
  return new Fault<KeyringFaultCode>(
    "KEYRING_NOT_WRITTEN",
    `${path} cannot be written (${code ?? "unknown"}); what was there before is kept. Check the disk's free space and your rights to the folder, then try again.`,
    cause,
  );
}
