import { argon2id } from "@noble/hashes/argon2.js";
import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { argon2Sync } from "node:crypto";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import {
  Keyring,
  defaultCost,
  exportEntry,
  importEntry,
  keyringLimits,
  newCollectionKey,
} from "../../party-node/keyring/index.ts";
import { type PassphraseBox, PassphraseKey } from "../../party-node/keyring/passphrase-box.ts";
import { cbor } from "../protocol/handshake-in-noble.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { PASSPHRASE, cheap, entryOf, failureOf, fullEntryOf, secretsOf, textOf } from "./entries.ts";

const code = (expected: string) => expect.objectContaining({ code: expected });
const ask = async () => PASSPHRASE;

function workspace() {
  const folder = temporaryFolder();
  return { ...folder, path: join(folder.path, "keyring.json") };
}

const readBox = (path: string): PassphraseBox => JSON.parse(readFileSync(path, "utf8")) as PassphraseBox;
/** The description in party-node/keyring/passphrase-box.ts a second time, on other implementations. */
function openInNoble(purpose: string, { derivation, nonce, sealed }: PassphraseBox, passphrase: string): string {
  const { memoryKiB: m, passes: t, parallelism: p, salt } = derivation;
  const key = argon2id(passphrase, Buffer.from(salt, "base64"), { m, t, p, dkLen: 32 });
  const context = cbor([`sotto/1 ${purpose}`, derivation]);
  return Buffer.from(
    xchacha20poly1305(key, Buffer.from(nonce, "base64"), context).decrypt(Buffer.from(sealed, "base64")),
  ).toString();
}

describe("Argon2id", () => {
  // RFC 9106, 5.3.
  const vector = {
    message: new Uint8Array(32).fill(1),
    nonce: new Uint8Array(16).fill(2),
    secret: new Uint8Array(8).fill(3),
    associatedData: new Uint8Array(12).fill(4),
  };
  const tag = "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659";

  test("gives the RFC's known answer in Node and in the second implementation", () => {
    const { message, nonce, secret, associatedData } = vector;
    const cost = { parallelism: 4, memory: 32, passes: 3, tagLength: 32 };
    expect(argon2Sync("argon2id", { ...vector, ...cost }).toString("hex")).toBe(tag);
    const second = argon2id(message, nonce, {
      t: 3,
      m: 32,
      p: 4,
      key: secret,
      personalization: associatedData,
      dkLen: 32,
    });
    expect(Buffer.from(second).toString("hex")).toBe(tag);
  });

  test.each([
    { ...cheap, passphrase: PASSPHRASE },
    { ...cheap, passes: 3, passphrase: "äöü €uro 🔑 passphrase" },
    { ...cheap, parallelism: 2, passphrase: "x".repeat(1024) },
  ])(
    "and the format around it, opened by the second implementation ($passes passes, $parallelism lanes)",
    async ({ passphrase, ...cost }) => {
      using key = await PassphraseKey.create(passphrase, cost);
      expect(openInNoble("a test", key.seal("a test", "swordfish"), passphrase)).toBe("swordfish");
    },
  );
});

