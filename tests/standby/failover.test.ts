import { once } from "node:events";
import { type AddressInfo, type Socket, createServer } from "node:net";
import { afterEach, describe, expect, test } from "@jest/globals";
import { pino } from "pino";
import { Coordinator } from "../../coordinator/index.ts";
import type { AuditEvent } from "../../operation/audit/index.ts";
import type { SottoClient } from "../../party-node/asking/client.ts";
import { limits } from "../../protocol/index.ts";
import { corpus } from "../federation/corpora.ts";
import { lyingParty } from "../federation/lying-party.ts";
import { TestFederation, type TestFederationOptions, until } from "../support/federation.ts";

/*
 * Two coordinators on real sockets. Parties are at both, and a question that loses the one is asked again through the other.
 */

const QUESTION = "a question of letters";
const CORPORA = { alpha: corpus("alpha", 40), beta: corpus("beta", 40) };

const endings: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function start(options: Partial<TestFederationOptions> = {}): Promise<TestFederation> {
  const f = await TestFederation.start({ corpora: CORPORA, coordinators: ["hub", "standby"], ...options });
  endings.push(() => f[Symbol.asyncDispose]());
  return f;
}

/** Which coordinator a member has come to, one after the other. */
function arrivals(member: string) {
  const at: string[] = [];
  const sink = (coordinator: string) => (event: AuditEvent) => {
    if (event.kind === "member-connected" && event.member === member) at.push(coordinator);
  };
  return { at, sinks: { hub: sink("hub"), standby: sink("standby") } };
}

async function expectRightAnswer(f: TestFederation, client: SottoClient, attempts: number): Promise<void> {
  const { parties, passages } = await client.query(QUESTION).result;
  expect(parties.map(({ status, attempts: times }) => [status, times])).toEqual([
    ["answered", attempts],
    ["answered", attempts],
  ]);
  const expected = (await f.plaintextRanking(QUESTION)).slice(0, 5);
  expect(passages.map(({ text }) => text)).toEqual(expected.map(({ text }) => text));
}

describe("when the first coordinator stops", () => {
  test("the next question goes through the standby, and after its return a new client's through the first again", async () => {
    const { at, sinks } = arrivals("asker");
    const f = await start({ sinks });
    const client = await f.client();
    await expectRightAnswer(f, client, 1);
    expect(at).toEqual(["hub"]);
    await f.stopCoordinator("hub");
    await expectRightAnswer(f, client, 1);
    expect(at).toEqual(["hub", "standby"]);
    await f.startCoordinator("hub");
    await until(() => ["alpha", "beta"].every((name) => f.party(name).coordinators.every(({ isListed }) => isListed)));
    await expectRightAnswer(f, await f.client(), 1);
    expect(at).toEqual(["hub", "standby", "hub"]);
  });

  test("a question under way is asked again, with another key, by sessions that know the hints, and right", async () => {
    const bodies: Uint8Array[] = [];
    const hints: number[] = [];
    const onEvent = (event: AuditEvent): void => {
      if (event.kind === "hints-given") hints.push(event.bytes);
    };
    const f = await start({ sinks: { alpha: onEvent, beta: onEvent } });
    let isDown = false;
    const client = await f.client("asker", {
      observer: ({ direction, type, payload }) => {
        if (direction !== "out" || type !== "query") return;
        bodies.push(payload.slice());
        if (!isDown) void f.stopCoordinator("hub");
        isDown = true;
      },
    });
    const downloaded = hints.splice(0);
    await expectRightAnswer(f, client, 2);
    expect(bodies).toHaveLength(2);
    // Neither the id nor anything of the ciphertext is the same.
    const [first, second] = bodies.map((body) => Buffer.from(body));
    const piece = first!.subarray(first!.length / 2, first!.length / 2 + 32);
    expect(second!.includes(piece)).toBe(false);
    expect(Math.min(...downloaded)).toBeGreaterThan(f.layout.hintBytes);
    for (const bytes of hints) expect(bytes).toBeLessThan(f.layout.hintBytes);
  });

  test("passages that were under way are asked for again, and the question is not", async () => {
    const f = await start();
    let queries = 0;
    let isDown = false;
    const client = await f.client("asker", {
      observer: ({ direction, type, bytes }) => {
        if (direction === "out" && type === "query") queries++;
        // Requests for passages are the largest messages that go up after the question.
        if (queries === 0 || isDown || direction !== "out" || type !== "relay" || bytes < 300) return;
        isDown = true;
        void f.stopCoordinator("hub");
      },
    });
    await expectRightAnswer(f, client, 1);
    expect([queries, isDown]).toEqual([1, true]);
  });

  test("a vertical federation's total is asked for again, of all parties", async () => {
    const entities = ["a", "b", "c", "d"];
    const features = (what: string) => Object.fromEntries(entities.map((id) => [id, `${what} of ${id.repeat(4)}`]));
    const f = await start({
      corpora: { alpha: features("age"), beta: features("bone") },
      alignment: entities,
      chunk: 16,
    });
    let isDown = false;
    const client = await f.client("asker", {
      observer: ({ direction, type }) => {
        if (direction !== "out" || type !== "query" || isDown) return;
        isDown = true;
        void f.stopCoordinator("hub");
      },
    });
    const { parties, passages } = await client.query("bone of cccc", { k: 1 }).result;
    expect(parties).toMatchObject([
      { party: "alpha", status: "answered", attempts: 2 },
      { party: "beta", status: "answered", attempts: 2 },
    ]);
    expect(passages[0]).toMatchObject({ party: "alpha+beta", documentId: "c" });
  });
});

