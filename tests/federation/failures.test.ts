import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { sodium } from "../../crypto/index.ts";
import { SottoClient } from "../../party-node/asking/client.ts";
import type { PartyOutcome, QueryResult } from "../../party-node/asking/result.ts";
import { type HopMessage, openSigned, queryBody, seal } from "../../protocol/index.ts";
import { TestFederation, until } from "../support/federation.ts";
import { FaultProxy } from "../soak/fault-proxy.ts";
import { corpus } from "./corpora.ts";
import { type Lies, type Scored, lyingParty, makeAnswer } from "./lying-party.ts";

const QUESTION = "what does anybody say of mnop";
const code = (expected: string) => expect.objectContaining({ code: expected });

let f: TestFederation;
beforeAll(async () => {
  f = await TestFederation.start({
    corpora: { honest: corpus("honest", 40), other: corpus("other", 10), liar: corpus("liar", 40) },
    absent: ["liar"],
  });
});
afterAll(async () => {
  await f[Symbol.asyncDispose]();
});

/** Ends what a test began, last first. */
const endings: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function lie(lies: Lies): Promise<void> {
  endings.push(await lyingParty(f, "liar", lies));
}

async function connected(): Promise<SottoClient> {
  const client = await f.client();
  endings.push(() => {
    client.close();
  });
  return client;
}

const outcome = ({ parties }: QueryResult, name: string): PartyOutcome | undefined =>
  parties.find(({ party }) => party === name);

/** The others' passages are those of the plaintext ranking without the party; the party is missing, and why is said. */
async function expectOthersServed(result: QueryResult, missing: string, fault: string): Promise<void> {
  expect(outcome(result, missing)).toMatchObject({
    status: "missing",
    fault: { code: fault, reason: expect.stringMatching(/./) },
  });
  const others = (await f.plaintextRanking(QUESTION)).filter(({ party }) => party !== missing);
  expect(result.passages.map(({ text }) => text)).toEqual(others.slice(0, 5).map(({ text }) => text));
  for (const name of ["honest", "other"]) expect(outcome(result, name)).toMatchObject({ status: "answered" });
}

type Answer = Extract<HopMessage, { type: "answer" }>;

/** An answer like the true one with what it says changed, well signed and sealed. */
function changed(change: (scored: Scored) => object, name = "liar", signedBy = name): NonNullable<Lies["reply"]> {
  return (_truth, _query, scored) => makeAnswer(f, { ...scored, ...change(scored) }, name, signedBy);
}

const withBody =
  (change: (body: Uint8Array) => Uint8Array): NonNullable<Lies["reply"]> =>
  (truth) => ({ ...(truth as Answer), body: change((truth as Answer).body) });
const withVersions =
  (version: () => string): NonNullable<Lies["scores"]> =>
  (truth) => ({ ...truth, blocks: truth.blocks.map(({ block }) => ({ block, version: version() })) });
const anything = sodium.randombytes_buf(500);

