import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { pino } from "pino";
import { scoreStandardDeviation, sodium } from "../../crypto/index.ts";
import { CoordinatorLink } from "../../party-node/link/coordinator-link.ts";
import type { SottoClient } from "../../party-node/asking/client.ts";
import type { QueryOptions } from "../../party-node/asking/query-options.ts";
import type { FetchedPassage, ScoredQuery } from "../../party-node/asking/fetched-passages.ts";
import { PartySession } from "../../party-node/asking/party-session.ts";
import { Collection } from "../../party-node/serving/collection.ts";
import { QueryService } from "../../party-node/serving/query-service.ts";
import { SessionService } from "../../party-node/serving/session-service.ts";
import { type Handle, type HopMessage, Initiator, handshakeContext, limits, seal } from "../../protocol/index.ts";
import { TestFederation, until } from "../support/federation.ts";
import { corpus } from "./corpora.ts";

const code = (expected: string) => expect.objectContaining({ code: expected });
const corpora = { alpha: corpus("alpha", 70), beta: corpus("beta", 40), gamma: corpus("gamma", 33) };
const questions = ["fghi alpha", "what does beta say of nqsv", "gamma wzcg gamma", "xyzw qrst", "lmno pqrs tuvw"];

let f: TestFederation;
let client: SottoClient;
beforeAll(async () => {
  f = await TestFederation.start({ corpora, queriers: ["asker", "second"] });
  client = await f.client();
});
afterAll(async () => {
  await f[Symbol.asyncDispose]();
});

const where = ({ party, documentId }: { party: string; documentId: string }): string => `${party}/${documentId}`;

describe("the ranking", () => {
  test.each(questions)("equals the plaintext's: %s", async (question) => {
    const k = 10;
    const { passages, parties } = await client.query(question, { k }).result;
    const exact = await f.plaintextRanking(question);
    const noise = scoreStandardDeviation(f.layout);
    expect(passages).toHaveLength(k);
    for (const { party, documentId, score, text } of passages) {
      const row = exact.find((each) => where(each) === where({ party, documentId }));
      expect(text).toBe(row?.text);
      expect(Math.abs(score - (row?.score ?? Infinity))).toBeLessThan(6 * noise);
    }
    // Rows whose exact scores lie closer than the noise may change places; these questions have none at the cut.
    const [last, next] = [exact[k - 1]?.score ?? 0, exact[k]?.score ?? 0];
    expect(last - next).toBeGreaterThan(6 * noise);
    expect(passages.map(where).sort()).toEqual(exact.slice(0, k).map(where).sort());
    expect(passages.map(({ score }) => score)).toEqual(passages.map(({ score }) => score).sort((a, b) => b - a));
    const scored = Object.fromEntries(parties.map(({ party, passagesScored }) => [party, passagesScored]));
    expect(scored).toEqual({ alpha: 70, beta: 40, gamma: 33 });
  });

  test("k passages are delivered for any k, and they begin alike", async () => {
    const all = await client.query(questions[0] ?? "", { k: limits.fetchHandlesMax }).result;
    expect(all.passages).toHaveLength(limits.fetchHandlesMax);
    const one = await client.query(questions[0] ?? "", { k: 1 }).result;
    expect(one.passages.map(where)).toEqual(all.passages.slice(0, 1).map(where));
  });

  test("questions at once are kept apart", async () => {
    const asked = Array.from(
      { length: limits.queriesQueuedPerQuerierMax },
      (_, i) => questions[i % questions.length] ?? "",
    );
    const results = await Promise.all(asked.map((question) => client.query(question, { k: 1 }).result));
    for (const [i, question] of asked.entries()) {
      expect(results[i]?.passages.map(where)).toEqual((await f.plaintextRanking(question)).slice(0, 1).map(where));
    }
  });

  test("in clear mode it is the same, exactly, and ties are broken by name whoever answers first", async () => {
    const same = { twin: "precisely this text", other: "another one altogether" };
    await using clear = await TestFederation.start({
      corpora: { ...corpora, zeta: same, eta: same, theta: same },
      mode: "clear",
    });
    const asker = await clear.client();
    for (const question of questions) {
      const exact = await clear.plaintextRanking(question);
      const { passages } = await asker.query(question, { k: 10 }).result;
      expect(passages.map(where)).toEqual(exact.slice(0, 10).map(where));
      const secret = await client.query(question, { k: 10 }).result;
      expect(secret.passages.map(where).sort()).toEqual(passages.map(where).sort());
    }
    for (let i = 0; i < 5; i++) {
      const { passages } = await asker.query("precisely this text", { k: 3, keepDuplicates: true }).result;
      expect(passages.map(where)).toEqual(["eta/twin", "theta/twin", "zeta/twin"]);
    }
  });
});

