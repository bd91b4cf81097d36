import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { pino } from "pino";
import { Fault, type IndexAnswer, LocalShard, RlweIndex, sodium } from "../../crypto/index.ts";
import type { AuditEvent } from "../../operation/audit/index.ts";
import { PartyServer } from "../../party-node/serving/index.ts";
import { type HopMessage, seal } from "../../protocol/index.ts";
import { TestFederation, until } from "../support/federation.ts";

/*
 * One party at two coordinators, whose index answers nothing until it is told to stop.
 */

class EndlessIndex extends RlweIndex {
  underWay = 0;

  override async answer(_query: Uint8Array, signal?: AbortSignal): Promise<IndexAnswer> {
    this.underWay++;
    await new Promise<void>((resolve) => signal?.addEventListener("abort", () => resolve()));
    this.underWay--;
    throw new Fault("ABORTED", "the query was cancelled");
  }
}

let f: TestFederation;
let index: EndlessIndex;
let server: PartyServer;
const events: AuditEvent[] = [];
const endings: (() => Promise<void> | void)[] = [];
beforeEach(async () => {
  f = await TestFederation.start({
    corpora: { alpha: { one: "a text" } },
    coordinators: ["hub", "standby"],
    absent: ["alpha"],
  });
  const party = f.party("alpha");
  index = new EndlessIndex(f.layout, { openShard: () => new LocalShard(f.layout, party.keys.hintKey) });
  const store = party.openStore();
  server = new PartyServer({
    identity: party.identity,
    federation: f.copy(),
    store,
    index,
    coordinatorUrls: f.urls,
    log: pino({ enabled: false }),
    onEvent: (event) => void events.push(event),
  });
  const running = server.run();
  running.catch(() => undefined);
  endings.push(async () => {
    server.close();
    await running.catch(() => undefined);
    store.close();
    await f[Symbol.asyncDispose]();
  });
  await until(() => server.coordinators.every(({ isListed }) => isListed));
});
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
  events.length = 0;
});

/** Any question, sent through one of the coordinators. */
async function ask(url = f.url) {
  const queryId = sodium.randombytes_buf(16);
  const signed = {
    queryId,
    issuedAtMs: Date.now(),
    answerKey: sodium.crypto_box_keypair().publicKey,
    query: new Uint8Array(f.layout.queryBytes),
  };
  const body = seal("query", f.federation.id, signed, f.identity("asker"));
  const query: HopMessage = { type: "query", queryId, deadlineMs: 30_000, parties: ["alpha"], body };
  const member = await f.dial("asker", undefined, url);
  const underWay = index.underWay;
  member.connection.send(query);
  await until(() => index.underWay > underWay);
  return { queryId, member };
}

describe("a party stops scoring a question", () => {
  test("that is cancelled, for its querier, by the coordinator that it came through, and by no other", async () => {
    const one = await ask(f.urls[0]);
    const two = await ask(f.urls[1]);
    two.member.connection.send({ type: "cancel", queryId: one.queryId });
    one.member.connection.send({ type: "cancel", queryId: one.queryId });
    await until(() => index.underWay === 1);
    two.member.connection.send({ type: "cancel", queryId: two.queryId });
    await until(() => index.underWay === 0);
  });

  test("whose querier is gone", async () => {
    const { member } = await ask();
    member.connection.close();
    await until(() => index.underWay === 0);
  });

  test("when the coordinator that it came through is lost, and goes on with what came through the other", async () => {
    await ask(f.urls[0]);
    await ask(f.urls[1]);
    await f.stopCoordinator("hub");
    await until(() => index.underWay === 1);
    expect(server.coordinators.map(({ isListed }) => isListed)).toEqual([false, true]);
    expect(server.isServing).toBe(true);
    await f.stopCoordinator("standby");
    await until(() => index.underWay === 0);
    expect(server.isServing).toBe(false);
    expect(events.filter(({ kind }) => kind === "query-refused")).toHaveLength(2);
  });
});
