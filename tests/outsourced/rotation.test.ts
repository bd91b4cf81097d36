import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { SottoClient } from "../../party-node/asking/client.ts";
import { Keyring } from "../../party-node/keyring/index.ts";
import { type SealedStore, openSqliteSealedStore } from "../../party-node/sealed-store/index.ts";
import { corpus } from "../federation/corpora.ts";
import { TestFederation } from "../support/federation.ts";
import { type OwnedCollection, TestMember, keyringPath, outcomeOf, steadyEncoder } from "../support/hosted.ts";
import type { Interference } from "../support/test-host.ts";
import { isLongRun } from "../support/long.ts";
import type { ChildOrder } from "./owner-child.ts";

const encoder = steadyEncoder();
const interference: Interference = {};
const base = corpus("case", 30);
const QUESTION = base["case3"]!;

let f: TestFederation;
let clinic: TestMember;
let reader: TestMember;
let leaver: TestMember;
let store: SealedStore;
let owned: OwnedCollection;
const clients: SottoClient[] = [];
beforeAll(async () => {
  f = await TestFederation.start({
    corpora: { host: {} },
    queriers: ["clinic", "reader", "leaver"],
    hosts: {
      host: {
        owners: ["clinic"],
        interference,
        openStore: (folder) => (store = openSqliteSealedStore({ folder })),
      },
    },
    encoder,
  });
});
beforeEach(async () => {
  clinic = await TestMember.open(f, "clinic");
  reader = await TestMember.open(f, "reader");
  leaver = await TestMember.open(f, "leaver");
});
afterEach(async () => {
  interference.before = undefined;
  interference.answer = undefined;
  for (const client of clients.splice(0)) client.close();
  await owned.erase();
  for (const member of [clinic, reader, leaver]) member[Symbol.dispose]();
});
afterAll(() => f[Symbol.asyncDispose]());

async function fill(mode: "outsourced" | "double", readers: readonly TestMember[]): Promise<void> {
  owned = await clinic.create("notes", { mode });
  await owned.ingest(base);
  for (const member of readers) {
    await owned.owner.changeReaders({ add: member.name });
    await member.accept();
  }
}

async function clientOf(member: TestMember): Promise<SottoClient> {
  const client = await member.client();
  clients.push(client);
  return client;
}

/** The documents a client finds, all of them wanted; the fault's code when the collection does not answer. */
async function found(client: SottoClient, name = "clinic-notes"): Promise<string | readonly string[]> {
  const result = await client.query(QUESTION, { k: 30 }).result;
  return outcomeOf(result, name).fault?.code ?? result.passages.map(({ documentId }) => documentId).sort();
}

const everything = Object.keys(base).sort();
const keyIds = async (): Promise<string[]> => (await store.collections()).map(({ id }) => id);

