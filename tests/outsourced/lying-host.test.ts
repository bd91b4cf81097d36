import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import type { SottoClient } from "../../party-node/asking/client.ts";
import { HostedSources } from "../../party-node/asking/hosted-sources.ts";
import { unpackAttachment } from "../../party-node/hosting/attachment.ts";
import { SeenSequences } from "../../party-node/outsourced/index.ts";
import {
  type Candidate,
  type SealedStore,
  openSqliteSealedStore,
  sealedStoreLimits,
} from "../../party-node/sealed-store/index.ts";
import { type PackedRow, packSealedRows, unpackHandles, unpackSealedRows } from "../../protocol/index.ts";
import { corpus } from "../federation/corpora.ts";
import { TestFederation } from "../support/federation.ts";
import {
  type OwnedCollection,
  TestMember,
  exactRanking,
  faultOf,
  outcomeOf,
  rowOpener,
  steadyEncoder,
} from "../support/hosted.ts";
import { type Interference, inFrontOf } from "../support/test-host.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const DIM = 65;
const K = 5;
const QUESTION = "fghi xyzw nqsv";
const encoder = steadyEncoder();
const all = Object.entries(corpus("case", 100));
/** One corpus in three parts, so that the question finds something in each. */
const corpora = {
  alpha: Object.fromEntries(all.slice(0, 20)),
  notes: Object.fromEntries(all.slice(20, 60)),
  files: Object.fromEntries(all.slice(60)),
};
const interference: Interference = {};
/** What the host's store says in place of the truth. */
const lies: Partial<SealedStore> = {};

let f: TestFederation;
let clinic: TestMember;
let reader: TestMember;
let store: SealedStore;
const collections = {} as Record<"notes" | "files", OwnedCollection>;
/** A row of each that was removed, as it was sealed. */
const removed = {} as Record<"notes" | "files", PackedRow>;
const clients: SottoClient[] = [];

beforeAll(async () => {
  f = await TestFederation.start({
    corpora: { alpha: corpora.alpha, host: {} },
    queriers: ["clinic", "reader"],
    hosts: {
      host: {
        owners: ["clinic"],
        interference,
        openStore: (folder) => {
          store = openSqliteSealedStore({ folder });
          return inFrontOf(store, lies);
        },
      },
    },
    encoder,
  });
  clinic = await TestMember.open(f, "clinic");
  reader = await TestMember.open(f, "reader");
  for (const [name, mode] of [
    ["notes", "outsourced"],
    ["files", "double"],
  ] as const) {
    const owned = (collections[name] = await clinic.create(name, { mode }));
    await owned.ingest({ ...corpora[name], gone: `${QUESTION} and more` });
    const { entry } = owned;
    const before = await rowsOf(entry.current.id);
    await owned.ingest(corpora[name]);
    const after = new Set((await rowsOf(entry.current.id)).map(({ rowId }) => Buffer.from(rowId).toString("hex")));
    removed[name] = before.find(({ rowId }) => !after.has(Buffer.from(rowId).toString("hex")))!;
    await owned.owner.changeReaders({ add: "reader" });
  }
  await reader.accept();
});
afterEach(() => {
  interference.answer = undefined;
  for (const name of Object.keys(lies)) Reflect.deleteProperty(lies, name);
  for (const client of clients.splice(0)) client.close();
});
afterAll(async () => {
  clinic[Symbol.dispose]();
  reader[Symbol.dispose]();
  await f[Symbol.asyncDispose]();
});

async function rowsOf(collectionId: string): Promise<Candidate[]> {
  const versions = await store.versions(collectionId);
  return store.read(
    collectionId,
    versions.map(({ rowId }) => rowId),
  );
}

/** Of the reader, who has seen nothing yet. */
async function newClient(seen = new SeenSequences(null)): Promise<SottoClient> {
  const collections = { entries: reader.keyring.entries, seen, onNewKey: () => undefined };
  const client = await reader.client({ collections });
  clients.push(client);
  return client;
}

const idOf = (name: "notes" | "files"): string => collections[name].entry.current.id;