describe("iteration", () => {
  test("yields each party once, as it responds; the result follows", async () => {
    const asking = client.query(questions[0] ?? "");
    const seen: string[] = [];
    for await (const { party, status } of asking) seen.push(`${party} ${status}`);
    expect(seen.toSorted()).toEqual(["alpha answered", "beta answered", "gamma answered"]);
    expect((await asking.result).parties.map(({ party, status }) => `${party} ${status}`)).toEqual(seen);
  });

  test("a query can be aborted before and while it runs, and the client goes on", async () => {
    const abort = new AbortController();
    const running = client.query(questions[0] ?? "", { signal: abort.signal });
    abort.abort();
    await expect(running.result).rejects.toThrow(code("ABORTED"));
    await expect(client.query(questions[0] ?? "", { signal: AbortSignal.abort() }).result).rejects.toThrow(
      code("ABORTED"),
    );
    await expect(
      (async () => {
        for await (const _ of running) {
          /* learn of it here too */
        }
      })(),
    ).rejects.toThrow(code("ABORTED"));
    expect((await client.query(questions[0] ?? "").result).passages).toHaveLength(5);
  });
});

describe("refused before anything is sent", () => {
  test.each([
    { id: "no k", options: { k: 0 } },
    { id: "a broken k", options: { k: 1.5 } },
    { id: "a k above what a fetch may name", options: { k: limits.fetchHandlesMax + 1 } },
    { id: "k NaN", options: { k: Number.NaN } },
    { id: "no time", options: { deadlineMs: 0 } },
    { id: "more time than allowed", options: { deadlineMs: limits.queryDeadlineMsMax + 1 } },
    { id: "an option that does not exist", options: { topK: 5 } },
  ])("$id", ({ options }) => {
    expect(() => client.query("a question", options as QueryOptions)).toThrow(TypeError);
  });

  test.each([
    { id: "empty", question: "", fault: "QUESTION_EMPTY" },
    { id: "only spaces", question: " \n\t ", fault: "QUESTION_EMPTY" },
    { id: "too long", question: "swordfish ".repeat(limits.questionBytesMax), fault: "QUESTION_TOO_LONG" },
    {
      id: "too long in bytes, not in letters",
      question: "漢".repeat(limits.questionBytesMax / 2),
      fault: "QUESTION_TOO_LONG",
    },
  ])("a question that is $id", ({ question, fault }) => {
    expect(() => client.query(question)).toThrow(code(fault));
    expect(() => client.query(question)).not.toThrow(/swordfish|漢/);
  });

  test("a question of which the encoder knows nothing", async () => {
    await expect(client.query("a").result).rejects.toThrow(code("QUESTION_UNREADABLE"));
  });

  test("another encoder than the federation's", async () => {
    await expect(f.client("asker", { encoder: { ...f.encoder, fingerprint: "00".repeat(32) } })).rejects.toThrow(
      code("ENCODER_MISMATCH"),
    );
    await expect(f.client("asker", { encoder: { ...f.encoder, dim: 65 } })).rejects.toThrow(code("ENCODER_MISMATCH"));
  });

  test("an encoder that gives no number", async () => {
    const broken = {
      ...f.encoder,
      encodeQuery: () => Promise.resolve(new Float32Array(f.encoder.dim).fill(Number.NaN)),
    };
    const asker = await f.client("asker", { encoder: broken });
    await expect(asker.query("a question").result).rejects.toThrow(code("EMBEDDING_INVALID"));
  });
});

