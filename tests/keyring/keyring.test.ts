import { chmodSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "@jest/globals";
import { Keyring, type KeyringEntry, keyringLimits, newCollectionKey } from "../../party-node/keyring/index.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { PASSPHRASE, cheap, entryOf, failureOf, fullEntryOf, secretsOf, textOf } from "./entries.ts";

const code = (expected: string) => expect.objectContaining({ code: expected });

function workspace() {
  const folder = temporaryFolder();
  return { ...folder, folder: folder.path, path: join(folder.path, "keyring.json") };
}

/** The file's JSON, changed behind the keyring's back. */
function meddle(
  path: string,
  change: (json: { entries: Record<string, unknown>[] } & Record<string, unknown>) => unknown,
): void {
  const json = JSON.parse(readFileSync(path, "utf8")) as Parameters<typeof change>[0];
  writeFileSync(path, JSON.stringify(change(json) ?? json), { mode: 0o600 });
}

test("new keys have random ids of 16 bytes and secrets of 32", () => {
  const keys = Array.from({ length: 100 }, newCollectionKey);
  for (const { id, secret } of keys) {
    expect(id).toMatch(/^[0-9a-f]{32}$/);
    expect(secret.length).toBe(32);
  }
  expect(new Set(keys.map(({ id }) => id)).size).toBe(100);
  expect(new Set(keys.map(({ secret }) => Buffer.from(secret).toString("hex"))).size).toBe(100);
});

describe("a keyring", () => {
  test("that has no file is empty, and leaves none behind", async () => {
    using w = workspace();
    using keyring = await Keyring.open(w.path);
    expect(keyring.entries).toEqual([]);
    expect(keyring.get("papers")).toBeNull();
    expect(keyring.isProtected).toBe(false);
    expect(readdirSync(w.folder)).toEqual([]);
  });

  test("gives back what was put into it, after it is opened again", async () => {
    using w = workspace();
    const [papers, notes] = [fullEntryOf("papers"), entryOf("notes")];
    using keyring = await Keyring.open(w.path);
    keyring.put(papers);
    keyring.add(notes);
    expect(statSync(w.path).mode & 0o777).toBe(0o600);
    expect(readdirSync(w.folder).toSorted()).toEqual(["keyring.json", "keyring.json.lock"]);
    using again = await Keyring.open(w.path);
    for (const one of [keyring, again]) {
      expect(one.entries).toEqual([papers, notes]);
      expect(one.require("papers")).toEqual(papers);
    }
  });

  test("finds a key by its id, whichever of an entry's keys it is", async () => {
    using w = workspace();
    using keyring = await Keyring.open(w.path);
    const papers = fullEntryOf("papers");
    keyring.put(entryOf("notes"));
    keyring.put(papers);
    const keys = [papers.current, papers.next ?? newCollectionKey(), ...papers.retired];
    expect(keys.length).toBe(4);
    for (const key of keys) expect(keyring.findKey(key.id)).toEqual({ entry: papers, key });
    expect(keyring.findKey("00".repeat(16))).toBeNull();
  });

  test("replaces, updates and removes", async () => {
    using w = workspace();
    using keyring = await Keyring.open(w.path);
    const [papers, notes] = [entryOf("papers"), entryOf("notes")];
    keyring.put(papers);
    keyring.put(notes);
    const next = newCollectionKey();
    keyring.put({ ...papers, next });
    expect(keyring.entries).toEqual([{ ...papers, next }, notes]);
    keyring.update("papers", (entry) => ({
      ...entry,
      current: entry.next ?? entry.current,
      next: null,
      retired: [entry.current],
    }));
    expect(keyring.require("papers")).toEqual({ ...papers, current: next, retired: [papers.current] });
    keyring.remove("papers");
    expect(keyring.entries).toEqual([notes]);
    for (const call of [
      () => keyring.remove("papers"),
      () => keyring.update("papers", (entry) => entry),
      () => keyring.require("papers"),
    ])
      expect(call).toThrow(code("COLLECTION_NOT_FOUND"));
  });

  test("takes in what another one wrote before its own change", async () => {
    using w = workspace();
    using one = await Keyring.open(w.path);
    using other = await Keyring.open(w.path);
    const [papers, notes] = [entryOf("papers"), entryOf("notes")];
    one.put(papers);
    other.put(notes);
    expect(other.entries).toEqual([papers, notes]);
    const next = newCollectionKey();
    one.update("notes", (entry) => ({ ...entry, next }));
    using last = await Keyring.open(w.path);
    expect(last.entries).toEqual([papers, { ...notes, next }]);
  });

  test("wipes every secret when it is disposed of, and is of no use then", async () => {
    using w = workspace();
    const keyring = await Keyring.open(w.path);
    keyring.put(fullEntryOf("papers"));
    const before = keyring.require("papers");
    keyring.put(entryOf("notes"));
    const handedOut = [before, ...keyring.entries].flatMap(({ current, next, retired }) => [current, next, ...retired]);
    keyring[Symbol.dispose]();
    expect(handedOut.length).toBeGreaterThan(8);
    for (const key of handedOut) if (key) expect([...key.secret]).toEqual(Array(32).fill(0));
    for (const call of [() => keyring.entries, () => keyring.put(entryOf("more")), () => keyring.unprotect()])
      expect(call).toThrow(TypeError);
  });

  test("copies what it is given", async () => {
    using w = workspace();
    const papers = entryOf("papers");
    const secret = papers.current.secret.slice();
    const keyring = await Keyring.open(w.path);
    keyring.put(papers);
    keyring[Symbol.dispose]();
    expect(papers.current.secret).toEqual(secret);
  });
});

describe("refuses", () => {
  test.each([0o640, 0o604, 0o660, 0o610, 0o644])("a file of mode %o, and says what to do", async (mode) => {
    using w = workspace();
    using keyring = await Keyring.open(w.path);
    keyring.put(entryOf("papers"));
    chmodSync(w.path, mode);
    await expect(Keyring.open(w.path)).rejects.toThrow(code("KEYRING_MODE"));
    await expect(Keyring.open(w.path)).rejects.toThrow(`chmod 600 ${w.path}`);
    expect(() => keyring.put(entryOf("notes"))).toThrow(code("KEYRING_MODE"));
  });

  const key = newCollectionKey();
  const secret = Buffer.from(key.secret).toString("base64");
  const inJson = { id: key.id, secret };
  const first = (json: { entries: Record<string, unknown>[] }) => json.entries[0] ?? {};
  test.each<{ id: string; change: Parameters<typeof meddle>[1] }>([
    { id: "another version", change: (json) => ({ ...json, version: 2 }) },
    { id: "no version", change: ({ entries }) => ({ entries }) },
    { id: "no entries", change: () => ({ version: 1 }) },
    { id: "an unknown field", change: (json) => ({ ...json, comment: secret }) },
    { id: "a list", change: () => [secret] },
    { id: "a text", change: () => secret },
    { id: "both clear and sealed", change: (json) => ({ ...json, sealed: secret }) },
    { id: "an unknown field in an entry", change: (json) => void (first(json)["comment"] = secret) },
    { id: "a name that could leave the folder", change: (json) => void (first(json)["name"] = `../${secret}`) },
    { id: "a mode of its own", change: (json) => void (first(json)["mode"] = "clear") },
    {
      id: "a fingerprint too short",
      change: (json) => void (first(json)["encoder"] = { fingerprint: "ab", dim: 3, normMax: 1 }),
    },
    {
      id: "no dimensions",
      change: (json) => void (first(json)["encoder"] = { fingerprint: "ab".repeat(32), dim: 0, normMax: 1 }),
    },
    {
      id: "a huge dimension",
      change: (json) => void (first(json)["encoder"] = { fingerprint: "ab".repeat(32), dim: 1e9, normMax: 1 }),
    },
    {
      id: "a beta of zero",
      change: (json) => void (first(json)["sealing"] = { scale: 1, beta: 0, rotation: false, epsilon: null }),
    },
    {
      id: "an epsilon of zero",
      change: (json) => void (first(json)["sealing"] = { scale: 1, beta: 1, rotation: false, epsilon: 0 }),
    },
    { id: "`double` without ring", change: (json) => void (first(json)["mode"] = "double") },
    {
      id: "a ring without `double`",
      change: (json) => void (first(json)["scoring"] = { chunk: 16, scoreBits: 14, seed: secret }),
    },
    {
      id: "a chunk of its own",
      change: (json) =>
        void Object.assign(first(json), { mode: "double", scoring: { chunk: 17, scoreBits: 14, seed: secret } }),
    },
    {
      id: "ciphertexts too long to be scored",
      change: (json) =>
        void Object.assign(first(json), {
          mode: "double",
          scoring: { chunk: 16, scoreBits: 14, seed: secret },
          sealing: { scale: 1e6, beta: 1, rotation: false, epsilon: null },
        }),
    },
    {
      id: "a secret too short",
      change: (json) => void (first(json)["current"] = { id: key.id, secret: secret.slice(0, 40) }),
    },
    {
      id: "a secret in another base64",
      change: (json) => void (first(json)["current"] = { id: key.id, secret: secret.slice(0, 43) }),
    },
    { id: "no secret", change: (json) => void (first(json)["current"] = { id: key.id }) },
    { id: "an id in capitals", change: (json) => void (first(json)["current"] = { id: "AB".repeat(16), secret }) },
    { id: "no current key", change: (json) => void (first(json)["current"] = null) },
    {
      id: "one key twice in an entry",
      change: (json) => void Object.assign(first(json), { current: inJson, next: inJson }),
    },
    { id: "one key in two entries", change: (json) => void (first(json)["next"] = json.entries[1]?.["current"]) },
    { id: "one name twice", change: (json) => void (first(json)["name"] = "notes") },
    {
      id: "too many retired keys",
      change: (json) =>
        void (first(json)["retired"] = Array.from({ length: keyringLimits.retiredKeysMax + 1 }, (_, i) => ({
          id: i.toString(16).padStart(32, "0"),
          secret,
        }))),
    },
    {
      id: "too many entries",
      change: (json) => ({
        ...json,
        entries: Array.from({ length: keyringLimits.entriesMax + 1 }, (_, i) => ({
          ...first(json),
          name: `n${String(i)}`,
          current: { id: i.toString(16).padStart(32, "0"), secret },
        })),
      }),
    },
  ])("a file with $id, without quoting it", async ({ change }) => {
    using w = workspace();
    using keyring = await Keyring.open(w.path);
    keyring.put(entryOf("papers"));
    keyring.put(entryOf("notes"));
    const secrets = [secret.slice(0, 20), ...keyring.entries.flatMap(secretsOf)];
    meddle(w.path, change);
    const spoiled = readFileSync(w.path, "utf8");
    for (const call of [() => Keyring.open(w.path), () => keyring.put(entryOf("more"))]) {
      const failure = await failureOf(call);
      expect(failure.code).toBe("KEYRING_MALFORMED");
      expect(failure.message).toMatch(/backup/);
      for (const one of secrets) expect(textOf(failure)).not.toContain(one);
    }
    expect(readFileSync(w.path, "utf8")).toBe(spoiled);
  });

  test.each([
    { id: "empty", content: "" },
    { id: "cut off", content: `{"version":1,"entries":[{"secret":"${secret}` },
    { id: "null", content: "null" },
    { id: "of zeros", content: "\0".repeat(512) },
    { id: "too large", content: " ".repeat(keyringLimits.fileBytesMax + 1) },
  ])("a file that is $id", async ({ content }) => {
    using w = workspace();
    writeFileSync(w.path, content, { mode: 0o600 });
    const failure = await failureOf(() => Keyring.open(w.path));
    expect(failure.code).toBe("KEYRING_MALFORMED");
    expect(textOf(failure)).not.toContain(secret.slice(0, 20));
  });

  test("a folder in the file's place", async () => {
    using w = workspace();
    mkdirSync(w.path, { mode: 0o700 });
    await expect(Keyring.open(w.path)).rejects.toThrow(code("KEYRING_MALFORMED"));
  });

  test.each<{ id: string; change: Partial<KeyringEntry> & Record<string, unknown> }>([
    { id: "a name of another alphabet", change: { name: "Papers!" } },
    { id: "an unknown field", change: { comment: "swordfish" } },
    { id: "a secret too short", change: { current: { id: key.id, secret: key.secret.subarray(1) } } },
    { id: "a secret that is no bytes", change: { current: { id: key.id, secret: secret as unknown as Uint8Array } } },
    { id: "a normMax that is no number", change: { encoder: { fingerprint: "ab".repeat(32), dim: 4, normMax: NaN } } },
    { id: "one key twice", change: { current: key, retired: [key] } },
    { id: "a mode without its ring", change: { mode: "double" } },
  ])("an entry with $id", async ({ change }) => {
    using w = workspace();
    using keyring = await Keyring.open(w.path);
    const papers = entryOf("papers");
    keyring.put(papers);
    const failure = await failureOf(() => keyring.put({ ...entryOf("notes"), ...change }));
    expect(failure.code).toBe("ENTRY_INVALID");
    for (const one of [...secretsOf({ ...papers, current: key }), "swordfish"])
      expect(textOf(failure)).not.toContain(one);
    using again = await Keyring.open(w.path);
    expect(again.entries).toEqual([papers]);
  });

  test("a name or a key that is taken", async () => {
    using w = workspace();
    using keyring = await Keyring.open(w.path);
    const papers = entryOf("papers");
    keyring.put(papers);
    keyring.put(entryOf("notes"));
    expect(() => keyring.add(entryOf("papers"))).toThrow(code("KEYRING_CONFLICT"));
    expect(() => keyring.put({ ...papers, name: "copy" })).toThrow(code("KEYRING_CONFLICT"));
    expect(() => keyring.update("papers", (entry) => ({ ...entry, name: "notes" }))).toThrow(code("KEYRING_CONFLICT"));
    expect(keyring.entries.map(({ name }) => name)).toEqual(["papers", "notes"]);
  });

  test("to wait for ever for another's lock", async () => {
    using w = workspace();
    using keyring = await Keyring.open(w.path);
    keyring.put(entryOf("papers"));
    using holder = new DatabaseSync(`${w.path}.lock`);
    holder.exec("BEGIN EXCLUSIVE");
    expect(() => keyring.put(entryOf("notes"))).toThrow(code("KEYRING_BUSY"));
    holder.exec("ROLLBACK");
    keyring.put(entryOf("notes"));
    expect(keyring.entries.length).toBe(2);
  });

  test("nothing that was there when it cannot write", async () => {
    using w = workspace();
    using keyring = await Keyring.open(w.path);
    const papers = entryOf("papers");
    keyring.put(papers);
    mkdirSync(`${w.path}.new`);
    expect(() => keyring.put(entryOf("notes"))).toThrow(code("KEYRING_NOT_WRITTEN"));
    await expect(keyring.protect(PASSPHRASE, cheap)).rejects.toThrow(code("KEYRING_NOT_WRITTEN"));
    expect(keyring.isProtected).toBe(false);
    expect(keyring.entries).toEqual([papers]);
    using again = await Keyring.open(w.path);
    expect(again.entries).toEqual([papers]);
    using nowhere = await Keyring.open(join(w.folder, "none", "keyring.json"));
    expect(() => nowhere.put(papers)).toThrow(code("KEYRING_NOT_WRITTEN"));
  });
});

test("the fullest keyring can be read again, and takes nothing more", async () => {
  using w = workspace();
  const name = "n".repeat(59);
  const entries = Array.from({ length: keyringLimits.entriesMax }, (_, i) => ({
    ...fullEntryOf(name + String(i).padStart(4, "0")),
    owner: "o".repeat(63),
    host: "h".repeat(63),
    retired: Array.from({ length: keyringLimits.retiredKeysMax }, newCollectionKey),
  }));
  using keyring = await Keyring.open(w.path);
  keyring.put(fullEntryOf("first"));
  const json = JSON.parse(readFileSync(w.path, "utf8")) as { entries: unknown[] };
  const asJson = (entry: KeyringEntry): unknown =>
    JSON.parse(
      JSON.stringify(entry, (_, value: unknown) =>
        value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value,
      ),
    );
  json.entries = entries.slice(1).map(asJson);
  writeFileSync(w.path, JSON.stringify(json), { mode: 0o600 });
  keyring.put(entries[0]!);
  expect(() => keyring.put(entryOf("more"))).toThrow(code("KEYRING_FULL"));
  await keyring.protect(PASSPHRASE, cheap);
  expect(statSync(w.path).size).toBeLessThan(keyringLimits.fileBytesMax);
  using again = await Keyring.open(w.path, async () => PASSPHRASE);
  expect(again.entries.length).toBe(keyringLimits.entriesMax);
});