const lies: readonly { id: string; lies: () => Lies; fault: string }[] = [
  { id: "answers garbage", lies: () => ({ reply: withBody(() => anything) }), fault: "FRAME_MALFORMED" },
  {
    id: "answers nothing at all",
    lies: () => ({ reply: withBody(() => new Uint8Array(0)) }),
    fault: "FRAME_MALFORMED",
  },
  {
    id: "does not sign its answer",
    lies: () => ({ reply: withBody((body) => body.map((byte, i) => (i === body.length - 1 ? byte ^ 1 : byte))) }),
    fault: "SIGNATURE_INVALID",
  },
  {
    id: "signs with another's key",
    lies: () => ({ reply: changed(() => ({}), "liar", "other") }),
    fault: "SIGNATURE_INVALID",
  },
  {
    id: "passes on another's answer, well signed",
    lies: () => ({ reply: changed(() => ({}), "other") }),
    fault: "SIGNATURE_INVALID",
  },
  {
    id: "signs something else than an answer",
    lies: () => ({
      reply: (_truth, query) => ({
        type: "answer",
        queryId: query.queryId,
        party: "liar",
        body: seal(
          "query",
          f.federation.id,
          { queryId: query.queryId, issuedAtMs: 0, answerKey: new Uint8Array(32), query: anything },
          f.identity("liar"),
        ),
      }),
    }),
    fault: "SIGNATURE_INVALID",
  },
  {
    id: "answers with another query's hash",
    lies: () => ({ reply: changed(() => ({ queryHash: new Uint8Array(32) })) }),
    fault: "ANSWER_MALFORMED",
  },
  {
    id: "answers under another query's id",
    lies: () => ({
      reply: (truth, query, scored) =>
        ({
          ...makeAnswer(f, { ...scored, queryId: new Uint8Array(16) }, "liar"),
          queryId: query.queryId,
        }) as HopMessage,
    }),
    fault: "ANSWER_MALFORMED",
  },
  {
    id: "sends a byte of scores too few",
    lies: () => ({ scores: (truth) => ({ ...truth, scores: truth.scores.subarray(1) }) }),
    fault: "ANSWER_MALFORMED",
  },
  {
    id: "sends a byte of scores too many",
    lies: () => ({ scores: (truth) => ({ ...truth, scores: new Uint8Array([...truth.scores, 0]) }) }),
    fault: "ANSWER_MALFORMED",
  },
  {
    id: "sends scores of no block",
    lies: () => ({ scores: (truth) => ({ ...truth, blocks: [] }) }),
    fault: "ANSWER_MALFORMED",
  },
  {
    id: "scores a block it does not describe",
    lies: () => ({ scores: withVersions(() => "09".repeat(16)) }),
    fault: "ANSWER_MALFORMED",
  },
  {
    id: "gives a block another's number",
    lies: () => ({
      scores: (truth) => ({
        ...truth,
        blocks: truth.blocks.map(({ block, version }) => ({ block: block + 1, version })),
      }),
    }),
    fault: "ANSWER_MALFORMED",
  },
  {
    id: "scores one block twice, to fill the ranking with one passage",
    lies: () => ({ scores: (truth) => ({ ...truth, blocks: truth.blocks.flatMap(() => truth.blocks.slice(0, 1)) }) }),
    fault: "ANSWER_MALFORMED",
  },
  {
    id: "seals its scores to another key",
    lies: () => ({ reply: changed(() => ({ answerKey: sodium.crypto_box_keypair().publicKey })) }),
    fault: "ANSWER_MALFORMED",
  },
  {
    id: "adds a field to its answer",
    lies: () => ({
      reply: (_truth, { queryId }, { queryHash }) => ({
        type: "answer",
        queryId,
        party: "liar",
        body: seal(
          "answer",
          f.federation.id,
          { queryId, queryHash, sealed: anything, note: "trust me" },
          f.identity("liar"),
        ),
      }),
    }),
    fault: "MESSAGE_INVALID",
  },
  {
    id: "refuses",
    lies: () => ({
      reply: (_truth, { queryId }) => ({
        type: "refusal",
        queryId,
        party: "liar",
        code: "BUSY",
        reason: "not now",
        retryAfterMs: null,
      }),
    }),
    fault: "BUSY",
  },
  {
    id: "serves hints too short",
    lies: () => ({ describe: (block) => ({ ...block, hint: new Uint8Array(5) }) }),
    fault: "MESSAGE_INVALID",
  },
  {
    id: "serves hints above the modulus",
    lies: () => ({ describe: (block) => ({ ...block, hint: block.hint.map(() => 0xff) }) }),
    fault: "BLOCK_MISDESCRIBED",
  },
  {
    id: "serves another hint than it scored with",
    lies: () => ({ describe: (block) => ({ ...block, hint: block.hint.with(0, block.hint[0]! ^ 1) }) }),
    fault: "BLOCK_MISDESCRIBED",
  },
  {
    id: "keeps its hints to itself",
    lies: () => ({ describe: (block) => ({ ...block, hint: new Uint8Array(0) }) }),
    fault: "HINT_MALFORMED",
  },
  {
    id: "describes its blocks under other versions",
    lies: () => ({ describe: (block) => ({ ...block, version: "00".repeat(16) }) }),
    fault: "BLOCK_MISDESCRIBED",
  },
  {
    id: "sends what is no message of a session",
    lies: () => ({ describe: (block) => ({ ...block, occupied: new Uint8Array(257) }) }),
    fault: "MESSAGE_INVALID",
  },
];