describe("fetching", () => {
  type Asked = Pick<ScoredQuery, "queryId" | "queryHash">;
  interface Fetcher {
    readonly link: CoordinatorLink;
    readonly session: PartySession;
    /** Sends a query of its own to the party, any bytes as ciphertext. */
    readonly ask: () => Promise<Asked>;
    readonly fetch: (asked: Asked, handles: readonly Handle[]) => Promise<FetchedPassage[]>;
  }

  /** A member that keeps to the wire format and to nothing else. */
  async function fetcher(name: string, party = "alpha"): Promise<Fetcher> {
    const identity = f.identity(name);
    const { federation } = f;
    const link = new CoordinatorLink({ urls: [f.url], identity, federation });
    await link.open();
    const session = await PartySession.open(
      { link, party, identity, federation, layout: f.layout, onBlocks: () => undefined },
      [],
    );
    const ask = async (): Promise<Asked> => {
      const queryId = sodium.randombytes_buf(16);
      const answered = new Promise<string>((resolve) => {
        link.listen(queryId, {
          message: ({ type }) => {
            resolve(type);
          },
          lost: ({ code: why }) => {
            resolve(why);
          },
        });
      });
      const body = seal(
        "query",
        federation.id,
        {
          queryId,
          issuedAtMs: Date.now(),
          answerKey: sodium.crypto_box_keypair().publicKey,
          query: new Uint8Array(f.layout.queryBytes),
        },
        identity,
      );
      link.send({ type: "query", queryId, deadlineMs: 5000, parties: [party], body });
      expect(await answered).toBe("answer");
      return { queryId, queryHash: sodium.crypto_generichash(32, body, null) };
    };
    const blocks = (): ScoredQuery["blocks"] => new Map(session.blocks.map((block) => [block.block, block]));
    const fetch: Fetcher["fetch"] = (asked, handles) => session.fetch({ ...asked, blocks: blocks() }, handles);
    return { link, session, ask, fetch };
  }

  const occupiedHandles = (party: string): Handle[] =>
    f
      .party(party)
      .rows()
      .map(({ block, slot }) => ({ block, slot }));
  let asker: Fetcher;
  let second: Fetcher;
  beforeAll(async () => {
    asker = await fetcher("asker");
    second = await fetcher("second");
  });
  afterAll(() => {
    asker.link.close();
    second.link.close();
  });

  test("gives what was asked for, and a party's whole store only a fetch's worth at a time", async () => {
    const handles = occupiedHandles("alpha").slice(0, limits.fetchHandlesMax);
    const fetched = await asker.fetch(await asker.ask(), handles);
    expect(fetched.map(({ block, slot }) => ({ block, slot }))).toEqual(handles);
    const rows = f.party("alpha").rows();
    for (const { block, slot, text } of fetched)
      expect(text).toBe(rows.find((row) => row.block === block && row.slot === slot)?.text);
  });

  test("works once a query, and the same again a few times", async () => {
    const queryId = await asker.ask();
    const [handle, other] = occupiedHandles("alpha");
    const first = await asker.fetch(queryId, [handle!]);
    expect(first).toHaveLength(1);
    await expect(asker.fetch(queryId, [other!])).rejects.toThrow(code("FETCH_EXPIRED"));
    await expect(asker.fetch(queryId, [handle!, other!])).rejects.toThrow(code("FETCH_EXPIRED"));
    // The answer may have been lost on its way.
    for (let times = 1; times < limits.fetchesPerQueryMax; times++)
      expect(await asker.fetch(queryId, [handle!])).toEqual(first);
    await expect(asker.fetch(queryId, [handle!])).rejects.toThrow(code("FETCH_EXPIRED"));
  });

  test("works even for nothing, and then no more: a fetch of no row is a fetch", async () => {
    const queryId = await asker.ask();
    expect(await asker.fetch(queryId, [])).toEqual([]);
    await expect(asker.fetch(queryId, occupiedHandles("alpha").slice(0, 1))).rejects.toThrow(code("FETCH_EXPIRED"));
  });

  test("works for who asked and for nobody else, who does not spoil it either", async () => {
    const queryId = await asker.ask();
    const handles = occupiedHandles("alpha").slice(0, 1);
    await expect(second.fetch(queryId, handles)).rejects.toThrow(code("FETCH_EXPIRED"));
    expect(await asker.fetch(queryId, handles)).toHaveLength(1);
  });

  test("needs a query that was asked", async () => {
    const asked = await asker.ask();
    await expect(
      asker.fetch({ ...asked, queryId: sodium.randombytes_buf(16) }, occupiedHandles("alpha").slice(0, 1)),
    ).rejects.toThrow(code("FETCH_EXPIRED"));
  });

  test("leaves out rows that were not scored", async () => {
    const taken = new Set(occupiedHandles("alpha").map(({ block, slot }) => `${String(block)}/${String(slot)}`));
    const empty = Array.from({ length: f.layout.rowsPerBlock }, (_, slot) => ({ block: 2, slot })).filter(
      ({ block, slot }) => !taken.has(`${String(block)}/${String(slot)}`),
    );
    const none = [
      ...empty.slice(0, 10),
      { block: 99, slot: 0 },
      { block: 0, slot: f.layout.rowsPerBlock },
      { block: 0, slot: 2 ** 32 - 1 },
    ];
    expect(empty.length).toBeGreaterThan(10);
    expect(await asker.fetch(await asker.ask(), none)).toEqual([]);
  });

  test("a querier that asks much and fetches nothing spoils it for nobody, and keeps its latest", async () => {
    const kept = await second.ask();
    const queryIds: Asked[] = [];
    for (let i = 0; i < limits.fetchableQueriesMax + 2; i++) queryIds.push(await asker.ask());
    const handles = occupiedHandles("alpha").slice(0, 1);
    expect(await second.fetch(kept, handles)).toHaveLength(1);
    expect(await asker.fetch(queryIds.at(-2) ?? kept, handles)).toHaveLength(1);
    expect(await asker.fetch(queryIds[5] ?? kept, handles)).toHaveLength(1);
    await expect(asker.fetch(queryIds[0] ?? kept, handles)).rejects.toThrow(code("FETCH_EXPIRED"));
  });

  test("a member that is no querier, or not the one it is said to be, gets no session, even if the coordinator lets it through", () => {
    const { federation } = f;
    const party = f.party("alpha");
    const store = party.openStore();
    const collection = new Collection(store, party.makeIndex(), () => performance.now());
    const queries = new QueryService({
      identity: party.identity,
      federation,
      collection,
      now: () => 0,
      wallClock: () => 0,
    });
    const sent: HopMessage[] = [];
    const sessions = new SessionService({
      identity: party.identity,
      federation,
      store,
      collection,
      queries,
      send: (message) => {
        sent.push(message);
      },
      drained: () => Promise.resolve(),
      now: () => 0,
      log: pino({ enabled: false }),
    });
    for (const { name, saidToBe, ends } of [
      { name: "beta", saidToBe: "beta", ends: "hangup" },
      { name: "asker", saidToBe: "second", ends: "hangup" },
      { name: "asker", saidToBe: "asker", ends: "relay" },
    ]) {
      const initiator = new Initiator(f.identity(name), handshakeContext(federation, "end-to-end"));
      const session = sodium.randombytes_buf(16);
      sessions.receive({ type: "relay", session, peer: saidToBe, body: initiator.hello });
      const welcome = sent.at(-1);
      if (welcome?.type !== "relay") throw new Error("no welcome came");
      sessions.receive({ type: "relay", session, peer: saidToBe, body: initiator.receiveWelcome(welcome.body).finish });
      expect(sent.at(-1)).toMatchObject(ends === "hangup" ? { type: "hangup", code: "WRONG_ROLE" } : { type: "relay" });
    }
    store.close();
  });
});

