import { Fault } from "../../crypto/fault.ts";

/**
 * - KEYRING_MODE: others than the file's owner have rights to it.
 * - KEYRING_MALFORMED: the file, or an exported entry, is not what this version writes.
 * - KEYRING_PROTECTED: it is under a passphrase, and none was given.
 * - KEYRING_PASSPHRASE: the passphrase is wrong, or the file was altered; the two look the same.
 * - KEYRING_CHANGED: another process has set another passphrase meanwhile.
 * - KEYRING_BUSY: another process holds the lock.
 * - KEYRING_NOT_WRITTEN: the file system refused; what was there before is still there.
 * - KEYRING_FULL: more than {@link keyringLimits} allow.
 * - KEYRING_CONFLICT: a name or a key's id is taken.
 * - COLLECTION_NOT_FOUND: the keyring has no entry of this name.
 * - ENTRY_INVALID: an entry to store, export or grant is not as {@link KeyringEntry} says.
 */
export type KeyringFaultCode =
  | "KEYRING_MODE"
  | "KEYRING_MALFORMED"
  | "KEYRING_PROTECTED"
  | "KEYRING_PASSPHRASE"
  | "KEYRING_CHANGED"
  | "KEYRING_BUSY"
  | "KEYRING_NOT_WRITTEN"
  | "KEYRING_FULL"
  | "KEYRING_CONFLICT"
  | "COLLECTION_NOT_FOUND"
  | "ENTRY_INVALID";

/**
 * - PASSPHRASE_WEAK: too short, or too long, to be one.
 * - PASSPHRASE_COST: the parameters of Argon2id are out of range.
 * - PASSPHRASE_MEMORY: the memory for Argon2id cannot be had.
 */
export type PassphraseFaultCode = "PASSPHRASE_WEAK" | "PASSPHRASE_COST" | "PASSPHRASE_MEMORY";

/** What one keyring may hold; a file within them has fewer than fileBytesMax. */
export const keyringLimits = {
  entriesMax: 256,
  retiredKeysMax: 16,
  fileBytesMax: 4 * 1024 * 1024,
  exportBytesMax: 16 * 1024,
  grantBytesMax: 8 * 1024,
  lockTimeoutMs: 5000,
} as const;

/** A parser's or schema's own message would quote the file, and the file holds keys: only `where` is told. */
export function malformed(what: string, where: string): Fault {
  return new Fault<KeyringFaultCode>(
    "KEYRING_MALFORMED",
    `${what} is not as this version of Sotto writes it (${where}). Restore it from a backup.`,
  );
}
