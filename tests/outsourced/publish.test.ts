import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { Fault, sodium } from "../../crypto/index.ts";
import type { SottoClient } from "../../party-node/asking/client.ts";
import { CollectionSecrets } from "../../party-node/outsourced/collection-secrets.ts";
import { openHeader, unpackRemoved } from "../../party-node/outsourced/header.ts";
import { type Candidate, type SealedStore, openSqliteSealedStore } from "../../party-node/sealed-store/index.ts";
import { unpackAttachment } from "../../party-node/hosting/attachment.ts";
import { corpus } from "../federation/corpora.ts";
import { TestFederation } from "../support/federation.ts";
import { inFrontOf } from "../support/test-host.ts";
import { type OwnedCollection, TestMember, faultOf, outcomeOf, rowOpener, steadyEncoder } from "../support/hosted.ts";

const encoder = steadyEncoder();
const base = corpus("case", 30);

/** What the host's store does in place of what it should. */
const lies: Partial<SealedStore> = {};

let f: TestFederation;
let clinic: TestMember;
let store: SealedStore;
let notes: OwnedCollection;
const clients: SottoClient[] = [];
beforeAll(async () => {
  f = await TestFederation.start({
    corpora: { host: {} },
    queriers: ["clinic"],
    hosts: {
      host: {
        owners: ["clinic"],
        openStore: (folder) => {
          store = openSqliteSealedStore({ folder, collectionBytesMax: 512 * 1024 });
          return inFrontOf(store, lies);
        },
      },
    },
    encoder,
  });
  clinic = await TestMember.open(f, "clinic");
});
beforeEach(async () => {
  notes = await clinic.create("notes");
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await notes.erase();
});
afterAll(async () => {
  clinic[Symbol.dispose]();
  await f[Symbol.asyncDispose]();
});

/** What lies at the host, by the document it is of. */
async function atHost(): Promise<Map<string, Candidate>> {
  const { id } = notes.entry.current;
  const versions = await store.versions(id);
  const rows = await store.read(
    id,
    versions.map(({ rowId }) => rowId),
  );
  using opener = rowOpener(notes.entry);
  return new Map(rows.map((row) => [opener.open(row).passage.documentId, row]));
}

async function header() {
  const { header: sealed } = unpackAttachment(await store.attachment(notes.entry.current.id));
  using secrets = new CollectionSecrets(notes.entry.current);
  const opened = openHeader(sealed, secrets);
  return { ...opened, removed: unpackRemoved(opened.removed) };
}

async function newClient(): Promise<SottoClient> {
  const client = await clinic.client();
  clients.push(client);
  return client;
}

/** Documents found by the words of one. */
async function ask(client: SottoClient, question: string, k = 5) {
  const result = await client.query(question, { k }).result;
  return { outcome: outcomeOf(result, "notes"), documents: result.passages.map(({ documentId }) => documentId) };
}

const nameOf = ({ rowId }: Candidate): string => sodium.to_hex(rowId);

test("a second run seals and sends nothing, and leaves the header as it was", async () => {
  expect(await notes.ingest(base)).toEqual({ put: 30, removed: 0, rows: 30, tooLarge: 0, lost: 0 });
  const [rows, before] = [await atHost(), await store.attachment(notes.entry.current.id)];
  expect(await notes.ingest(base)).toEqual({ put: 0, removed: 0, rows: 30, tooLarge: 0, lost: 0 });
  expect(await atHost()).toEqual(rows);
  expect(await store.attachment(notes.entry.current.id)).toEqual(before);
});

test("only what changed is sealed: new documents come, changed ones replace, removed ones go and are named", async () => {
  await notes.ingest(base);
  const before = await atHost();
  const { sequence } = await header();
  const { case0: _gone, ...kept } = base;
  const changed = { ...kept, case1: "quite another text", new1: "a new one", new2: "and one more" };
  expect(await notes.ingest(changed)).toEqual({ put: 3, removed: 2, rows: 31, tooLarge: 0, lost: 0 });
  const after = await atHost();
  expect([...after.keys()].sort()).toEqual(Object.keys(changed).sort());
  for (const [document, row] of after) {
    const same = changed[document as keyof typeof changed] === base[document];
    // Ciphertext, sealed passage and version are the very ones that were there.
    if (same) expect(row).toEqual(before.get(document));
    else expect(row.version).toBeGreaterThan(sequence);
  }
  const told = await header();
  expect(told).toMatchObject({ rowCountMin: 31 });
  expect([...told.removed.keys()].sort()).toEqual([before.get("case0")!, before.get("case1")!].map(nameOf).sort());
});

