import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { sodium } from "../../crypto/index.ts";
import {
  type AuditEntry,
  type AuditEvent,
  AuditLog,
  CarriedTally,
  verifyAuditLog,
} from "../../operation/audit/index.ts";
import { QueryBudget } from "../../party-node/serving/index.ts";
import { corpus } from "../federation/corpora.ts";
import { TestFederation, until } from "../support/federation.ts";
import { TestMember, steadyEncoder } from "../support/hosted.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
const keys = sodium.crypto_sign_keypair();
const id = sodium.randombytes_buf(32);
const QUESTION = "zanzibar quicksilver fox";
const planted = { secret: "the zanzibar quicksilver fox jumps over the velvetine dog" };

/** A log of somebody called alpha. */
const openAs = (path: string, more: object = {}): Promise<AuditLog> =>
  AuditLog.open({
    folder: path,
    identity: { name: "alpha", secretKey: keys.privateKey },
    federation: { id },
    wallClock: () => Date.now(),
    flushMs: 10,
    ...more,
  });
const verify = (path: string, more: object = {}, publicKeys = [keys.publicKey]) =>
  verifyAuditLog({ folder: path, publicKeys, ...more });
const entriesOf = (path: string): AuditEntry[] => {
  const entries: AuditEntry[] = [];
  verifyAuditLog({ folder: path, publicKeys: [keys.publicKey] }, (entry) => entries.push(entry));
  return entries;
};
const faultIn = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return `${code}: ${message}`;
  }
  return "it holds";
};
const file = (path: string, number = 1): string => join(path, `audit-${String(number).padStart(6, "0")}.jsonl`);
const linesOf = (path: string): string[] => readFileSync(path, "utf8").trimEnd().split("\n");
const answered = (n: number): AuditEvent => ({
  kind: "query-answered",
  member: "asker",
  passages: 1000 + n,
  bytes: 12_345,
  ms: 20,
});

/** A log of `batches` signatures over three entries each. */
async function someLog(name: string, batches: number): Promise<string> {
  const path = join(folder.path, name);
  const log = await openAs(path);
  for (let batch = 0; batch < batches; batch++) {
    for (let n = 0; n < 3; n++) log.record(answered(3 * batch + n));
    await log.flush();
  }
  await log.close();
  return path;
}

afterAll(() => folder[Symbol.dispose]());