/** Changes the rows of a collection's answers. */
function withRows(name: "notes" | "files", change: (rows: PackedRow[]) => PackedRow[] | Promise<PackedRow[]>): void {
  interference.answer = async (truth, request) => {
    if (truth.type !== "host-rows" || !("collection" in request) || !isOf(name, request.collection)) return truth;
    return { ...truth, rows: packSealedRows(await change(unpackSealedRows(truth.rows, DIM)), DIM) };
  };
}

const isOf = (name: "notes" | "files", keyId: Uint8Array | undefined): boolean =>
  keyId !== undefined && Buffer.from(keyId).toString("hex") === idOf(name);

/** Changes the header of a collection's answers, and says that it is another than the one known. */
function withHeader(name: "notes" | "files", change: (header: Uint8Array) => Uint8Array): void {
  interference.answer = (truth, request) => {
    const isState = truth.type === "host-rows" || truth.type === "host-scores" || truth.type === "host-state";
    if (!isState || !("collection" in request) || !isOf(name, request.collection)) return truth;
    if (truth.header.length === 0) return truth;
    return { ...truth, revision: truth.revision + 1000, header: change(truth.header.slice()) };
  };
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice();
  copy[(at + copy.length) % copy.length]! ^= 1;
  return copy;
}

const altered = (rows: PackedRow[], change: (row: PackedRow) => Partial<PackedRow>): PackedRow[] =>
  rows.map((row, i) => (i === rows.length - 1 ? { ...row, ...change(row) } : row));

function withFlippedVector(row: PackedRow): Partial<PackedRow> {
  const vector = row.vector.slice();
  new Uint8Array(vector.buffer)[8]! ^= 1;
  return { vector };
}

interface Lie {
  readonly lie: string;
  readonly rows: (rows: PackedRow[], name: "notes" | "files") => PackedRow[] | Promise<PackedRow[]>;
  readonly fault: string;
}

const found: Lie[] = [
  {
    lie: "drops a row, so that fewer come than were asked for",
    rows: (rows) => rows.slice(1),
    fault: "CANDIDATES_MISSING",
  },
  { lie: "returns no row", rows: () => [], fault: "CANDIDATES_MISSING" },
  { lie: "returns a row twice", rows: (rows) => [...rows.slice(1), rows[1]!], fault: "HOST_MISBEHAVED" },
  { lie: "returns more rows than asked for", rows: (rows) => [...rows, rows[0]!], fault: "MESSAGE_INVALID" },
  { lie: "replays a removed row", rows: (rows, name) => [...rows.slice(1), removed[name]], fault: "HOST_MISBEHAVED" },
  {
    lie: "replays a removed row under a newer version",
    rows: (rows, name) => [...rows.slice(1), { ...removed[name], version: removed[name].version + 1 }],
    fault: "ROW_TAMPERED",
  },
  {
    lie: "says a row is newer than the collection",
    rows: (rows) => altered(rows, ({ version }) => ({ version: version + 1000 })),
    fault: "HOST_ROLLED_BACK",
  },
  {
    lie: "swaps the passages of two rows",
    rows: ([a, b, ...rest]) => [{ ...a!, passage: b!.passage }, { ...b!, passage: a!.passage }, ...rest],
    fault: "ROW_TAMPERED",
  },
  {
    lie: "swaps the vectors of two rows",
    rows: ([a, b, ...rest]) => [{ ...a!, vector: b!.vector }, { ...b!, vector: a!.vector }, ...rest],
    fault: "ROW_TAMPERED",
  },
  {
    lie: "swaps the ids of two rows",
    rows: ([a, b, ...rest]) => [{ ...a!, rowId: b!.rowId }, { ...b!, rowId: a!.rowId }, ...rest],
    fault: "ROW_TAMPERED",
  },
  { lie: "flips a bit of a vector", rows: (rows) => altered(rows, withFlippedVector), fault: "ROW_TAMPERED" },
  {
    lie: "puts NaN into a vector",
    rows: (rows) => altered(rows, ({ vector }) => ({ vector: vector.map((x, i) => (i === 3 ? NaN : x)) })),
    fault: "ROW_TAMPERED",
  },
  {
    lie: "flips a bit of a nonce",
    rows: (rows) => altered(rows, ({ passage }) => ({ passage: flipped(passage, 5) })),
    fault: "ROW_TAMPERED",
  },
  {
    lie: "flips a bit of a passage",
    rows: (rows) => altered(rows, ({ passage }) => ({ passage: flipped(passage, 100) })),
    fault: "ROW_TAMPERED",
  },
  {
    lie: "flips a bit of a passage's tag",
    rows: (rows) => altered(rows, ({ passage }) => ({ passage: flipped(passage, -1) })),
    fault: "ROW_TAMPERED",
  },
  {
    lie: "cuts a passage to nothing",
    rows: (rows) => altered(rows, () => ({ passage: new Uint8Array(0) })),
    fault: "ROW_TAMPERED",
  },
  {
    lie: "returns a passage larger than a host takes",
    rows: (rows) => altered(rows, () => ({ passage: new Uint8Array(sealedStoreLimits.passageBytesMax + 1) })),
    fault: "MESSAGE_INVALID",
  },
  {
    lie: "answers with rows of another collection of the same owner",
    rows: async (rows, name) =>
      (await rowsOf(idOf(name === "notes" ? "files" : "notes")))
        .slice(0, rows.length)
        .map((row) => ({ ...row, version: 1 })),
    fault: "ROW_TAMPERED",
  },
];

