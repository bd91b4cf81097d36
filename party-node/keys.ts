import { closeSync, fstatSync, fsyncSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { Fault } from "../crypto/fault.ts";
import { sodium } from "../crypto/sodium.ts";

export type KeyFileFaultCode = "KEY_FILE_EXISTS" | "KEY_FILE_MISSING" | "KEY_FILE_MALFORMED" | "KEY_FILE_MODE";

/** An Ed25519 key pair in libsodium's form. */
export interface IdentityKeyPair {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 64 bytes: the seed, then the public key. */
  readonly privateKey: Uint8Array;
}

/** All secrets of a node, each derived from the one seed in its key file. */
export interface NodeKeys {
  /** Proves who the node is to its federation. */
  readonly identity: IdentityKeyPair;
  /** 32 bytes; seals the store. */
  readonly storeKey: Uint8Array;
  /** 32 bytes; drives the error added to hints (DESIGN.md 4.3). */
  readonly hintKey: Uint8Array;
}

const SEED_BYTES = 32;
const BASE64 = /^[A-Za-z0-9+/]{43}=$/;

/**
 * Makes a new key file with a random seed, mode 0600.
 *
 * @throws Fault KEY_FILE_EXISTS: a key file is never overwritten, for the store and identity behind it would be lost.
 */
export function createKeyFile(path: string): void {
  const seed = sodium.to_base64(sodium.randombytes_buf(SEED_BYTES), sodium.base64_variants.ORIGINAL);
  const file = openNew(path);
  try {
    writeFileSync(file, JSON.stringify({ version: 1, seed }) + "\n");
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/**
 * Reads a key file and derives the node's keys from it.
 *
 * @throws Fault KEY_FILE_MISSING, KEY_FILE_MODE (group or others have any right to it), KEY_FILE_MALFORMED.
 */
export function loadKeyFile(path: string): NodeKeys {
  const seed = parseSeed(readPrivate(path), path);
  const derive = (context: string): Uint8Array => sodium.crypto_kdf_derive_from_key(32, 1, context, seed);
  const identitySeed = derive("identity");
  const { publicKey, privateKey } = sodium.crypto_sign_seed_keypair(identitySeed);
  const keys = { identity: { publicKey, privateKey }, storeKey: derive("storekey"), hintKey: derive("hint-key") };
  sodium.memzero(seed);
  sodium.memzero(identitySeed);
  return keys;
}

function openNew(path: string): number {
  try {
    return openSync(path, "wx", 0o600);
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
    throw new Fault<KeyFileFaultCode>(
      "KEY_FILE_EXISTS",
      `${path} exists already and is not overwritten. Use it, or choose another file for the new node.`,
      error,
    );
  }
}

function readPrivate(path: string): string {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
    throw new Fault<KeyFileFaultCode>(
      "KEY_FILE_MISSING",
      `There is no key file ${path}. Create one, or correct the path in the node's config.`,
      error,
    );
  }
  try {
    refuseSharedMode(fstatSync(file).mode, path);
    return readFileSync(file, "utf8");
  } finally {
    closeSync(file);
  }
}

function refuseSharedMode(mode: number, path: string): void {
  const others = mode & 0o077;
  if (others === 0 || process.platform === "win32") return; // Windows reports no such rights
  throw new Fault<KeyFileFaultCode>(
    "KEY_FILE_MODE",
    `Key file ${path} has mode ${(mode & 0o777).toString(8).padStart(4, "0")}: others than its owner have rights to it. ` +
      `Run: chmod 600 ${path}`,
  );
}

function parseSeed(text: string, path: string): Uint8Array {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = null; // the parser's message would quote the key file
  }
  const known = typeof value === "object" && value !== null && Object.keys(value).sort().join() === "seed,version";
  const { version, seed } = (known ? value : {}) as { version?: unknown; seed?: unknown };
  if (version !== 1 || typeof seed !== "string" || !BASE64.test(seed)) {
    throw new Fault<KeyFileFaultCode>(
      "KEY_FILE_MALFORMED",
      `${path} is no key file: expected {"version":1,"seed":"..."} with 32 bytes in base64. Restore it from a backup.`,
    );
  }
  return new Uint8Array(Buffer.from(seed, "base64"));
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code;
}