describe.each(["outsourced", "double"] as const)("rotation of a collection of mode %s", (mode) => {
  test("is not noticed by a reader who asks between any two of its steps, and asks with the new key after it", async () => {
    await fill(mode, [reader]);
    const client = await clientOf(reader);
    const old = owned.entry.current.id;
    expect(await found(client)).toEqual(everything);
    const steps: string[] = [];
    interference.before = async (member, request) => {
      if (member !== "clinic") return;
      steps.push(request.type);
      expect(await found(client)).toEqual(everything);
    };
    expect(await owned.owner.rotate()).toMatchObject({ put: 30, rows: 30 });
    interference.before = undefined;
    expect(steps).toEqual(expect.arrayContaining(["host-create", "host-put", "host-describe", "host-erase"]));
    const { current, next, retired } = owned.entry;
    expect(current.id).not.toBe(old);
    expect([next, retired]).toEqual([null, []]);
    expect(await keyIds()).toEqual([current.id]);
    expect(await found(client)).toEqual(everything);
    expect(reader.keyring.require("clinic-notes").current.id).toBe(current.id);
    // A second rotation finds the reader no less ready, nor one that starts only now.
    await owned.owner.rotate();
    expect(await found(client)).toEqual(everything);
    expect(await found(await clientOf(reader))).toEqual(everything);
  });

  test("is not undone by a host that shows a reader the grant of the old key", async () => {
    await fill(mode, [reader]);
    const session = await reader.host().session();
    const { collections } = await session.ask({ type: "host-list" }, "host-collections");
    const old = owned.entry.current.id;
    const client = await clientOf(reader);
    expect(await found(client)).toEqual(everything);
    await owned.owner.rotate();
    const { id } = owned.entry.current;
    expect(await found(client)).toEqual(everything);
    interference.answer = (truth, request, member) => {
      if (member !== "reader") return truth;
      if (request.type === "host-list") return { type: "host-collections", id: truth.id, collections };
      return { type: "fault", id: truth.id, code: "COLLECTION_UNKNOWN", reason: "none of that name" };
    };
    expect(await found(client)).toBe("COLLECTION_UNKNOWN");
    interference.answer = undefined;
    expect(id).not.toBe(old);
    expect(reader.keyring.require("clinic-notes").current.id).toBe(id);
    expect(await found(client)).toEqual(everything);
  });

  test("shuts out whoever was taken off the list, and nobody else", async () => {
    await fill(mode, [reader, leaver]);
    const [staying, leaving] = [await clientOf(reader), await clientOf(leaver)];
    expect(await found(leaving)).toEqual(everything);
    await owned.owner.changeReaders({ remove: "leaver" });
    expect(await found(leaving)).toBe("COLLECTION_UNKNOWN");
    await owned.owner.rotate();
    expect(await found(leaving)).toBe("COLLECTION_UNKNOWN");
    expect(await found(await clientOf(leaver))).toBe("COLLECTION_UNKNOWN");
    expect(await leaver.accept()).toEqual([]);
    expect(await found(staying)).toEqual(everything);
  });

  test("seals every row anew: no id and no ciphertext of the old key is among those of the new one", async () => {
    await fill(mode, []);
    const rows = async () => {
      const { id } = owned.entry.current;
      const versions = await store.versions(id);
      return store.read(
        id,
        versions.map(({ rowId }) => rowId),
      );
    };
    const old = await rows();
    await owned.owner.rotate();
    const bytes = (rows_: Awaited<ReturnType<typeof rows>>) =>
      rows_.flatMap(({ rowId, vector, passage }) => [rowId, new Uint8Array(vector.buffer).slice(0, 256), passage]);
    const before = new Set(bytes(old).map((each) => Buffer.from(each).toString("hex")));
    expect(before.size).toBe(90);
    expect(bytes(await rows()).filter((each) => before.has(Buffer.from(each).toString("hex")))).toEqual([]);
  });
});

/** Another process that acts as the owner. */
function startOwner(what: ChildOrder["what"]): {
  readonly child: ChildProcess;
  readonly begun: Promise<unknown>;
  readonly ended: Promise<string>;
} {
  const order: ChildOrder = {
    federationFile: f.file,
    rootPublicKey: f.rootPublicKey,
    coordinatorUrls: [f.url],
    member: "clinic",
    keyPath: f.keyPath("clinic"),
    folder: clinic.folder,
    collection: "notes",
    what,
  };
  const child = spawn(process.execPath, [join(import.meta.dirname, "owner-child.ts"), JSON.stringify(order)], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NODE_OPTIONS: "" },
  });
  const errors: Buffer[] = [];
  const begun = Promise.withResolvers<unknown>();
  child.stderr.on("data", (chunk: Buffer) => errors.push(chunk));
  createInterface(child.stdout).on("line", (line) => {
    if (line === "begin") begun.resolve(null);
    else child.kill("SIGKILL"); // it was through before it could be killed
  });
  const ended = once(child, "close").then(([, signal]) => {
    const why = signal === "SIGKILL" ? "" : Buffer.concat(errors).toString().slice(0, 2000);
    if (why !== "") begun.reject(new Error(why));
    return why;
  });
  return { child, begun: begun.promise, ended };
}

type Moment = { readonly step: number; readonly done: boolean } | { readonly afterMs: number };