const passagesOf = ({ passages }: { passages: readonly { party: string; collection?: string }[] }, name: string) =>
  passages.filter(({ party, collection }) => (collection ?? party) === name);

describe.each([
  { name: "notes", other: "files", mode: "outsourced" },
  { name: "files", other: "notes", mode: "double" },
] as const)("the host of a collection of mode $mode", ({ name, other }) => {
  test.each(found)("is found out when it $lie: $fault", async ({ rows, fault }) => {
    const client = await newClient();
    withRows(name, (true_) => rows(true_, name));
    const result = await client.query(QUESTION, { k: 32 }).result;
    const outcome = outcomeOf(result, `clinic-${name}`);
    expect(outcome).toMatchObject({ status: "missing", fault: { code: fault } });
    expect(outcome.fault!.reason).not.toContain(QUESTION);
    expect(passagesOf(result, `clinic-${name}`)).toEqual([]);
    expect(passagesOf(result, "alpha").length).toBeGreaterThan(1);
    // A broken session takes the answers under way in it along; the next question opens another one.
    if (fault === "MESSAGE_INVALID") return;
    expect(outcomeOf(result, `clinic-${other}`).status).toBe("answered");
    expect(passagesOf(result, `clinic-${other}`).length).toBeGreaterThan(1);
  });

  test.each([
    { lie: "flips a bit of the header", header: (bytes: Uint8Array) => flipped(bytes, 60), fault: "HEADER_TAMPERED" },
    {
      lie: "flips a bit of the header's nonce",
      header: (bytes: Uint8Array) => flipped(bytes, 0),
      fault: "HEADER_TAMPERED",
    },
    { lie: "cuts the header short", header: (bytes: Uint8Array) => bytes.subarray(0, 10), fault: "HEADER_TAMPERED" },
    { lie: "says that there is no header", header: () => new Uint8Array(0), fault: "COLLECTION_NOT_FILLED" },
  ])("is found out when it $lie: $fault", async ({ header, fault }) => {
    withHeader(name, header);
    const client = await newClient();
    const result = await client.query(QUESTION, { k: 32 }).result;
    expect(outcomeOf(result, `clinic-${name}`)).toMatchObject({ status: "missing", fault: { code: fault } });
    expect(passagesOf(result, "alpha").length).toBeGreaterThan(1);
    expect(outcomeOf(result, `clinic-${other}`).status).toBe("answered");
  });

  test("is found out when it shows the header of another collection", async () => {
    const headers: Uint8Array[] = [];
    withHeader(other, (header) => (headers.push(header), header));
    await newClient();
    withHeader(name, () => headers[0]!);
    const result = await (await newClient()).query(QUESTION, { k: K }).result;
    expect(outcomeOf(result, `clinic-${name}`).fault?.code).toBe("HEADER_TAMPERED");
  });

  test("does no harm by reordering rows, and none by lying once", async () => {
    const client = await newClient();
    const best = async () => {
      const { passages } = await client.query(QUESTION, { k: 20 }).result;
      return passages.filter(({ collection }) => collection === `clinic-${name}`).slice(0, 4);
    };
    const truth = await best();
    expect(truth).toHaveLength(4);
    withRows(name, (rows) => rows.toReversed());
    expect(await best()).toEqual(truth);
    let times = 0;
    withRows(name, (rows) => (times++ === 0 ? rows.slice(1) : rows));
    expect(await best()).toEqual(truth);
    expect(times).toBe(2);
  });
});