describe("a party that", () => {
  test.each(lies)("$id is named; the others' answers come", async ({ lies: make, fault }) => {
    await lie(make());
    const client = await connected();
    const result = await client.query(QUESTION).result;
    await expectOthersServed(result, "liar", fault);
    // And the client is none the worse for it, its idle key-making included.
    await client.warm();
    await expectOthersServed(await client.query(QUESTION).result, "liar", fault);
  });

  test("is down", async () => {
    await expectOthersServed(await (await connected()).query(QUESTION).result, "liar", "PARTY_OFFLINE");
  });

  test("answers in the place of another's query moves no scores", async () => {
    const answers: Answer[] = [];
    await lie({
      reply: (truth) => {
        answers.push(truth as Answer);
        return { ...(truth as Answer), body: (answers[0] as Answer).body };
      },
    });
    const client = await connected();
    expect(outcome(await client.query("another question").result, "liar")).toMatchObject({ status: "answered" });
    await expectOthersServed(await client.query(QUESTION).result, "liar", "ANSWER_MALFORMED");
  });

  test("is slow is reported at the deadline", async () => {
    await lie({ reply: () => null });
    const client = await connected();
    const began = performance.now();
    const result = await client.query(QUESTION, { deadlineMs: 1500 }).result;
    expect(performance.now() - began).toBeLessThan(6000);
    await expectOthersServed(result, "liar", "DEADLINE_EXCEEDED");
  });

  test("answers and then stalls the session holds up nobody", async () => {
    // Its answer names versions that the querier must ask for, and it does not answer that (message 3 of the session: after the handshake and the first list).
    await lie({
      scores: withVersions(() => "09".repeat(16)),
      takes: (count) => count < 3,
    });
    const client = await connected();
    const began = performance.now();
    const asking = client.query(QUESTION, { deadlineMs: 2000 });
    const times = new Map<string, number>();
    for await (const { party } of asking) times.set(party, performance.now() - began);
    expect(Math.max(times.get("honest") ?? Infinity, times.get("other") ?? Infinity)).toBeLessThan(2000);
    await expectOthersServed(await asking.result, "liar", "DEADLINE_EXCEEDED");
    expect(performance.now() - began).toBeLessThan(7000);
  });

  test("scores and then keeps its passages is named, and the others' passages come", async () => {
    await lie({ takes: (count) => count < 3 });
    const client = await connected();
    const result = await client.query(QUESTION, { deadlineMs: 1500 }).result;
    expect(outcome(result, "liar")).toMatchObject({ status: "answered", fault: { code: "DEADLINE_EXCEEDED" } });
    const expected = (await f.plaintextRanking(QUESTION)).slice(0, 5).filter(({ party }) => party !== "liar");
    expect(result.passages.map(({ text }) => text)).toEqual(expected.map(({ text }) => text));
  });

  test("keeps its passages when another has used the deadline up has two seconds for them, not the deadline again", async () => {
    await using both = await TestFederation.start({
      corpora: { keeper: corpus("keeper", 5), silent: corpus("silent", 5) },
      absent: ["keeper", "silent"],
    });
    const endBoth = await Promise.all([
      lyingParty(both, "keeper", { takes: (count) => count < 3 }),
      lyingParty(both, "silent", { reply: () => null }),
    ]);
    const client = await both.client();
    const began = performance.now();
    const result = await client.query(QUESTION, { deadlineMs: 2500 }).result;
    expect(performance.now() - began).toBeLessThan(6000);
    expect(outcome(result, "keeper")).toMatchObject({ status: "answered", fault: { code: "DEADLINE_EXCEEDED" } });
    expect(outcome(result, "silent")).toMatchObject({ status: "missing", fault: { code: "DEADLINE_EXCEEDED" } });
    client.close();
    for (const end of endBoth) await end();
  });

  test("hangs up every session is missing, and says why", async () => {
    const liar = await f.dial("liar", (message, connection) => {
      if (message.type === "relay")
        connection.send({ type: "hangup", session: message.session, peer: message.peer, code: "LIMIT_EXCEEDED" });
      if (message.type !== "query") return;
      const queryHash = sodium.crypto_generichash(32, message.body, null);
      const { queryId, answerKey } = openSigned(
        "query",
        f.federation.id,
        queryBody,
        message.body,
        f.federation.publicKeyOf,
      ).value;
      connection.send(makeAnswer(f, { queryId, queryHash, answerKey, blocks: [], scores: new Uint8Array(0) }, "liar"));
    });
    endings.push(() => {
      liar.connection.close();
    });
    liar.connection.send({ type: "serve", encoder: sodium.from_hex(f.federation.terms.encoder.fingerprint) });
    const client = await connected();
    await until(() => client.online.includes("liar"));
    await expectOthersServed(await client.query(QUESTION).result, "liar", "LIMIT_EXCEEDED");
  });
});