/** Runs it and kills it: when its n-th request has come, before or after that is carried out, or so long after it has begun. */
async function killedAt(what: ChildOrder["what"], moment: Moment): Promise<number> {
  const { child, begun, ended } = startOwner(what);
  let steps = 0;
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await ended;
  };
  interference.before = async (member) => {
    if (member !== "clinic") return;
    steps++;
    if ("step" in moment && steps === moment.step && !moment.done) await kill();
  };
  interference.answer = async (truth, _request, member) => {
    if (member === "clinic" && "step" in moment && steps === moment.step && moment.done) await kill();
    return truth;
  };
  await begun;
  if ("afterMs" in moment) {
    await sleep(moment.afterMs);
    child.kill("SIGKILL");
  }
  expect(await ended).toBe("");
  interference.before = undefined;
  interference.answer = undefined;
  return steps;
}

/** What the next process of the owner finds, in place of the one that was killed. */
async function nextRun<Result>(run: (collection: OwnedCollection) => Promise<Result>): Promise<Result> {
  owned[Symbol.dispose]();
  clinic.keyring.update("notes", (entry) => entry); // reads what the other process has written
  owned = clinic.own("notes");
  return run(owned);
}

/** Both runs take this many requests, the first of which only ask. */
const STEPS = 8;
/** Of all steps, those that the short form kills at. */
const SHORT = [3, 6, STEPS];
const moments: Moment[] = [
  ...Array.from({ length: STEPS - 2 }, (_, i) => ({ step: i + 3, done: i % 2 === 1 })).filter(
    ({ step }) => isLongRun || SHORT.includes(step),
  ),
  { afterMs: 30 },
];

describe("an owner that is killed (SIGKILL)", () => {
  test("during rotation leaves all of it readable under the old key or the new one, and the next run finishes", async () => {
    await fill("outsourced", [reader]);
    const taken: number[] = [];
    for (const moment of moments) {
      const before = owned.entry.current.id;
      taken.push(await killedAt("rotate", moment));
      // Whoever asks now, before the owner comes again, finds everything.
      const client = await clientOf(reader);
      expect([moment, await found(client)]).toEqual([moment, everything]);
      {
        using keyring = await Keyring.open(keyringPath(clinic.folder));
        const entry = keyring.require("notes");
        expect([entry.current.id, entry.next?.id, ...entry.retired.map(({ id }) => id)]).toContain(before);
      }
      await nextRun(({ owner }) => owner.rotate());
      expect(await keyIds()).toEqual([owned.entry.current.id]);
      expect(owned.entry.current.id).not.toBe(before);
      expect(await owned.owner.check()).toEqual({ missing: 0, unexpected: 0, opened: 30 });
      expect([moment, await found(client)]).toEqual([moment, everything]);
    }
    // Otherwise some of them were killed where nothing was under way.
    expect(Math.max(...taken)).toBe(STEPS);
  });

  test("during publish leaves what was there readable, and the next run finishes; nothing is lost", async () => {
    await fill("outsourced", [reader]);
    const client = await clientOf(reader);
    const kept = Object.keys(base).slice(10).sort();
    let round = 0;
    const taken: number[] = [];
    for (const moment of moments) {
      round++;
      const wanted = {
        ...Object.fromEntries(kept.map((name) => [name, base[name]!])),
        [`new${String(round)}`]: `new ${String(round)}`,
      };
      await owned.fill(wanted, encoder);
      taken.push(await killedAt("publish", moment));
      const result = await client.query(QUESTION, { k: 32 }).result;
      expect([moment, outcomeOf(result, "clinic-notes").fault?.code]).toEqual([moment, undefined]);
      // What is to stay is there all the time; what comes and goes may be there or not.
      const now = result.passages.map(({ documentId }) => documentId);
      expect([moment, now.filter((name) => kept.includes(name)).sort()]).toEqual([moment, kept]);
      expect(await nextRun(({ owner }) => owner.publish())).toMatchObject({ rows: 21, lost: 0 });
      expect(await owned.owner.check()).toEqual({ missing: 0, unexpected: 0, opened: 21 });
      expect(await found(client)).toEqual([...kept, `new${String(round)}`].sort());
    }
    expect(Math.max(...taken)).toBe(STEPS);
  });
});