describe("a keyring under a passphrase", () => {
  test("with the default cost: shows nothing in its file, and opens with the passphrase alone", async () => {
    using w = workspace();
    const papers = fullEntryOf("papers");
    using keyring = await Keyring.open(w.path);
    keyring.put(papers);
    await keyring.protect(PASSPHRASE);
    expect(keyring.isProtected).toBe(true);
    const { derivation } = readBox(w.path);
    expect(derivation).toEqual({ algorithm: "argon2id", ...defaultCost, salt: derivation.salt });
    expect(derivation).toMatchObject({ memoryKiB: 262_144, passes: 3, parallelism: 1 });
    const content = readFileSync(w.path, "utf8");
    for (const one of [...secretsOf(papers), "papers", "clinic", papers.current.id]) expect(content).not.toContain(one);
    expect(statSync(w.path).mode & 0o777).toBe(0o600);
    using again = await Keyring.open(w.path, ask);
    expect(again.entries).toEqual([papers]);
  });

  test("stays under it through changes, with a fresh nonce each", async () => {
    using w = workspace();
    using keyring = await Keyring.open(w.path);
    await keyring.protect(PASSPHRASE, cheap);
    using other = await Keyring.open(w.path, ask);
    const nonces = new Set<string>();
    for (const name of ["a", "b", "c"]) {
      (name === "b" ? other : keyring).put(entryOf(name));
      nonces.add(readBox(w.path).nonce);
    }
    expect(nonces.size).toBe(3);
    using again = await Keyring.open(w.path, ask);
    expect(again.entries.map(({ name }) => name)).toEqual(["a", "b", "c"]);
    expect(again.entries).toEqual(keyring.entries);
  });

  test("is asked for once, and only where there is one", async () => {
    using w = workspace();
    let asked = 0;
    const counted = async () => {
      asked++;
      return PASSPHRASE;
    };
    using keyring = await Keyring.open(w.path, counted);
    keyring.put(entryOf("papers"));
    (await Keyring.open(w.path, counted))[Symbol.dispose]();
    expect(asked).toBe(0);
    await keyring.protect(PASSPHRASE, cheap);
    using again = await Keyring.open(w.path, counted);
    again.put(entryOf("notes"));
    expect(asked).toBe(1);
  });

  test("can be given another, and none", async () => {
    using w = workspace();
    using keyring = await Keyring.open(w.path);
    const papers = entryOf("papers");
    keyring.put(papers);
    await keyring.protect(PASSPHRASE, cheap);
    await keyring.protect("another passphrase", cheap);
    await expect(Keyring.open(w.path, ask)).rejects.toThrow(code("KEYRING_PASSPHRASE"));
    using again = await Keyring.open(w.path, async () => "another passphrase");
    again.unprotect();
    expect(again.isProtected).toBe(false);
    using last = await Keyring.open(w.path);
    expect(last.entries).toEqual([papers]);
  });

  test("is noticed when another process has set, changed or removed it", async () => {
    using w = workspace();
    using one = await Keyring.open(w.path);
    using unaware = await Keyring.open(w.path);
    await one.protect(PASSPHRASE, cheap);
    expect(() => unaware.put(entryOf("papers"))).toThrow(code("KEYRING_CHANGED"));
    using other = await Keyring.open(w.path, ask);
    await one.protect("another passphrase", cheap);
    expect(() => other.put(entryOf("papers"))).toThrow(code("KEYRING_CHANGED"));
    one.unprotect();
    other.put(entryOf("papers"));
    // Whoever held a passphrase keeps the file under it: it is never taken off by accident.
    expect(readBox(w.path).sealed).toEqual(expect.any(String));
  });

  test("typed with the letters in another form is the same", async () => {
    using w = workspace();
    using keyring = await Keyring.open(w.path);
    await keyring.protect("gr\u00fcne Heringe", cheap);
    using again = await Keyring.open(w.path, async () => "gru\u0308ne Heringe");
    expect(again.isProtected).toBe(true);
  });

  test("that is not given, wrong, or weak is refused, and no message holds it", async () => {
    using w = workspace();
    using keyring = await Keyring.open(w.path);
    const papers = fullEntryOf("papers");
    keyring.put(papers);
    await keyring.protect(PASSPHRASE, cheap);
    const wrong = "wrong horse battery";
    const failures = [
      { fault: "KEYRING_PROTECTED", failure: await failureOf(() => Keyring.open(w.path)) },
      { fault: "KEYRING_PASSPHRASE", failure: await failureOf(() => Keyring.open(w.path, async () => wrong)) },
      { fault: "KEYRING_PASSPHRASE", failure: await failureOf(() => Keyring.open(w.path, async () => "")) },
      { fault: "PASSPHRASE_WEAK", failure: await failureOf(() => keyring.protect("swordfi", cheap)) },
      { fault: "PASSPHRASE_WEAK", failure: await failureOf(() => keyring.protect("swordfish".repeat(120), cheap)) },
      { fault: "PASSPHRASE_WEAK", failure: await failureOf(() => exportEntry(papers, "swordfi", cheap)) },
    ];
    for (const { fault, failure } of failures) {
      expect(failure.code).toBe(fault);
      for (const one of [PASSPHRASE, wrong, "swordfi", ...secretsOf(papers)])
        expect(textOf(failure)).not.toContain(one);
    }
  });

  test.each([
    { memoryKiB: 8191 },
    { memoryKiB: 1_048_577 },
    { memoryKiB: 8192.5 },
    { passes: 0 },
    { passes: 17 },
    { parallelism: 0 },
    { parallelism: 5 },
    { pases: 3 },
  ])("is not made with the cost %j", async (change) => {
    using w = workspace();
    using keyring = await Keyring.open(w.path);
    await expect(keyring.protect(PASSPHRASE, { ...cheap, ...change })).rejects.toThrow(code("PASSPHRASE_COST"));
  });
});