describe("a signed query", () => {
  /** The party's side alone, with clocks of its own; the coordinator may be anybody. */
  function service(clock: { now: number }) {
    const { federation, layout } = f;
    const party = f.party("alpha");
    const store = party.openStore();
    const collection = new Collection(store, party.makeIndex(), () => performance.now());
    const queries = new QueryService({
      identity: party.identity,
      federation,
      collection,
      now: () => clock.now,
      wallClock: () => clock.now,
    });
    const make = (
      name: string,
      {
        queryId = sodium.randombytes_buf(16),
        sentAs = queryId,
        issuedAtMs = clock.now,
        query = new Uint8Array(layout.queryBytes),
      }: { queryId?: Uint8Array; sentAs?: Uint8Array; issuedAtMs?: number; query?: Uint8Array } = {},
    ): Extract<HopMessage, { type: "query" }> => {
      const body = seal(
        "query",
        federation.id,
        { queryId, issuedAtMs, answerKey: sodium.crypto_box_keypair().publicKey, query },
        f.identity(name),
      );
      return { type: "query", queryId: sentAs, deadlineMs: 30_000, parties: [], body };
    };
    return {
      queries,
      make,
      [Symbol.dispose]: () => {
        store.close();
      },
    };
  }

  test("is answered once, even when its passages have been fetched and however late it is sent again", async () => {
    const clock = { now: 1_700_000_000_000 };
    using own = service(clock);
    const message = own.make("asker");
    expect(await own.queries.answer(message)).toMatchObject({ type: "answer" });
    expect(await own.queries.answer(message)).toMatchObject({ type: "refusal", code: "QUERY_REPEATED" });
    expect(own.queries.takeFetchable("asker", message.queryId, new Uint8Array(0))).not.toBeNull();
    expect(await own.queries.answer(message)).toMatchObject({ code: "QUERY_REPEATED" });
    for (const step of [
      limits.queryClockSkewMsMax - 1,
      2,
      limits.queryClockSkewMsMax,
      10 * limits.queryClockSkewMsMax,
    ]) {
      clock.now += step;
      expect(await own.queries.answer(message)).toMatchObject({ type: "refusal" });
    }
  });

  test.each([
    { id: "of yesterday", changes: { issuedAtMs: 1_700_000_000_000 - 24 * 3_600_000 }, fault: "QUERY_OUT_OF_TIME" },
    { id: "of tomorrow", changes: { issuedAtMs: 1_700_000_000_000 + 24 * 3_600_000 }, fault: "QUERY_OUT_OF_TIME" },
    { id: "sent under another id", changes: { sentAs: new Uint8Array(16) }, fault: "QUERY_MISLABELLED" },
    { id: "with a ciphertext too short", changes: { query: new Uint8Array(5) }, fault: "QUERY_MALFORMED" },
    {
      id: "with residues above the modulus",
      changes: { query: new Uint8Array(7936).fill(0xff) },
      fault: "QUERY_MALFORMED",
    },
  ])("$id is refused", async ({ changes, fault }) => {
    using own = service({ now: 1_700_000_000_000 });
    expect(await own.queries.answer(own.make("asker", changes))).toMatchObject({ type: "refusal", code: fault });
  });

  test("by somebody who may not ask is refused", async () => {
    using own = service({ now: 1_700_000_000_000 });
    for (const name of ["beta", "hub"])
      expect(await own.queries.answer(own.make(name))).toMatchObject({ code: "SIGNATURE_INVALID" });
  });
});

