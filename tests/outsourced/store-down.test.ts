import { Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { pino } from "pino";
import { openPostgresSealedStore } from "../../party-node/sealed-store/index.ts";
import { corpus } from "../federation/corpora.ts";
import { type PgliteServer, type Wire, startPglite, startWire } from "../sealed-store/pglite.ts";
import { TestFederation } from "../support/federation.ts";
import { type OwnedCollection, TestMember, faultOf, outcomeOf, steadyEncoder } from "../support/hosted.ts";

const encoder = steadyEncoder();
const base = corpus("case", 20);
const QUESTION = base["case3"]!;
const logged: string[] = [];
const log = pino(
  { level: "warn" },
  new Writable({
    write(line: Buffer, _encoding, done) {
      logged.push(line.toString());
      done();
    },
  }),
);

let database: PgliteServer;
/** Between host and database; closing it is the database's going down. */
let wire: Wire;
let f: TestFederation;
let clinic: TestMember;
let notes: OwnedCollection;
let files: OwnedCollection;
beforeAll(async () => {
  database = await startPglite();
  wire = await startWire(database.port);
  f = await TestFederation.start({
    corpora: { alpha: corpus("alpha", 20), host: {} },
    queriers: ["clinic"],
    hosts: {
      host: { owners: ["clinic"], log, openStore: () => openPostgresSealedStore({ url: database.url(wire.port) }) },
    },
    encoder,
  });
  clinic = await TestMember.open(f, "clinic");
  notes = await clinic.create("notes");
  files = await clinic.create("files", { mode: "double" });
  await notes.ingest(base);
  await files.ingest(base);
});
afterAll(async () => {
  clinic[Symbol.dispose]();
  await f[Symbol.asyncDispose]();
  await wire[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

test("a host whose database is away says so and no more; the others answer, and it answers when the database is back", async () => {
  const client = await clinic.client();
  const ask = () => client.query(QUESTION, { k: 32 }).result;
  const up = await ask();
  for (const name of ["notes", "files"]) expect(outcomeOf(up, name).status).toBe("answered");
  const { port } = wire;
  await wire[Symbol.asyncDispose]();

  const down = await ask();
  for (const name of ["notes", "files"]) {
    const { status, fault } = outcomeOf(down, name);
    expect([status, fault?.code]).toEqual(["missing", "STORE_UNAVAILABLE"]);
    expect(fault!.reason).not.toMatch(/127\.0\.0\.1|localhost|postgres|ECONNREFUSED|SELECT/iu);
    expect(fault!.reason).not.toContain(String(port));
  }
  expect(down.passages.map(({ party }) => party)).toEqual(Array(20).fill("alpha"));
  // The host's operator is told more, and nothing of the question.
  expect(logged.join("")).toContain("STORE_UNAVAILABLE");
  expect(logged.join("")).not.toContain(QUESTION);

  // The owner is told the same, and loses nothing by trying.
  const { code, message } = await faultOf(notes.ingest({ ...base, more: "zzyx vwut" }));
  expect(code).toBe("STORE_UNAVAILABLE");
  expect(message).not.toMatch(/127\.0\.0\.1|localhost|postgres/iu);

  wire = await startWire(database.port, port);
  // A host looks at a store that failed it at most twice a second.
  const codes = async () => {
    const result = await ask();
    return ["notes", "files"].map((name) => outcomeOf(result, name).fault?.code);
  };
  let back = await codes();
  for (let tries = 0; back.some((code) => code !== undefined) && tries < 20; tries++) {
    await sleep(200);
    back = await codes();
  }
  expect(back).toEqual([undefined, undefined]);
  expect(await notes.owner.publish()).toMatchObject({ put: 1, rows: 21, lost: 0 });
  expect((await client.query("zzyx vwut", { k: 1 }).result).passages[0]?.documentId).toBe("more");
  expect(await notes.owner.check()).toEqual({ missing: 0, unexpected: 0, opened: 21 });
});