test("a coordinator that takes connections and says nothing is passed by, and let go", async () => {
  const f = await start();
  const sockets: Socket[] = [];
  const mute = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined).resume();
  });
  await once(mute.listen(0, "127.0.0.1"), "listening");
  const url = `ws://127.0.0.1:${String((mute.address() as AddressInfo).port)}`;
  const began = performance.now();
  const client = await f.client("asker", { coordinatorUrls: [url, ...f.urls] });
  const ms = performance.now() - began;
  expect(ms).toBeGreaterThan(limits.hedgeMs - 5);
  expect(ms).toBeLessThan(limits.handshakeTimeoutMs);
  await until(() => sockets.length > 0 && sockets.every((socket) => socket.closed || socket.readableEnded));
  await expectRightAnswer(f, client, 1);
  await new Promise((resolve) => mute.close(resolve));
});

test("a coordinator that has just returned, and that no party has found yet, is not preferred", async () => {
  const { at, sinks } = arrivals("asker");
  const f = await start({ sinks });
  const lonely = new Coordinator({ identity: f.identity("hub"), federation: f.copy(), log: pino({ enabled: false }) });
  endings.push(() => lonely.close());
  const url = `ws://127.0.0.1:${String(await lonely.listen(0, "127.0.0.1"))}`;
  const client = await f.client("asker", { coordinatorUrls: [url, ...f.urls] });
  expect(at).toEqual(["hub"]);
  await expectRightAnswer(f, client, 1);
});

describe("members that the founder changes", () => {
  test("are put out by a party at every coordinator, whatever those do", async () => {
    const f = await start();
    const clients = await Promise.all(f.urls.map((url) => f.client("asker", { coordinatorUrls: [url] })));
    for (const client of clients) await expectRightAnswer(f, client, 1);
    const { members } = f.federation.terms;
    f.party("alpha").federation.update(f.revised(() => ({ members: members.filter(({ name }) => name !== "asker") })));
    for (const client of clients) {
      const { parties } = await client.query(QUESTION).result;
      expect(parties.find(({ party }) => party === "alpha")).toMatchObject({ fault: { code: "SIGNATURE_INVALID" } });
    }
  });

  test("are told so by every coordinator, whichever heard of it", async () => {
    const f = await start();
    const asker = await f.dial("asker", undefined, f.urls[1]);
    const { members } = f.federation.terms;
    const file = f.revised(() => ({ members: members.filter(({ name }) => name !== "asker") }));
    // Parties have it from the first coordinator, and take it to the second.
    const bringer = await f.dial("asker", undefined, f.urls[0]);
    bringer.connection.send({ type: "federation", file });
    expect(await asker.closed).toBe("CONNECTION_LOST");
    expect(await asker.message("goodbye")).toMatchObject({ code: "NOT_A_MEMBER" });
  });
});

describe("a party that is busy", () => {
  /** Refuses this often, then answers. */
  async function busy(f: TestFederation, times: number, retryAfterMs: number): Promise<{ asked: number }> {
    const seen = { asked: 0 };
    const end = await lyingParty(f, "alpha", {
      reply: (truth, { queryId }) => {
        seen.asked++;
        if (seen.asked > times) return truth;
        const reason = "too many queries are waiting";
        return { type: "refusal", queryId, party: "alpha", code: "BUSY", reason, retryAfterMs };
      },
    });
    endings.push(end);
    return seen;
  }

  test("is asked again, no earlier than it said, and alone", async () => {
    const f = await start({ absent: ["alpha"], coordinators: ["hub"] });
    const seen = await busy(f, 2, 30);
    const began = performance.now();
    const { parties } = await (await f.client()).query(QUESTION).result;
    expect(performance.now() - began).toBeGreaterThan(60);
    expect(seen.asked).toBe(3);
    expect(Object.fromEntries(parties.map(({ party, attempts }) => [party, attempts]))).toEqual({ alpha: 3, beta: 1 });
    expect(parties.map(({ status }) => status)).toEqual(["answered", "answered"]);
  });

  test("is not asked for ever, nor when it wants more time than there is", async () => {
    const f = await start({ absent: ["alpha"], coordinators: ["hub"] });
    const seen = await busy(f, Infinity, 0);
    const client = await f.client();
    const ask = async (deadlineMs: number) =>
      (await client.query(QUESTION, { deadlineMs }).result).parties.find(({ party }) => party === "alpha");
    expect(await ask(20_000)).toMatchObject({
      status: "missing",
      fault: { code: "BUSY" },
      attempts: limits.queryAttemptsMax,
    });
    expect(seen.asked).toBe(limits.queryAttemptsMax);
    await endings.pop()?.();
    const long = await busy(f, Infinity, 10_000);
    expect(await ask(5000)).toMatchObject({ fault: { code: "BUSY", retryAfterMs: 10_000 }, attempts: 1 });
    expect(long.asked).toBe(1);
  });
});