test("a passage that was removed comes again as another row, and readers accept it", async () => {
  await notes.ingest({ ...base, again: "zzyx vwut" });
  const first = (await atHost()).get("again")!;
  await notes.ingest(base);
  const client = await newClient();
  expect((await ask(client, "zzyx vwut")).documents).not.toContain("again");
  expect(await notes.ingest({ ...base, again: "zzyx vwut" })).toMatchObject({ put: 1, removed: 0, rows: 31 });
  const second = (await atHost()).get("again")!;
  expect(nameOf(second)).not.toBe(nameOf(first));
  expect(second.version).toBeGreaterThan(first.version);
  expect(second.vector).not.toEqual(first.vector);
  expect((await ask(client, "zzyx vwut")).documents[0]).toBe("again");
  // It is that row from now on.
  expect(await notes.owner.publish()).toMatchObject({ put: 0, removed: 0, rows: 31 });
  expect(await notes.owner.check()).toMatchObject({ missing: 0, unexpected: 0 });
});

test("what a run removed is named by the next one, when it was ended before it could say so", async () => {
  await notes.ingest(base);
  const { case0: _gone, ...kept } = base;
  const gone = (await atHost()).get("case0")!;
  let headers = 0;
  lies.writeAttachment = async (id, bytes) => {
    if (++headers === 2) throw new Fault("STORE_UNAVAILABLE", "the disk has gone");
    await store.writeAttachment(id, bytes);
  };
  expect((await faultOf(notes.ingest(kept))).code).toBe("STORE_UNAVAILABLE");
  delete lies.writeAttachment;
  expect((await atHost()).has("case0")).toBe(false);
  expect((await header()).removed.size).toBe(0);
  expect(await notes.owner.publish()).toMatchObject({ put: 0, removed: 0, rows: 29, lost: 0 });
  expect([...(await header()).removed]).toEqual([[nameOf(gone), gone.version]]);
  // When it comes again it is another row.
  await notes.ingest(base);
  expect((await ask(await newClient(), base["case0"]!, 30)).documents).toContain("case0");
});

test("the same passage ingested twice is one row", async () => {
  // Two files of one name in two folders are two documents of the ledger with one text; here, one document of the same id in two corpora.
  await notes.fill(base, encoder);
  await notes.fill({ case0: base["case0"]! }, encoder, "more");
  expect(notes.rows()).toHaveLength(31);
  expect(await notes.owner.publish()).toEqual({ put: 30, removed: 0, rows: 30, tooLarge: 0, lost: 0 });
  expect(await notes.owner.publish()).toMatchObject({ put: 0, removed: 0 });
  await notes.fill({}, encoder, "more");
  expect(await notes.owner.publish()).toMatchObject({ put: 0, removed: 0, rows: 30 });
});

test("passages larger than a host takes are left out and counted, and the rest is served", async () => {
  notes.ledger.apply({
    put: [
      {
        documentKey: "huge",
        contentHash: "0",
        passages: [{ documentId: "huge", title: "", text: "x".repeat(200 * 1024), ordinal: 0 }],
        vectors: [await encoder.encodeQuery("huge text")],
      },
    ],
    remove: [],
  });
  expect(await notes.ingest(base)).toEqual({ put: 30, removed: 0, rows: 30, tooLarge: 1, lost: 0 });
  expect((await ask(await newClient(), base["case3"]!)).documents[0]).toBe("case3");
  expect((await atHost()).size).toBe(30);
});

describe("an empty collection", () => {
  test("that nothing was ever published to says so", async () => {
    const client = await newClient();
    expect((await ask(client, "anything")).outcome.fault?.code).toBe("COLLECTION_NOT_FILLED");
    await notes.ingest(base);
    expect((await ask(client, base["case3"]!)).documents[0]).toBe("case3");
  });

  test("is answered as empty, and a reader that found it so sees what comes later", async () => {
    expect(await notes.ingest({})).toEqual({ put: 0, removed: 0, rows: 0, tooLarge: 0, lost: 0 });
    const client = await newClient();
    const nothing = await ask(client, "anything");
    expect(nothing).toMatchObject({ documents: [], outcome: { status: "answered", passagesScored: 0 } });
    await notes.ingest(base);
    const found = await ask(client, base["case3"]!);
    expect(found.documents).toHaveLength(5);
    expect(found.documents[0]).toBe("case3");
  });

  test("is what is left when all goes", async () => {
    await notes.ingest(base);
    const client = await newClient();
    expect((await ask(client, base["case3"]!)).documents).toHaveLength(5);
    expect(await notes.ingest({})).toMatchObject({ put: 0, removed: 30, rows: 0 });
    const nothing = await ask(client, base["case3"]!);
    expect(nothing).toMatchObject({ documents: [], outcome: { status: "answered" } });
  });
});

test("a reader that knew a small collection gets all it asked for of a large one, at once", async () => {
  await notes.ingest({ only: "zzyx vwut" });
  const client = await newClient();
  expect((await ask(client, "zzyx vwut")).documents).toEqual(["only"]);
  await notes.ingest(base);
  const { documents, outcome } = await ask(client, base["case3"]!);
  expect(documents).toHaveLength(5);
  expect(outcome).toMatchObject({ passagesScored: 30 });
});