/** Changes that nobody can make without the passphrase; each opens no longer, and takes no memory for it. */
const spoiled: readonly { id: string; change: (box: PassphraseBox) => unknown; fault: string }[] = [
  {
    id: "memory beyond the limit",
    change: (box) => ({ ...box, derivation: { ...box.derivation, memoryKiB: 4_000_000_000 } }),
    fault: "KEYRING_MALFORMED",
  },
  {
    id: "too little memory",
    change: (box) => ({ ...box, derivation: { ...box.derivation, memoryKiB: 8 } }),
    fault: "KEYRING_MALFORMED",
  },
  {
    id: "passes beyond the limit",
    change: (box) => ({ ...box, derivation: { ...box.derivation, passes: 4_000_000_000 } }),
    fault: "KEYRING_MALFORMED",
  },
  {
    id: "no passes",
    change: (box) => ({ ...box, derivation: { ...box.derivation, passes: 0 } }),
    fault: "KEYRING_MALFORMED",
  },
  {
    id: "lanes beyond the limit",
    change: (box) => ({ ...box, derivation: { ...box.derivation, parallelism: 1000 } }),
    fault: "KEYRING_MALFORMED",
  },
  {
    id: "another algorithm",
    change: (box) => ({ ...box, derivation: { ...box.derivation, algorithm: "argon2d" } }),
    fault: "KEYRING_MALFORMED",
  },
  {
    id: "a salt too short",
    change: (box) => ({ ...box, derivation: { ...box.derivation, salt: "AAAA" } }),
    fault: "KEYRING_MALFORMED",
  },
  { id: "no derivation", change: ({ derivation: _, ...box }) => box, fault: "KEYRING_MALFORMED" },
  { id: "an unknown field", change: (box) => ({ ...box, hint: "rhymes with course" }), fault: "KEYRING_MALFORMED" },
  { id: "another version", change: (box) => ({ ...box, version: 2 }), fault: "KEYRING_MALFORMED" },
  { id: "a nonce too short", change: (box) => ({ ...box, nonce: "AAAA" }), fault: "KEYRING_MALFORMED" },
  { id: "no base64", change: (box) => ({ ...box, sealed: "~~~~" }), fault: "KEYRING_MALFORMED" },
  {
    id: "more passes than it was sealed with",
    change: (box) => ({ ...box, derivation: { ...box.derivation, passes: 2 } }),
    fault: "KEYRING_PASSPHRASE",
  },
  {
    id: "another salt",
    change: (box) => ({ ...box, derivation: { ...box.derivation, salt: Buffer.alloc(16).toString("base64") } }),
    fault: "KEYRING_PASSPHRASE",
  },
  {
    id: "another nonce",
    change: (box) => ({ ...box, nonce: Buffer.alloc(24).toString("base64") }),
    fault: "KEYRING_PASSPHRASE",
  },
  { id: "nothing sealed", change: (box) => ({ ...box, sealed: "" }), fault: "KEYRING_PASSPHRASE" },
  { id: "a changed bit", change: (box) => ({ ...box, sealed: flipped(box.sealed) }), fault: "KEYRING_PASSPHRASE" },
  {
    id: "its end cut off",
    change: (box) => ({ ...box, sealed: Buffer.from(box.sealed, "base64").subarray(1).toString("base64") }),
    fault: "KEYRING_PASSPHRASE",
  },
];
function flipped(base64: string): string {
  const bytes = Buffer.from(base64, "base64");
  bytes[7] = (bytes[7] ?? 0) ^ 1;
  return bytes.toString("base64");
}

