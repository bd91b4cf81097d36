import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { sodium } from "../../crypto/index.ts";
import { type KeyringEntry, newCollectionKey, sealGrant } from "../../party-node/keyring/index.ts";
import { CollectionReader, SeenSequences, grantedCollections } from "../../party-node/outsourced/index.ts";
import { RemoteCollection } from "../../party-node/outsourced/remote-collection.ts";
import { corpus } from "../federation/corpora.ts";
import { TestFederation } from "../support/federation.ts";
import { type OwnedCollection, TestMember, faultOf, outcomeOf, steadyEncoder } from "../support/hosted.ts";

const encoder = steadyEncoder();
const VECTOR = new Float32Array(65).fill(0.1);

let f: TestFederation;
let clinic: TestMember;
let reader: TestMember;
let stranger: TestMember;
let notes: OwnedCollection;
let files: OwnedCollection;
beforeAll(async () => {
  f = await TestFederation.start({
    corpora: { alpha: corpus("alpha", 10), host: {} },
    queriers: ["clinic", "reader", "stranger"],
    hosts: { host: { owners: ["clinic"] } },
    encoder,
  });
  [clinic, reader, stranger] = await Promise.all(
    ["clinic", "reader", "stranger"].map((name) => TestMember.open(f, name)) as [
      Promise<TestMember>,
      Promise<TestMember>,
      Promise<TestMember>,
    ],
  );
  notes = await clinic.create("notes");
  files = await clinic.create("files", { mode: "double" });
  for (const owned of [notes, files]) {
    await owned.ingest(corpus("case", 20));
    await owned.owner.changeReaders({ add: "reader" });
  }
  await reader.accept();
});
afterAll(async () => {
  for (const member of [clinic, reader, stranger]) member[Symbol.dispose]();
  await f[Symbol.asyncDispose]();
});

/** What a member can send about a collection, whatever its own keyring says. */
function remoteOf(member: TestMember, keyId: string): RemoteCollection {
  return new RemoteCollection({ session: member.host().session, keyId: sodium.from_hex(keyId), dim: 65 });
}

/** Asks with an entry of the asker's own making. */
async function askWith(member: TestMember, entry: KeyringEntry) {
  const reading = new CollectionReader({ entry, session: member.host().session, seen: new SeenSequences(null) });
  try {
    return await reading.ask(await encoder.encodeQuery("fghi case"), 5);
  } finally {
    reading.close();
  }
}

const UNKNOWN = newCollectionKey().id;
const row = () => ({
  rowId: sodium.randombytes_buf(16),
  version: 1,
  vector: VECTOR,
  passage: new Uint8Array(40),
});
const reads: Record<string, (remote: RemoteCollection) => Promise<unknown>> = {
  open: (remote) => remote.open(),
  search: (remote) => remote.search(VECTOR, 5, 0),
  score: (remote) => remote.score(new Uint8Array(10), 0),
  fetch: (remote) => remote.fetch(0, []),
  read: (remote) => remote.read([sodium.randombytes_buf(16)]),
};
const changes: Record<string, (remote: RemoteCollection) => Promise<unknown>> = {
  put: (remote) => remote.put([row()]),
  remove: (remote) => remote.remove([sodium.randombytes_buf(16)]),
  erase: (remote) => remote.erase(),
  describe: (remote) => remote.describe(new Uint8Array(0), []),
  versions: (remote) => remote.versions(),
};

describe("a grant that is of no use", () => {
  async function acceptedWith(name: string, grant: (keyId: string) => Uint8Array) {
    const { current } = clinic.declare(name).entry;
    const remote = remoteOf(clinic, current.id);
    await remote.create({ search: "exact", scoring: null });
    await remote.describe(new Uint8Array(0), [{ member: "reader", grant: grant(current.id) }]);
    const member = { identity: f.identity("reader"), federation: f.federation };
    const accepted = await grantedCollections(await reader.host().session(), member);
    await remote.erase();
    return { names: accepted.entries.map((entry) => entry.name), codes: accepted.refused.map(({ code }) => code) };
  }
  const granted = ["clinic-notes", "clinic-files"].sort();
  const grantOf = (entry: KeyringEntry) =>
    sealGrant(entry, { recipient: "reader", owner: f.identity("clinic"), federation: f.federation });

  test("for its name with its owner's is too long, does not keep the others out", async () => {
    const name = "n".repeat(60);
    const { names, codes } = await acceptedWith(name, () => grantOf(clinic.keyring.require(name)));
    expect([names.sort(), codes]).toEqual([granted, ["ENTRY_INVALID"]]);
  });

  test("for it has another collection's key, is refused", async () => {
    const { names, codes } = await acceptedWith("other", () => grantOf({ ...notes.entry, name: "other" }));
    expect([names.sort(), codes]).toEqual([granted, ["GRANT_INVALID"]]);
  });
});