test("an outsourced host that hides a single row is not found out: readers do not know what there is", async () => {
  lies.search = async (id, search) =>
    (await store.search(id, { ...search, candidates: search.candidates + 1 })).slice(1);
  const result = await (await newClient()).query(QUESTION, { k: K }).result;
  expect(outcomeOf(result, "clinic-notes").status).toBe("answered");
  const exact = (await exactRanking(QUESTION, collections.notes.rows(), encoder)).map(({ documentId }) => documentId);
  const notes = result.passages.filter(({ collection }) => collection === "clinic-notes");
  expect(notes[0]!.documentId).toBe(exact[1]);
  expect(notes.map(({ documentId }) => documentId)).not.toContain(exact[0]);
});

describe("in double mode", () => {
  /** Whatever the host has loaded, it reads the store's rows again. */
  const reload = (): void => {
    const drawn = Math.floor(performance.now() * 1000);
    lies.revision = (id) => (id === idOf("files") ? Promise.resolve(drawn) : store.revision(id));
  };
  const loaded = () => setTimeout(600);
  const hide = async (row: Uint8Array): Promise<void> => {
    lies.versions = async (id, page) =>
      (await store.versions(id, page)).filter(({ rowId }) => Buffer.compare(rowId, row) !== 0);
    reload();
    await loaded();
  };
  afterEach(loaded);

  test("the order in which rows are fetched does not tell a host how they rank", async () => {
    let handles = new Uint8Array(0);
    interference.answer = (truth, request) => {
      if (request.type === "host-fetch") handles = request.handles.slice();
      return truth;
    };
    await (await newClient()).query(QUESTION, { k: 20 }).result;
    const numbers = unpackHandles(handles).map(({ block, slot }) => block * 2 ** 16 + slot);
    expect(numbers.length).toBeGreaterThan(20);
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
  });

  test("a host that hides a row is found out, for it has to score every row", async () => {
    await hide((await store.versions(idOf("files")))[7]!.rowId);
    const result = await (await newClient()).query(QUESTION, { k: K }).result;
    expect(outcomeOf(result, "clinic-files").fault?.code).toBe("CANDIDATES_MISSING");
    expect(outcomeOf(result, "clinic-notes").status).toBe("answered");
  });

  test("a host that scores a row low is not found out: it scores what it says is there", async () => {
    const [first, second] = await exactRanking(QUESTION, collections.files.rows(), encoder);
    const bestOf = async (client: SottoClient) => {
      const result = await client.query(QUESTION, { k: 20 }).result;
      expect(outcomeOf(result, "clinic-files").status).toBe("answered");
      return result.passages.find(({ collection }) => collection === "clinic-files")?.documentId;
    };
    expect(await bestOf(await newClient())).toBe(first!.documentId);
    // Which row that is the host cannot tell; the test looks for it.
    let buried = new Uint8Array(0);
    using opener = rowOpener(collections.files.entry);
    for (const row of await rowsOf(idOf("files")))
      if (opener.open(row).passage.documentId === first!.documentId) buried = row.rowId.slice();
    // A row is read when it is new to the host's index, so it goes and comes again.
    await hide(buried);
    expect(outcomeOf(await (await newClient()).query(QUESTION).result, "clinic-files").status).toBe("missing");
    delete lies.versions;
    lies.readVectors = async (id, rowIds) =>
      (await store.readVectors(id, rowIds)).map((row) =>
        Buffer.compare(row.rowId, buried) === 0 ? { ...row, vector: row.vector.map((x) => -x) } : row,
      );
    reload();
    await loaded();
    expect(await bestOf(await newClient())).toBe(second!.documentId);
  });
});

test("a host that shows one row in place of all that a check drew is found out", async () => {
  interference.answer = (truth, request) => {
    if (truth.type !== "host-rows" || request.type !== "host-read") return truth;
    const rows = unpackSealedRows(truth.rows, DIM);
    return { ...truth, rows: packSealedRows(Array<PackedRow>(rows.length).fill(rows[0]!), DIM) };
  };
  expect((await faultOf(collections.notes.owner.check())).code).toBe("HOST_MISBEHAVED");
  interference.answer = undefined;
  expect(await collections.notes.owner.check()).toMatchObject({ missing: 0, unexpected: 0 });
});

