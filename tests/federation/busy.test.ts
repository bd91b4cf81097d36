import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { faultInWords } from "../../cli/print-outcomes.ts";
import { Fault, sodium } from "../../crypto/index.ts";
import { Collection, type ScoredSnapshot } from "../../party-node/serving/collection.ts";
import { QueryService } from "../../party-node/serving/query-service.ts";
import { type HopMessage, limits, seal } from "../../protocol/index.ts";
import { TestFederation, until } from "../support/federation.ts";
import { corpus } from "./corpora.ts";
import { lyingParty } from "./lying-party.ts";

const QUERIERS = Array.from({ length: 48 }, (_, i) => `asker-${String(i)}`);

let f: TestFederation;
beforeAll(async () => {
  f = await TestFederation.start({ corpora: { alpha: corpus("alpha", 70) }, queriers: QUERIERS });
});
afterAll(async () => {
  await f[Symbol.asyncDispose]();
});

type Reply = Awaited<ReturnType<QueryService["answer"]>>;
const said = (reply: Reply): string => (reply.type === "refusal" ? reply.code : reply.type);
const times = (count: number, what: string): string[] => Array.from({ length: count }, () => what);

/** Scores when it is told to, or stops when the query is aborted. */
class HeldCollection extends Collection {
  readonly #release = Promise.withResolvers<undefined>();
  scoring = 0;

  release(): void {
    this.#release.resolve(undefined);
  }