describe("a member that was not granted a collection", () => {
  test.each(Object.keys(reads))("learns nothing from %s: it is as if the collection were not there", async (name) => {
    const there = await faultOf(reads[name]!(remoteOf(stranger, notes.entry.current.id)));
    const missing = await faultOf(reads[name]!(remoteOf(stranger, UNKNOWN)));
    expect(there.code).toBe("COLLECTION_UNKNOWN");
    expect(there).toEqual(missing);
  });

  test("finds nothing listed", async () => {
    expect(await stranger.accept()).toEqual([]);
    const session = await stranger.host().session();
    const { collections } = await session.ask({ type: "host-list" }, "host-collections");
    expect(collections).toEqual([]);
  });

  test("gets nothing with the key itself, which somebody may have told it", async () => {
    expect((await faultOf(askWith(stranger, notes.entry))).code).toBe("COLLECTION_UNKNOWN");
    expect((await faultOf(askWith(stranger, files.entry))).code).toBe("COLLECTION_UNKNOWN");
  });

  test.each(Object.keys(changes))("who is no owner here cannot %s", async (name) => {
    for (const id of [notes.entry.current.id, UNKNOWN])
      expect((await faultOf(changes[name]!(remoteOf(stranger, id)))).code).toBe("NOT_HOSTING");
  });

  test("and cannot create one, and is told what the host's operator would have to do", async () => {
    const { code, message } = await faultOf(stranger.create("mine"));
    expect(code).toBe("NOT_HOSTING");
    expect(message).toContain("--host-for stranger");
    expect((await faultOf(remoteOf(reader, UNKNOWN).create({ search: "exact", scoring: null }))).code).toBe(
      "NOT_HOSTING",
    );
  });
});

describe("a reader", () => {
  test.each(Object.keys(changes))("cannot %s", async (name) => {
    const before = await notes.owner.check();
    expect((await faultOf(changes[name]!(remoteOf(reader, notes.entry.current.id)))).code).toBe("NOT_HOSTING");
    expect(await notes.owner.check()).toEqual(before);
    expect(before).toEqual({ missing: 0, unexpected: 0, opened: 20 });
  });

  test("is not told who else reads", async () => {
    const { readers } = await remoteOf(reader, notes.entry.current.id).open();
    expect(readers).toEqual([]);
    expect((await remoteOf(clinic, notes.entry.current.id).open()).readers).toEqual(["reader"]);
  });

  test("reads with the key it was given", async () => {
    expect((await askWith(reader, reader.keyring.require("clinic-notes"))).passages).toHaveLength(5);
    expect((await askWith(reader, reader.keyring.require("clinic-files"))).passages).toHaveLength(5);
  });
});

describe.each([
  { name: "notes", mode: "outsourced" },
  { name: "files", mode: "double" },
])("with a wrong key ($mode)", ({ name }) => {
  const entryOf = () => reader.keyring.require(`clinic-${name}`);

  test("the header does not open, and nothing is asked", async () => {
    const entry = entryOf();
    const wrong = { ...entry, current: { ...entry.current, secret: sodium.randombytes_buf(32) } };
    expect((await faultOf(askWith(reader, wrong))).code).toBe("HEADER_TAMPERED");
  });

  test("the secret of another collection opens nothing", async () => {
    const other = reader.keyring.require(name === "notes" ? "clinic-files" : "clinic-notes");
    const { id } = entryOf().current;
    const mixed = { ...entryOf(), current: { id, secret: other.current.secret } };
    expect((await faultOf(askWith(reader, mixed))).code).toBe("HEADER_TAMPERED");
  });
});

test("a collection asked in the other's mode is refused", async () => {
  const { scoring } = reader.keyring.require("clinic-files");
  const asDouble: KeyringEntry = { ...reader.keyring.require("clinic-notes"), mode: "double", scoring };
  expect((await faultOf(askWith(reader, asDouble))).code).toBe("NOT_SCORED");
});

test("a question of another length is refused", async () => {
  const remote = remoteOf(reader, notes.entry.current.id);
  expect((await faultOf(remote.search(new Float32Array(64), 5, 0))).code).toBe("VECTOR_INVALID");
});

test("a key id is taken once", async () => {
  expect(
    (await faultOf(remoteOf(clinic, notes.entry.current.id).create({ search: "exact", scoring: null }))).code,
  ).toBe("COLLECTION_EXISTS");
});

test("a party that hosts for nobody says so, and so does its outcome; a host that is away is away", async () => {
  expect((await faultOf(clinic.create("elsewhere", { host: "alpha" }))).code).toBe("NOT_HOSTING");
  await f.party("alpha").stop();
  const client = await clinic.client();
  const result = await client.query("fghi case", { k: 5 }).result;
  expect(outcomeOf(result, "elsewhere").fault?.code).toBe("PARTY_OFFLINE");
  expect(outcomeOf(result, "notes").status).toBe("answered");
  client.close();
  await f.party("alpha").start();
  clinic.keyring.remove("elsewhere");
});