describe("a host that goes back to an older state", () => {
  const changed = () => ({ ...corpora.notes, later: `later ${QUESTION}` });

  test("is not seen in an answer that was under way while another process of the member saw a newer one", async () => {
    const seen = new SeenSequences(null);
    const [client, other] = [await newClient(seen), await newClient(seen)];
    const ask = async (asker: SottoClient) =>
      outcomeOf(await asker.query(QUESTION, { k: K }).result, "clinic-notes").fault;
    expect(await ask(client)).toBeUndefined();
    await collections.notes.ingest({ ...corpora.notes, one: "one more" });
    interference.answer = async (truth, request) => {
      if (request.type !== "host-search" || !isOf("notes", request.collection)) return truth;
      interference.answer = undefined;
      await collections.notes.ingest({ ...corpora.notes, two: "two more" });
      expect(await ask(other)).toBeUndefined();
      return truth;
    };
    expect(await ask(client)).toBeUndefined();
    await collections.notes.ingest(corpora.notes);
  });

  test("is found out by whoever has seen the newer one, also after a restart; and by nobody else", async () => {
    using folder = temporaryFolder();
    const backup = join(folder.path, "backup");
    const seenPath = join(folder.path, "seen.json");
    const { hostedFolder } = f.party("host");
    const restart = async (change: () => void): Promise<void> => {
      await f.party("host").stop();
      change();
      await f.party("host").start();
    };
    await restart(() => {
      cpSync(hostedFolder, backup, { recursive: true });
    });
    const revision = async () => unpackAttachment(await store.attachment(idOf("notes"))).revision;
    await collections.notes.ingest(changed());
    const newest = await revision();
    const client = await newClient(new SeenSequences(seenPath));
    const now = await client.query(QUESTION, { k: K }).result;
    expect(now.passages.map(({ documentId }) => documentId)).toContain("later");
    await restart(() => {
      rmSync(hostedFolder, { recursive: true });
      cpSync(backup, hostedFolder, { recursive: true });
    });
    const code = async (asker: SottoClient): Promise<string | undefined> =>
      outcomeOf(await asker.query(QUESTION, { k: K }).result, "clinic-notes").fault?.code;
    expect(await code(client)).toBe("HOST_ROLLED_BACK");
    expect(await code(await newClient(new SeenSequences(seenPath)))).toBe("HOST_ROLLED_BACK");
    // What a reader has never seen it cannot miss.
    expect(await code(await newClient(new SeenSequences(null)))).toBeUndefined();
    // The owner puts it right by publishing again, under a sequence that nobody has seen.
    expect(await collections.notes.owner.publish()).toMatchObject({ put: 1 });
    expect(await revision()).not.toBe(newest);
    expect(await code(client)).toBeUndefined();
    expect(await code(await newClient(new SeenSequences(seenPath)))).toBeUndefined();
  });
});

test("a question that was stopped goes to no host", async () => {
  let sessions = 0;
  const hosted = new HostedSources({
    identity: f.identity("reader"),
    federation: f.federation,
    entries: reader.keyring.entries,
    seen: new SeenSequences(null),
    session: () => Promise.reject(new Error(`session ${String(++sessions)}`)),
    onNewKey: () => undefined,
  });
  const stopped = { k: K, deadlineMs: 1000, signal: AbortSignal.abort() };
  const asked = hosted.ask(await encoder.encodeQuery(QUESTION), stopped, () => undefined);
  await expect(asked).rejects.toMatchObject({ code: "ABORTED" });
  expect(sessions).toBe(0);
  hosted.close();
});

test("answers of a host's own making end as a fault too", async () => {
  const client = await newClient();
  interference.answer = (truth, request) => {
    if (request.type !== "host-search" && request.type !== "host-score") return truth;
    return { type: "host-done", id: truth.id };
  };
  const result = await client.query(QUESTION, { k: K }).result;
  for (const name of ["clinic-notes", "clinic-files"])
    expect(outcomeOf(result, name).fault?.code).toBe("MESSAGE_INVALID");
  expect(passagesOf(result, "alpha").length).toBeGreaterThan(1);
});
