import { closeSync, fstatSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { Fault } from "../crypto/fault.ts";
import { sodium } from "../crypto/sodium.ts";
import { isErrno, refuseSharedMode } from "./private-file.ts";

export type KeyFileFaultCode = "KEY_FILE_EXISTS" | "KEY_FILE_MISSING" | "KEY_FILE_MALFORMED" | "KEY_FILE_MODE";

/** An Ed25519 key pair in libsodium's form. */
export interface IdentityKeyPair {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 64 bytes: the seed, then the public key. */
  readonly privateKey: Uint8Array;
}

/** All secrets of a node, from the seeds in its key file: one for what it keeps, one for who it is, which can be replaced. */
export interface NodeKeys {
  /** Proves who the node is to its federation. */
  readonly identity: IdentityKeyPair;
  /** What is to be its identity next, once the federation's log says so. */
  readonly next: IdentityKeyPair | null;
  /** 32 bytes; seals the store. */
  readonly storeKey: Uint8Array;
  /** 32 bytes; drives the error added to hints (DESIGN.md 4.3). */
  readonly hintKey: Uint8Array;
}

const SEED_BYTES = 32;
const seed = z.string().regex(/^[A-Za-z0-9+/]{43}=$/);
const keyFileSchema = z.discriminatedUnion("version", [
  // Made by 0.1.0: the identity is derived from the same seed.
  z.strictObject({ version: z.literal(1), seed }),
  z.strictObject({ version: z.literal(2), seed, identity: seed, next: seed.optional() }),
]);
type KeyFile = z.infer<typeof keyFileSchema>;

const newSeed = (): string => sodium.to_base64(sodium.randombytes_buf(SEED_BYTES), sodium.base64_variants.ORIGINAL);

/**
 * Makes a new key file with random seeds, mode 0600.
 *
 * @throws Fault KEY_FILE_EXISTS: a key file is never overwritten, for the store and identity behind it would be lost.
 */
export function createKeyFile(path: string): void {
  writeKeyFile(openNew(path), { version: 2, seed: newSeed(), identity: newSeed() });
}

function writeKeyFile(file: number, content: KeyFile): void {
  try {
    writeFileSync(file, `${JSON.stringify(content)}\n`);
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
  const file = parseKeyFile(readPrivate(path), path);
  const seed = fromBase64(file.seed);
  const derive = (context: string): Uint8Array => sodium.crypto_kdf_derive_from_key(32, 1, context, seed);
  const identity = keyPair(file.version === 1 ? derive("identity") : fromBase64(file.identity));
  const next = file.version === 2 && file.next !== undefined ? keyPair(fromBase64(file.next)) : null;
  const keys = { identity, next, storeKey: derive("storekey"), hintKey: derive("hint-key") };
  sodium.memzero(seed);
  return keys;
}

const fromBase64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64"));

function keyPair(seed: Uint8Array): IdentityKeyPair {
  const { publicKey, privateKey } = sodium.crypto_sign_seed_keypair(seed);
  sodium.memzero(seed);
  return { publicKey, privateKey };
}

/** Puts the identity that is to be next into the key file; one that is there already stays, for it may be in use. @returns It. */
export function prepareNextIdentity(path: string): IdentityKeyPair {
  const { next } = changeKeyFile(path, (file) => ({ ...file, next: file.next ?? newSeed() }));
  return keyPair(fromBase64(next ?? ""));
}

/** Makes the next identity the node's only one: the one before is gone. What the store is sealed with stays as it is. */
export function takeNextIdentity(path: string): void {
  changeKeyFile(path, ({ next, ...file }) => ({ ...file, identity: next ?? file.identity }));
}

type KeyFileNow = Extract<KeyFile, { version: 2 }>;

function changeKeyFile(path: string, change: (file: KeyFileNow) => KeyFileNow): KeyFileNow {
  const file = parseKeyFile(readPrivate(path), path);
  const { privateKey } = loadKeyFile(path).identity;
  const identity = sodium.to_base64(privateKey.subarray(0, SEED_BYTES), sodium.base64_variants.ORIGINAL);
  const changed = change(file.version === 1 ? { version: 2, seed: file.seed, identity } : file);
  const unfinished = `${path}.new`;
  rmSync(unfinished, { force: true });
  writeKeyFile(openNew(unfinished), changed);
  renameSync(unfinished, path);
  return changed;
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
    refuseSharedMode<KeyFileFaultCode>({ path, mode: fstatSync(file).mode, what: "Key file", code: "KEY_FILE_MODE" });
    return readFileSync(file, "utf8");
  } finally {
    closeSync(file);
  }
}

function parseKeyFile(text: string, path: string): KeyFile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = null; // the parser's message would quote the key file
  }
  const file = keyFileSchema.safeParse(value);
  if (file.success) return file.data;
  throw new Fault<KeyFileFaultCode>(
    "KEY_FILE_MALFORMED",
    `${path} is no key file: expected {"version":2,"seed":"...","identity":"..."} with 32 bytes each in base64. Restore it from a backup.`,
  );
}