describe("the log of a party and of a coordinator", () => {
  const logs = { alpha: join(folder.path, "party"), hub: join(folder.path, "hub") };
  const byKind = new Map<string, AuditEntry[]>();
  const ofKind = (kind: AuditEntry["kind"]): object[] =>
    (byKind.get(kind) ?? []).map(({ sequence: _s, time: _t, previous: _p, kind: _k, ...rest }) => rest);
  let heldRows: readonly { readonly vector: Float32Array }[] = [];

  beforeAll(async () => {
    const [alpha, hub] = await Promise.all([openAs(logs.alpha), openAs(logs.hub)]);
    const tally = new CarriedTally((event) => hub.record(event));
    {
      await using f = await TestFederation.start({
        corpora: { alpha: { ...corpus("alpha", 39), ...planted } },
        encoder: steadyEncoder(),
        hosts: { alpha: { owners: ["asker"] } },
        queryBudgets: {
          alpha: () =>
            new QueryBudget({ path: join(folder.path, "asked.json"), max: 2, days: 1, wallClock: () => Date.now() }),
        },
        observer: tally.observer,
        sinks: { alpha: (event) => alpha.record(event), hub: tally.sink },
      });
      heldRows = f.party("alpha").rows();
      const client = await f.client();
      for (const k of [3, 5]) await client.query(QUESTION, { k }).result;
      using member = await TestMember.open(f, "asker");
      const notes = await member.create("notes", { host: "alpha" });
      await notes.ingest(corpus("case", 4));
      await (await member.client()).query(QUESTION).result;
      await notes.erase();
      await fetch(`http://127.0.0.1:${String(f.port)}/`, { method: "GET" });
      const stranger = new WebSocket(f.url);
      await new Promise((resolve) => (stranger.onopen = resolve));
      stranger.send("not a handshake");
      await new Promise((resolve) => (stranger.onclose = resolve));
    }
    tally.close();
    await Promise.all([alpha.close(), hub.close()]);
    for (const path of Object.values(logs))
      for (const entry of entriesOf(path)) byKind.set(entry.kind, [...(byKind.get(entry.kind) ?? []), entry]);
  });

  test("says who asked when and how much was given", () => {
    expect(ofKind("session-opened")).toContainEqual({ member: "asker" });
    expect(ofKind("hints-given")[0]).toEqual({ member: "asker", blocks: 2, bytes: expect.any(Number) });
    const answers = ofKind("query-answered");
    expect(answers).toHaveLength(2);
    expect(answers[0]).toEqual({ member: "asker", passages: 40, bytes: expect.any(Number), ms: expect.any(Number) });
    expect(ofKind("query-refused")).toContainEqual({ member: "asker", code: "QUERY_BUDGET_SPENT" });
    expect(ofKind("fetch-delivered")).toEqual([
      { member: "asker", passages: 3, bytes: expect.any(Number) },
      { member: "asker", passages: 5, bytes: expect.any(Number) },
    ]);
    const [{ time } = { time: "" }] = byKind.get("query-answered") ?? [];
    expect(Math.abs(Date.parse(time) - Date.now())).toBeLessThan(60_000);
  });

  test("says what was done with collections that are kept for others", () => {
    const hosted = ofKind("hosted") as Extract<AuditEvent, { kind: "hosted" }>[];
    const put = hosted.find(({ act }) => act === "put");
    expect(put).toMatchObject({ member: "asker", collection: expect.stringMatching(/^[0-9a-f]{32}$/), rows: 4 });
    expect(put?.bytes).toBeGreaterThan(4 * 65 * 4);
    expect(new Set(hosted.map(({ act }) => act))).toEqual(
      new Set(["create", "describe", "put", "versions", "open", "search", "erase"]),
    );
    expect(hosted.find(({ act }) => act === "search")?.rows).toBeGreaterThan(0);
  });

  test("says of a coordinator who came and what was carried for whom, added up", () => {
    expect(ofKind("member-connected")).toEqual(expect.arrayContaining([{ member: "alpha" }, { member: "asker" }]));
    expect(ofKind("party-serving")).toEqual([{ member: "alpha" }]);
    expect(ofKind("member-left")).toContainEqual({ member: "asker", code: expect.any(String) });
    expect(ofKind("strangers-refused")).toEqual([{ connections: 1 }]);
    const carried = ofKind("carried") as Extract<AuditEvent, { kind: "carried" }>[];
    expect(carried.map(({ member }) => member).sort()).toEqual(["alpha", "asker"]);
    const of = (name: string) => carried.find(({ member }) => member === name);
    expect(of("asker")?.queries).toBeGreaterThanOrEqual(3);
    expect(of("alpha")).toMatchObject({ queries: 0, answers: 2 });
    expect(of("alpha")?.refusals).toBeGreaterThanOrEqual(1);
    // Neither side's sums are the other's: the coordinator adds its own envelope, but little of it.
    expect(of("asker")?.bytesIn).toBeGreaterThan(1000);
  });

  test("holds nothing of questions, texts, documents, vectors or scores", () => {
    const text = Object.values(logs)
      .map((path) => readFileSync(file(path), "utf8"))
      .join("");
    expect(text.length).toBeGreaterThan(5000);
    for (const word of [
      QUESTION,
      ...QUESTION.split(" "),
      ...Object.values(planted).flatMap((one) => one.split(" ")),
    ].filter((one) => one.length > 4))
      expect(text.toLowerCase()).not.toContain(word);
    expect(text).not.toMatch(/alpha-?\d|case-?\d|document|slot|"row"/i);
    // Whatever is a number is a whole one: a score or an entry of a vector is not.
    for (const entry of [...byKind.values()].flat())
      for (const value of Object.values(entry))
        if (typeof value === "number") expect(Number.isInteger(value)).toBe(true);
    for (const { vector } of heldRows.slice(0, 5))
      for (const entry of vector.filter((one) => one !== 0)) expect(text).not.toContain(String(entry).slice(0, 8));
  });

  test("verifies, and not with another key, federation or member's file", () => {
    expect(verify(logs.alpha)).toMatchObject({ member: "alpha", first: 1, files: 1, unsignedBytes: 0 });
    const other = sodium.crypto_sign_keypair().publicKey;
    expect(faultIn(() => verify(logs.alpha, {}, [other]))).toMatch(/^AUDIT_BROKEN: .*another key/);
    expect(faultIn(() => verify(logs.alpha, { federationId: new Uint8Array(32) }))).toMatch(/another federation/);
    expect(faultIn(() => verify(join(folder.path, "nowhere")))).toMatch(/^AUDIT_MISSING/);
  });
});