describe("documents change while they are served", () => {
  const question = "zzzz yyyy entirely new";

  test("only changed hints are downloaded, and a query right after the change works", async () => {
    await using own = await TestFederation.start({
      corpora: { alpha: corpus("alpha", 200), beta: corpus("beta", 20) },
    });
    const { hintBytes, rowsPerBlock } = own.layout;
    let frames: number[] = [];
    const asker = await own.client("asker", {
      observer: ({ direction, type, bytes }) => {
        if (direction === "in" && type === "relay") frames.push(bytes);
      },
    });
    /** Bytes of everything relayed since the last call, passages (always padded to the same) left out: handshakes, descriptions and hints. */
    const downloaded = (): number => {
      const others = frames.filter((bytes) => bytes < limits.passagePadBytes || bytes > limits.passagePadBytes + 200);
      frames = [];
      return others.reduce((sum, bytes) => sum + bytes, 0);
    };
    const best = async (): Promise<string | undefined> =>
      (await asker.query(question, { k: 1 }).result).passages[0]?.documentId;
    const blocks = Math.ceil(200 / rowsPerBlock) + 1;
    expect(Math.floor(downloaded() / hintBytes)).toBe(blocks);

    await best();
    expect(downloaded()).toBe(0);

    const store = own.party("alpha").openStore();
    // The second time the block is again what it was before, and its hint is still known.
    for (const { now, wanted, hints } of [
      { now: { fresh: question }, wanted: true, hints: 1 },
      { now: {}, wanted: false, hints: 0 },
    ]) {
      const revisions = store.blockRevisions();
      await own.party("alpha").ingest({ ...corpus("alpha", 200), ...now });
      expect([...store.blockRevisions()].filter(([block, revision]) => revisions.get(block) !== revision)).toHaveLength(
        1,
      );
      await eventually(
        async () => /^alpha|^beta|^fresh/.test((await best()) ?? "") && ((await best()) === "fresh") === wanted,
      );
      const bytes = downloaded();
      expect(Math.floor(bytes / hintBytes)).toBe(hints);
      // Nothing is said of the blocks that stayed as they were.
      expect(bytes % hintBytes).toBeLessThanOrEqual(hints * 500);
      await best();
      expect(downloaded()).toBe(0);
    }
    store.close();
  });

  test("rows that went between scoring and fetching are missing, and that is said", async () => {
    await using own = await TestFederation.start({ corpora: { alpha: { one: "first words", two: "second words" } } });
    const asker = await own.client();
    let removed: Promise<void> | undefined;
    const asking = asker.query("first words");
    for await (const { status } of asking) {
      expect(status).toBe("answered");
      removed = own.party("alpha").ingest({ two: "second words" });
    }
    await removed;
    const { passages, parties } = await asking.result;
    expect(passages.length + (parties[0]?.fault ? 1 : 0)).toBe(2);
  });
});

/** Resolves when the condition comes true; rejects after 10 s. */
async function eventually(condition: () => Promise<boolean>): Promise<void> {
  let holds = false;
  for (const started = performance.now(); !holds && performance.now() - started < 10_000;) holds = await condition();
  expect(holds).toBe(true);
}

test("a federation without a single passage answers with none", async () => {
  await using empty = await TestFederation.start({ corpora: { alpha: {}, beta: {} } });
  const asker = await empty.client();
  const { passages, parties } = await asker.query("anything").result;
  expect(passages).toEqual([]);
  expect(parties.map(({ party, status, passagesScored }) => [party, status, passagesScored]).sort()).toEqual([
    ["alpha", "answered", 0],
    ["beta", "answered", 0],
  ]);
  await until(() => asker.online.length === 2);
});