test("a reader who asks a double collection right after it was changed accuses nobody", async () => {
  const files = await clinic.create("files", { mode: "double" });
  await files.ingest(base);
  const client = await newClient();
  const corpora = [{ ...base, more: "more words" }, base, { ...base, other: "other words" }, { case0: base["case0"]! }];
  for (const changed of corpora) {
    const asked = async () => outcomeOf(await client.query(base["case3"]!, { k: 32 }).result, "files");
    // The host has just looked for changes when there are some.
    expect((await asked()).fault).toBeUndefined();
    await files.ingest(changed);
    const { fault, passagesScored } = await asked();
    expect(fault).toBeUndefined();
    expect(passagesScored).toBe(Object.keys(changed).length);
  }
  await files.erase();
});

test("rows that a host has lost are reported, put again under a higher version, and found", async () => {
  await notes.ingest(base);
  const lost = [...(await atHost()).entries()].slice(0, 4);
  // Behind the owner's back: the store's own remove keeps the versions, as a lying host need not.
  await store.remove(
    notes.entry.current.id,
    lost.map(([, { rowId }]) => rowId),
  );
  expect(await notes.owner.check()).toEqual({ missing: 4, unexpected: 0, opened: 26 });
  const client = await newClient();
  expect((await ask(client, base["case3"]!, 32)).outcome.fault?.code).toBe("CANDIDATES_MISSING");
  expect(await notes.owner.publish()).toEqual({ put: 4, removed: 0, rows: 30, tooLarge: 0, lost: 4 });
  expect(await notes.owner.check()).toEqual({ missing: 0, unexpected: 0, opened: 30 });
  const after = await atHost();
  for (const [document, { version, vector }] of lost) {
    expect(after.get(document)!.version).toBeGreaterThan(version);
    // With other noise a host that says so again and again would average it away.
    expect(after.get(document)!.vector).toEqual(vector);
  }
  expect((await ask(client, base["case3"]!, 30)).documents).toHaveLength(30);
});

test("a host that has lost the whole collection gets it again, and readers read on", async () => {
  await notes.ingest(base);
  const client = await newClient();
  expect((await ask(client, base["case3"]!, 30)).documents).toHaveLength(30);
  await notes.owner.erase();
  expect((await ask(client, base["case3"]!, 30)).outcome.fault?.code).toBe("COLLECTION_UNKNOWN");
  expect(await notes.owner.publish()).toMatchObject({ put: 30, rows: 30 });
  expect((await ask(client, base["case3"]!, 30)).documents).toHaveLength(30);
});

test("readers who have left the federation keep their owner from nothing", async () => {
  await notes.ingest(base);
  notes.ledger.writeValue("readers", Buffer.from('["gone","left"]'));
  expect(await notes.ingest({ ...base, more: "more words" })).toMatchObject({ put: 1, rows: 31 });
  await notes.owner.changeReaders({ remove: "gone" });
  expect(notes.owner.readers).toEqual(["left"]);
  expect((await faultOf(notes.owner.changeReaders({ add: "stranger" }))).code).toBe("GRANT_RECIPIENT");
  expect(notes.owner.readers).toEqual(["left"]);
});

test("rows that the ledger has not are found by a check and removed by a run", async () => {
  await notes.ingest(base);
  const row = [...(await atHost()).values()][0]!;
  const { case0: _, ...kept } = base;
  await notes.fill(kept, encoder);
  expect(await notes.owner.check()).toMatchObject({ missing: 0, unexpected: 1 });
  await notes.owner.publish();
  expect(await notes.owner.check()).toEqual({ missing: 0, unexpected: 0, opened: 29 });
  await store.put(notes.entry.current.id, [{ ...row, rowId: sodium.randombytes_buf(16), version: 1 }]);
  expect((await faultOf(notes.owner.check())).code).toBe("ROW_TAMPERED");
  expect(await notes.owner.publish()).toMatchObject({ put: 0, removed: 1, rows: 29 });
});

test("a run that is stopped says why, and the next one goes on", async () => {
  const stop = new AbortController();
  await notes.fill(base, encoder);
  stop.abort(new Error("enough"));
  await expect(notes.owner.publish({ signal: stop.signal })).rejects.toThrow("enough");
  const seen: number[] = [];
  await notes.owner.publish({ onProgress: ({ done }) => seen.push(done) });
  expect(seen.at(-1)).toBe(30);
  expect((await atHost()).size).toBe(30);
});

test("a quota that is full: the owner is told, what was there is served, and nothing is lost once there is room", async () => {
  await notes.ingest(base);
  const much = corpus("much", 1500);
  const { code, message } = await faultOf(notes.ingest({ ...base, ...much }));
  expect(code).toBe("STORE_FULL");
  expect(message).not.toContain(f.party("host").hostedFolder);
  const client = await newClient();
  const { documents, outcome } = await ask(client, base["case3"]!);
  expect([outcome.status, documents[0]]).toEqual(["answered", "case3"]);
  // Room is made by wanting less.
  expect(await notes.ingest({ ...base, much0: much["much0"]! })).toMatchObject({ rows: 31, tooLarge: 0 });
  expect([...(await atHost()).keys()].sort()).toEqual([...Object.keys(base), "much0"].sort());
  expect((await ask(client, much["much0"]!)).documents[0]).toBe("much0");
  expect(await notes.owner.check()).toEqual({ missing: 0, unexpected: 0, opened: 31 });
});