test.each(spoiled)("a keyring and an export with $id are refused", async ({ change, fault }) => {
  using w = workspace();
  using keyring = await Keyring.open(w.path);
  const papers = entryOf("papers");
  keyring.put(papers);
  await keyring.protect(PASSPHRASE, cheap);
  writeFileSync(w.path, JSON.stringify(change(readBox(w.path))));
  const exported = JSON.parse(await exportEntry(papers, PASSPHRASE, cheap)) as PassphraseBox;
  for (const call of [
    () => Keyring.open(w.path, ask),
    () => importEntry(JSON.stringify(change(exported)), PASSPHRASE),
  ]) {
    const failure = await failureOf(call);
    expect(failure.code).toBe(fault);
    for (const one of [PASSPHRASE, ...secretsOf(papers)]) expect(textOf(failure)).not.toContain(one);
  }
});

describe("an exported entry", () => {
  test("comes back whole, shows nothing, and needs its passphrase", async () => {
    const papers = fullEntryOf("papers");
    const text = await exportEntry(papers, PASSPHRASE, cheap);
    for (const one of [...secretsOf(papers), "papers", papers.current.id]) expect(text).not.toContain(one);
    expect(await importEntry(text, PASSPHRASE)).toEqual(papers);
    await expect(importEntry(text, "another passphrase")).rejects.toThrow(code("KEYRING_PASSPHRASE"));
  });

  test("of the largest size comes back", async () => {
    const papers = {
      ...fullEntryOf("n".repeat(63)),
      owner: "o".repeat(63),
      host: "h".repeat(63),
      retired: Array.from({ length: keyringLimits.retiredKeysMax }, newCollectionKey),
    };
    expect(await importEntry(await exportEntry(papers, PASSPHRASE, cheap), PASSPHRASE)).toEqual(papers);
  });

  test("is no keyring, and a keyring is no exported entry", async () => {
    using w = workspace();
    using keyring = await Keyring.open(w.path);
    const papers = entryOf("papers");
    keyring.put(papers);
    await keyring.protect(PASSPHRASE, cheap);
    await expect(importEntry(readFileSync(w.path, "utf8"), PASSPHRASE)).rejects.toThrow(code("KEYRING_PASSPHRASE"));
    writeFileSync(w.path, await exportEntry(papers, PASSPHRASE, cheap));
    await expect(Keyring.open(w.path, ask)).rejects.toThrow(code("KEYRING_PASSPHRASE"));
  });

  test.each([
    "",
    "null",
    "[]",
    "{",
    "swordfish",
    JSON.stringify({ version: 1, entries: [] }),
    " ".repeat(keyringLimits.exportBytesMax + 1),
  ])("is not %.20j", async (text) => {
    const failure = await failureOf(() => importEntry(text, PASSPHRASE));
    expect(failure.code).toBe("KEYRING_MALFORMED");
    expect(textOf(failure)).not.toContain("swordfish");
  });

  test("whose content is no entry is refused without being quoted", async () => {
    using key = await PassphraseKey.create(PASSPHRASE, cheap);
    for (const content of [
      "swordfish",
      JSON.stringify({ swordfish: 1 }),
      JSON.stringify({ version: 1, entries: [] }),
    ]) {
      const failure = await failureOf(() =>
        importEntry(JSON.stringify(key.seal("keyring entry", content)), PASSPHRASE),
      );
      expect(failure.code).toBe("KEYRING_MALFORMED");
      expect(textOf(failure)).not.toContain("swordfish");
    }
  });
});