  override async score(...[query, signal]: Parameters<Collection["score"]>): Promise<ScoredSnapshot> {
    const aborted = Promise.withResolvers<never>();
    signal.addEventListener("abort", () => {
      aborted.reject(new Fault("ABORTED", "the query was cancelled"));
    });
    this.scoring++;
    await Promise.race([this.#release.promise, aborted.promise]).finally(() => this.scoring--);
    return super.score(query, signal);
  }
}

/** The party's side alone; queries wait until `collection` lets them go. */
function service(clock = { now: 1_700_000_000_000 }) {
  const { federation, layout } = f;
  const party = f.party("alpha");
  const store = party.openStore();
  const collection = new HeldCollection(store, party.makeIndex(), () => performance.now());
  const queries = new QueryService({
    identity: party.identity,
    federation,
    collection,
    now: () => clock.now,
    wallClock: () => 1_700_000_000_000,
  });
  const answerKey = sodium.crypto_box_keypair().publicKey;
  const query = new Uint8Array(layout.queryBytes);
  const ask = (name: string, deadlineMs = 30_000, signal?: AbortSignal): Promise<Reply> => {
    const queryId = sodium.randombytes_buf(16);
    const signed = { queryId, issuedAtMs: 1_700_000_000_000, answerKey, query };
    const body = seal("query", federation.id, signed, f.identity(name));
    return queries.answer({ type: "query", queryId, deadlineMs, parties: [], body }, signal);
  };
  return {
    queries,
    collection,
    ask,
    [Symbol.dispose]: () => {
      collection.release();
      store.close();
    },
  };
}

describe("a party with many queries at once", () => {
  test("takes one of each of 48 queriers, and hands all of them to the index before the first is answered", async () => {
    using own = service();
    const asked = QUERIERS.map((name) => own.ask(name));
    expect(own.collection.scoring).toBe(QUERIERS.length);
    own.collection.release();
    expect((await Promise.all(asked)).map(said)).toEqual(times(QUERIERS.length, "answer"));
  });

  test("refuses the one querier that asks 32 times beyond its share, and takes the others' meanwhile", async () => {
    using own = service();
    const crowd = Array.from({ length: 32 }, () => own.ask("asker-0"));
    const others = QUERIERS.slice(1, 33).map((name) => own.ask(name));
    const share = limits.queriesQueuedPerQuerierMax;
    const refused = await Promise.all(crowd.slice(share));
    expect(refused.map(said)).toEqual(times(32 - share, "BUSY"));
    own.collection.release();
    expect((await Promise.all(crowd.slice(0, share))).map(said)).toEqual(times(share, "answer"));
    expect((await Promise.all(others)).map(said)).toEqual(times(32, "answer"));
    expect(said(await own.ask("asker-0"))).toBe("answer");
  });

  test("refuses beyond its queue whoever asks, until one of the queue is answered or cancelled", async () => {
    using own = service();
    const queued = Array.from({ length: limits.queriesQueuedMax - 1 }, (_, i) => own.ask(QUERIERS[i % 48] ?? ""));
    const cancelled = new AbortController();
    const last = own.ask("asker-20", 30_000, cancelled.signal);
    expect(said(await own.ask("asker-30"))).toBe("BUSY");
    cancelled.abort();
    expect(said(await last)).toBe("ABORTED");
    const next = own.ask("asker-30");
    own.collection.release();
    expect((await Promise.all([...queued, next])).map(said)).toEqual(times(limits.queriesQueuedMax, "answer"));
  });

  test("lets go of a query at its deadline, also of one that waits", async () => {
    using own = service();
    const began = performance.now();
    expect(said(await own.ask("asker-0", 50))).toBe("ABORTED");
    expect(performance.now() - began).toBeLessThan(2000);
    expect(own.collection.scoring).toBe(0);
  });
});

describe("a busy party says when to ask again", () => {
  /** `count` queries of different queriers that take `ms` together. */
  async function answer(own: ReturnType<typeof service>, clock: { now: number }, count: number, ms: number) {
    const asked = Array.from({ length: count }, (_, i) => own.ask(QUERIERS[i % 48] ?? ""));
    clock.now += ms;
    own.collection.release();
    expect((await Promise.all(asked)).map(said)).toEqual(times(count, "answer"));
  }

  async function retryAfterMs(own: ReturnType<typeof service>): Promise<number | null> {
    const asked = Array.from({ length: limits.queriesQueuedPerQuerierMax + 1 }, () => own.ask("asker-0"));
    const replies = await Promise.all(asked);
    const refusal = replies.at(-1);
    expect(replies.map(said)).toEqual([...times(limits.queriesQueuedPerQuerierMax, "answer"), "BUSY"]);
    return refusal?.type === "refusal" ? refusal.retryAfterMs : null;
  }

  test("from how long the last answers took and how many wait", async () => {
    const clock = { now: 0 };
    using own = service(clock);
    await answer(own, clock, 1, 80);
    expect(await retryAfterMs(own)).toBe(80 * limits.queriesQueuedPerQuerierMax);
  });

  test("queries that were answered together share their time", async () => {
    const clock = { now: 0 };
    using own = service(clock);
    await answer(own, clock, 32, 320);
    const ms = await retryAfterMs(own);
    expect(ms).toBeGreaterThanOrEqual(10 * limits.queriesQueuedPerQuerierMax);
    expect(ms).toBeLessThanOrEqual(20 * limits.queriesQueuedPerQuerierMax);
  });

  test("never more than a message may hold, and something before the first answer", async () => {
    const clock = { now: 0 };
    using own = service(clock);
    own.collection.release();
    expect(await retryAfterMs(own)).toBeGreaterThan(0);
    using slow = service(clock);
    await answer(slow, clock, 1, 10 * limits.retryAfterMsMax);
    expect(await retryAfterMs(slow)).toBe(limits.retryAfterMsMax);
  });

  test("and says nothing of the kind with other refusals", async () => {
    using own = service();
    expect(await own.ask("alpha")).toMatchObject({ code: "SIGNATURE_INVALID", retryAfterMs: null });
  });

  test("through the coordinator to whoever asked, in words on the command line", async () => {
    await f.party("alpha").stop();
    const end = await lyingParty(f, "alpha", {
      reply: (_truth, { queryId }): HopMessage => ({
        type: "refusal",
        queryId,
        party: "alpha",
        code: "BUSY",
        reason: "too many queries are waiting",
        retryAfterMs: 1234,
      }),
    });
    const client = await f.client("asker-0");
    const { parties } = await client.query("fghi alpha").result;
    const fault = { code: "BUSY", reason: "too many queries are waiting", retryAfterMs: 1234 };
    expect(parties).toMatchObject([{ party: "alpha", status: "missing", fault }]);
    expect(faultInWords(fault)).toBe("BUSY: too many queries are waiting; ask again in 2 s");
    expect(faultInWords({ ...fault, retryAfterMs: 0 })).toMatch(/ask again in 1 s$/);
    expect(faultInWords({ code: "PARTY_OFFLINE", reason: "gone" })).toBe("PARTY_OFFLINE: gone");
    await end();
    await f.party("alpha").start();
    await until(() => client.online.includes("alpha"));
  });
});

test("32 queriers at once, each over its own connection, all get their own answers", async () => {
  const clients = await Promise.all(QUERIERS.slice(0, 32).map((name) => f.client(name)));
  const questions = Object.values(corpus("alpha", 32));
  const results = await Promise.all(clients.map((client, i) => client.query(questions[i] ?? "", { k: 1 }).result));
  expect(results.map(({ passages }) => passages[0]?.text)).toEqual(questions);
});
