import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { sodium } from "../../crypto/sodium.ts";
import { createKeyFile, loadKeyFile, prepareNextIdentity, takeNextIdentity } from "../../party-node/keys.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const code = (expected: string) => expect.objectContaining({ code: expected });

test("a new key file has mode 0600, gives the same keys each time, and is never overwritten", () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "node.key");
  createKeyFile(path);
  const content = readFileSync(path, "utf8");
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(loadKeyFile(path)).toEqual(loadKeyFile(path));
  expect(() => createKeyFile(path)).toThrow(code("KEY_FILE_EXISTS"));
  expect(readFileSync(path, "utf8")).toBe(content);
  createKeyFile(join(folder.path, "other.key"));
  expect(loadKeyFile(join(folder.path, "other.key"))).not.toEqual(loadKeyFile(path));
});

// Worked out once with Python's hashlib: crypto_kdf is BLAKE2b with the subkey id as salt and the context as person.
test("derives the keys that libsodium's crypto_kdf is specified to give", () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "node.key");
  const seed = Buffer.from(Array.from({ length: 32 }, (_, i) => i)).toString("base64");
  writeFileSync(path, JSON.stringify({ version: 1, seed }), { mode: 0o600 });
  const { identity, storeKey, hintKey } = loadKeyFile(path);
  expect(sodium.to_hex(storeKey)).toBe("48fe6b58d60192735bcfb184ec2f70166c7de737cc6f427efabdb1acd910c825");
  expect(sodium.to_hex(hintKey)).toBe("2a6c5e2f6ed86ab9ba7714b79c5e256713dad29e4d682ab9035b964485bb51ea");
  expect(sodium.to_hex(identity.privateKey.subarray(0, 32))).toBe(
    "2d0087586aab4d721de354d46dd5738cef1333329b7a0917cca982a2e459f859",
  );
  const signature = sodium.crypto_sign_detached("hello", identity.privateKey);
  expect(sodium.crypto_sign_verify_detached(signature, "hello", identity.publicKey)).toBe(true);
});

test.each([1, 2])("another identity in a key file of version %i leaves what the store is sealed with", (version) => {
  using folder = temporaryFolder();
  const path = join(folder.path, "node.key");
  if (version === 1) writeFileSync(path, JSON.stringify({ version, seed: SEED }), { mode: 0o600 });
  else createKeyFile(path);
  const { identity, storeKey, hintKey } = loadKeyFile(path);
  const next = prepareNextIdentity(path);
  expect(prepareNextIdentity(path)).toEqual(next);
  expect(loadKeyFile(path)).toEqual({ identity, next, storeKey, hintKey });
  takeNextIdentity(path);
  expect(loadKeyFile(path)).toEqual({ identity: next, next: null, storeKey, hintKey });
  expect(next.publicKey).not.toEqual(identity.publicKey);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

const SEED = Buffer.alloc(32, 7).toString("base64");
test.each([0o640, 0o604, 0o660, 0o610, 0o644])("refuses mode %o and says what to do", (mode) => {
  using folder = temporaryFolder();
  const path = join(folder.path, "node.key");
  createKeyFile(path);
  chmodSync(path, mode);
  expect(() => loadKeyFile(path)).toThrow(code("KEY_FILE_MODE"));
  expect(() => loadKeyFile(path)).toThrow(`chmod 600 ${path}`);
});

test("a missing file", () => {
  using folder = temporaryFolder();
  expect(() => loadKeyFile(join(folder.path, "none"))).toThrow(code("KEY_FILE_MISSING"));
});

test.each([
  { id: "empty", content: "" },
  { id: "not JSON", content: SEED },
  { id: "null", content: "null" },
  { id: "another version", content: JSON.stringify({ version: 3, seed: SEED }) },
  { id: "without an identity", content: JSON.stringify({ version: 2, seed: SEED }) },
  { id: "no seed", content: JSON.stringify({ version: 1 }) },
  { id: "a seed too short", content: JSON.stringify({ version: 1, seed: SEED.slice(0, 40) }) },
  { id: "a seed too long", content: JSON.stringify({ version: 1, seed: Buffer.alloc(33).toString("base64") }) },
  { id: "an unknown field", content: JSON.stringify({ version: 1, seed: SEED, comment: "" }) },
])("refuses a file that is $id, without quoting it", ({ content }) => {
  using folder = temporaryFolder();
  const path = join(folder.path, "node.key");
  writeFileSync(path, content, { mode: 0o600 });
  expect(() => loadKeyFile(path)).toThrow(code("KEY_FILE_MALFORMED"));
  expect(() => loadKeyFile(path)).not.toThrow(new RegExp(SEED.slice(0, 20)));
});