describe("the coordinator", () => {
  test("dies in the middle of a query: that is said, and when it is back the next query works", async () => {
    const asked = Promise.withResolvers<void>();
    await lie({
      reply: () => {
        asked.resolve();
        return null;
      },
    });
    const client = await connected();
    const running = client.query(QUESTION);
    await asked.promise;
    await f.stopCoordinator();
    await expect(running.result).rejects.toThrow(code("CONNECTION_LOST"));
    await expect(client.query(QUESTION).result).rejects.toThrow(code("CONNECTION_REFUSED"));

    await f.startCoordinator();
    const observer = await f.dial("asker");
    await until(() => {
      const roster = observer.messages.findLast(({ type }) => type === "roster");
      return roster?.type === "roster" && roster.parties.join() === "honest,other";
    });
    await expectOthersServed(await client.query(QUESTION).result, "liar", "PARTY_OFFLINE");
  });

  test("takes the connection and says nothing: a question ends at its deadline", async () => {
    await using g = await TestFederation.start({ corpora: { solo: corpus("solo", 5) } });
    const wire = await FaultProxy.open(
      () => g.port,
      () => 0,
    );
    endings.push(() => wire[Symbol.asyncDispose]());
    const client = await SottoClient.connect({
      ...{ identity: g.identity("asker"), federation: g.federation, encoder: g.encoder },
      coordinatorUrls: [`ws://127.0.0.1:${String(wire.port)}`],
    });
    endings.push(() => {
      client.close();
    });
    wire.partition();
    wire.cut();
    await until(() => wire.connectionCount === 0);
    const began = performance.now();
    await expect(client.query(QUESTION, { deadlineMs: 700 }).result).rejects.toEqual(code("DEADLINE_EXCEEDED"));
    expect(performance.now() - began).toBeLessThan(4000);
  });

  test("cannot be reached at the start", async () => {
    await f.stopCoordinator();
    await expect(f.client()).rejects.toThrow(code("CONNECTION_REFUSED"));
    await f.startCoordinator();
  });
});

test("a closed client refuses, and a query under way when it closes ends", async () => {
  await lie({ reply: () => null });
  const client = await connected();
  const running = client.query(QUESTION);
  await new Promise((resolve) => setTimeout(resolve, 100));
  client.close();
  await expect(running.result).rejects.toThrow(code("CONNECTION_LOST"));
  await expect(client.query(QUESTION).result).rejects.toThrow(TypeError);
});