test("a record that holds anything else is refused", async () => {
  await using log = await openAs(join(folder.path, "strict"));
  for (const more of [{ question: "x" }, { member: "a question?" }, { passages: 0.5 }, { scores: [1] }])
    expect(() => log.record({ ...answered(1), ...more })).toThrow();
  expect(() => log.record({ kind: "query-refused", member: null, code: "it asked for warfarin" })).toThrow();
});

describe("tampering", () => {
  let truth: string;
  let lines: string[];
  beforeAll(async () => {
    truth = await someLog("truth", 4);
    lines = linesOf(file(truth));
    // file, three entries and a signature four times, and the first file's own signature.
    expect(lines).toHaveLength(2 + 4 * 4);
  });

  const without = (from: number, to = from + 1) => lines.filter((_, i) => i < from || i >= to);
  const changed = (at: number, from: RegExp | string, to: string) => lines.with(at, lines[at]!.replace(from, to));
  /** Entry n is line n - 1. */
  const rows: readonly { readonly id: string; readonly made: () => readonly string[]; readonly says: RegExp }[] = [
    {
      id: "a count",
      made: () => changed(3, /"passages":\d+/, '"passages":7'),
      says: /entry 4 is not what it was when entry 5/,
    },
    { id: "a time", made: () => changed(7, /"\d{4}-/, '"2000-'), says: /entry 8 is not what it was/ },
    {
      id: "a count under the last signature",
      made: () => changed(16, /"passages":\d+/, '"passages":7'),
      says: /entry 17 is not/,
    },
    { id: "white space", made: () => lines.with(4, lines[4]!.replace(",", ", ")), says: /entry 5 is not what it was/ },
    { id: "an entry removed", made: () => without(3), says: /entry 4 is missing/ },
    { id: "entries removed", made: () => without(6, 10), says: /entries 7 to 10 are missing/ },
    { id: "the first entries removed", made: () => without(0, 2), says: /does not begin with an entry that says so/ },
    {
      id: "an entry repeated",
      made: () => lines.toSpliced(4, 0, lines[3]!),
      says: /entry 4 stands where entry 5 belongs/,
    },
    { id: "two in another order", made: () => lines.with(3, lines[4]!).with(4, lines[3]!), says: /entry 4 is missing/ },
    { id: "one put in place of another", made: () => lines.with(4, lines[3]!), says: /entry 4 stands where entry 5/ },
    {
      id: "a signature removed and the rest renumbered",
      made: () => rechained(without(5)),
      says: /signature that is entry 9/,
    },
    {
      id: "everything written anew",
      made: () => rechained(changed(3, /"passages":\d+/, '"passages":7')),
      says: /signature that is entry 6/,
    },
    {
      id: "a signature changed",
      made: () => changed(5, /"signature":"../, '"signature":"zz'),
      says: /signature that is entry 6/,
    },
    {
      id: "the last signature changed",
      made: () => changed(17, /"signature":"../, '"signature":"zz'),
      says: /signature that is entry 18/,
    },
    {
      id: "a signature of another length",
      made: () => changed(5, /=="/, 'a="'),
      says: /entry 6 in .* cannot be read/,
    },
    {
      id: "what is no entry",
      made: () => lines.with(8, '{"sequence":9,"note":"hello"}'),
      says: /entry 9 in .* cannot be read/,
    },
    { id: "a field more", made: () => changed(8, '"kind"', '"text":"x","kind"'), says: /entry 9 in .* cannot be read/ },
  ];

  /** The lines chained to each other again, by somebody without the key. */
  function rechained(tampered: readonly string[]): string[] {
    let previous = "0".repeat(64);
    return tampered.map((line, i) => {
      const chained = JSON.stringify({ ...(JSON.parse(line) as object), sequence: i + 1, previous });
      previous = sodium.to_hex(sodium.crypto_generichash(32, chained, null));
      return chained;
    });
  }

  test.each(rows)("is found: $id", ({ id: name, made, says }) => {
    const path = join(folder.path, name.replaceAll(" ", "-"));
    mkdirSync(path);
    writeFileSync(
      file(path),
      made()
        .map((line) => `${line}\n`)
        .join(""),
    );
    expect(faultIn(() => verify(path))).toMatch(says);
    expect(faultIn(() => verify(path))).toMatch(/^AUDIT_BROKEN: the audit log does not hold: /);
  });

  test("control: the same lines, written as these are, hold", () => {
    const path = join(folder.path, "control");
    mkdirSync(path);
    writeFileSync(file(path), lines.map((line) => `${line}\n`).join(""));
    expect(verify(path)).toMatchObject({ first: 1, last: 18 });
  });

  test("at the end is found by whoever has kept a head, and by nobody else", () => {
    const { head } = verify(truth);
    const path = join(folder.path, "cut");
    cpSync(truth, path, { recursive: true });
    writeFileSync(
      file(path),
      lines
        .slice(0, 14)
        .map((line) => `${line}\n`)
        .join(""),
    );
    expect(verify(path)).toMatchObject({ last: 14, unsignedBytes: 0 });
    expect(faultIn(() => verify(path, { head }))).toMatch(/AUDIT_BROKEN: .*head that was kept elsewhere.*1 to 14/);
    expect(verify(truth, { head })).toMatchObject({ last: 18 });
    expect(verify(truth, { head: verify(path).head })).toMatchObject({ last: 18 });
  });
});

describe("a crash", () => {
  test("leaves a torn line, which is cut off with an entry that says so, and the chain goes on", async () => {
    const path = await someLog("torn", 2);
    const whole = linesOf(file(path)).join("\n").length + 1;
    const [before] = [verify(path)];
    // A batch whose signature did not reach the disk, its last line torn.
    const batch = `${linesOf(file(path)).at(-2) ?? ""}\n{"sequence":12,"time":"2026`;
    appendFileSync(file(path), batch);
    expect(verify(path)).toEqual({ ...before, unsignedBytes: batch.length });
    const log = await openAs(path);
    log.record(answered(99));
    await log.close();
    expect(readFileSync(file(path), "utf8").slice(0, whole)).not.toContain('"tail-cut"');
    expect(entriesOf(path).slice(before.last)).toMatchObject([
      { sequence: before.last + 1, kind: "tail-cut", bytes: batch.length },
      { kind: "query-answered", passages: 1099 },
      { kind: "signed" },
    ]);
  });

  test("lets nobody have the node sign what was added while it was down", async () => {
    const path = await someLog("forged", 1);
    const last = linesOf(file(path)).at(-1) ?? "";
    const { sequence } = JSON.parse(last) as AuditEntry;
    const previous = sodium.to_hex(sodium.crypto_generichash(32, last, null));
    const forged = { sequence: sequence + 1, time: new Date().toISOString(), ...answered(5), previous };
    appendFileSync(file(path), `${JSON.stringify(forged)}\n`);
    await (await openAs(path)).close();
    expect(entriesOf(path).map(({ kind }) => kind)).toEqual([
      ...["file", "signed", "query-answered", "query-answered", "query-answered", "signed"],
      ...["tail-cut", "signed"],
    ]);
  });

  test("in a file that was just begun takes the file away", async () => {
    const path = await someLog("begun", 1);
    writeFileSync(file(path, 2), '{"sequence":7,"ti');
    await (await openAs(path)).close();
    expect(entriesOf(path).at(-2)).toMatchObject({ kind: "tail-cut", bytes: 17 });
    expect(readdirSync(path)).not.toContain("audit-000002.jsonl");
  });

  test("is not believed where more is gone than a second's entries, or the signature is another's", async () => {
    const path = await someLog("not-a-crash", 1);
    const own = readFileSync(file(path));
    appendFileSync(file(path), "x".repeat(600_000));
    await expect(openAs(path)).rejects.toMatchObject({ code: "AUDIT_BROKEN" });
    expect(faultIn(() => verify(path))).toMatch(/^AUDIT_BROKEN/);
    writeFileSync(file(path), own);
    await expect(
      openAs(path, { identity: { name: "alpha", secretKey: sodium.crypto_sign_keypair().privateKey } }),
    ).rejects.toThrow(/not signed with this node's key/);
    expect(readFileSync(file(path))).toEqual(own);
    await (await openAs(path)).close();
  });
});

describe("a log goes on", () => {
  test("after a restart, and is written by one process at a time", async () => {
    const path = join(folder.path, "restarted");
    for (let start = 0; start < 3; start++) {
      await using log = await openAs(path);
      await expect(openAs(path)).rejects.toMatchObject({ code: "AUDIT_BUSY" });
      log.record({ kind: "started", role: "party" });
    }
    const entries = entriesOf(path);
    expect(entries.filter(({ kind }) => kind === "started")).toHaveLength(3);
    expect(entries.map(({ sequence }) => sequence)).toEqual(entries.map((_, i) => i + 1));
  });

  test("over files, of which the oldest are removed with an entry that says so, and no others are missed", async () => {
    const path = join(folder.path, "rotated");
    const log = await openAs(path, { fileBytesMax: 2000, filesMax: 3 });
    for (let n = 0; n < 60; n++) {
      log.record(answered(n));
      if (n % 4 === 3) await log.flush();
    }
    const inMemory = log.head;
    await log.close();
    const files = readdirSync(path)
      .filter((name) => name.endsWith(".jsonl"))
      .sort();
    expect(files).toHaveLength(3);
    const summary = verify(path, { head: inMemory.hash });
    expect(summary).toMatchObject({ files: 3, last: inMemory.sequence });
    expect(summary.first).toBeGreaterThan(1);
    expect(entriesOf(path).at(0)?.kind).toBe("file");
    const copy = join(folder.path, "rotated-copy");
    for (const [at, says] of [
      [0, /begins with entry \d+, and does not say that/],
      [1, /entries \d+ to \d+ are missing/],
    ] as const) {
      cpSync(path, copy, { recursive: true });
      rmSync(join(copy, files[at]!));
      expect(faultIn(() => verify(copy))).toMatch(says);
      rmSync(copy, { recursive: true });
    }
  });

  test("under another key of the same member, when it is told of the one before", async () => {
    const path = await someLog("rekeyed", 1);
    const next = sodium.crypto_sign_keypair();
    const identity = { name: "alpha", secretKey: next.privateKey };
    const log = await openAs(path, { identity, formerKeys: [keys.publicKey] });
    log.record(answered(1));
    await log.close();
    expect(verify(path, {}, [keys.publicKey, next.publicKey])).toMatchObject({ files: 2, first: 1 });
    expect(faultIn(() => verify(path, {}, [next.publicKey]))).toMatch(/another key/);
  });

  test("whose key is replaced while the log is open", async () => {
    const path = join(folder.path, "rekeyed-open");
    const next = sodium.crypto_sign_keypair();
    const identity = { name: "alpha", secretKey: keys.privateKey };
    const log = await openAs(path, { identity });
    log.record(answered(1));
    await log.flush();
    identity.secretKey = next.privateKey;
    log.record(answered(2));
    await log.close();
    expect(verify(path, {}, [keys.publicKey, next.publicKey])).toMatchObject({ files: 2, first: 1 });
    expect(faultIn(() => verify(path))).toMatch(/another key/);
  });
});

test("entries of a burst are signed every 256, and a log that cannot be written says so once", async () => {
  const path = join(folder.path, "burst");
  const log = await openAs(path);
  for (let n = 0; n < 1000; n++) log.record(answered(n));
  await log.flush();
  const entries = entriesOf(path);
  expect(entries.filter(({ kind }) => kind === "query-answered")).toHaveLength(1000);
  const signed = entries.flatMap(({ kind, sequence }) => (kind === "signed" ? [sequence] : []));
  for (const [i, sequence] of signed.slice(1).entries()) expect(sequence - signed[i]!).toBeLessThanOrEqual(257);
  await log.close();

  const full = await openAs(join(folder.path, "full"), { fileBytesMax: 1 });
  full.record(answered(1));
  await full.flush();
  // The next file cannot be begun: something of that name is there.
  writeFileSync(file(join(folder.path, "full"), 2), "");
  full.record(answered(2));
  await full.flush();
  await expect(full.failed).resolves.toMatchObject({ code: "AUDIT_UNWRITABLE" });
  full.record(answered(3));
  await full.close();
  truncateSync(file(join(folder.path, "full"), 2));
});

test("events reach the disk within the time for it, without anybody asking, also those that a full batch left", async () => {
  const path = join(folder.path, "soon");
  await using log = await openAs(path, { flushMs: 20 });
  log.record(answered(1));
  await until(() => log.head.sequence >= 4);
  expect(entriesOf(path).at(-2)).toMatchObject({ kind: "query-answered", passages: 1001 });
  for (let n = 0; n < 300; n++) log.record(answered(n));
  await until(() => log.head.sequence >= 306);
  expect(entriesOf(path).filter(({ kind }) => kind === "query-answered")).toHaveLength(301);
});

test("what comes while a write is under way, and whose time runs out before it ends, is written after it", async () => {
  const path = join(folder.path, "meanwhile");
  let asked = 0;
  await using log = await openAs(path, {
    flushMs: 0,
    // The log asks for the time of the event, of the file, of its signature, and here of the event's own, in the middle of its write.
    wallClock: () => {
      if (++asked === 4) log.record(answered(2));
      // So long that the timer is due before the disk has answered.
      if (asked === 5) for (const end = performance.now() + 5; performance.now() < end;);
      return Date.now();
    },
  });
  log.record(answered(1));
  await until(() => log.head.sequence >= 6);
  expect(entriesOf(path).filter(({ kind }) => kind === "query-answered")).toHaveLength(2);
});
