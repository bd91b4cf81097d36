import { afterEach, describe, expect, test } from "@jest/globals";
import { setTimeout as sleep } from "node:timers/promises";
import type { Member } from "../../coordinator/member.ts";
import { Roster } from "../../coordinator/roster.ts";
import { TotalRouter } from "../../coordinator/total-router.ts";
import { readResidues, sodium } from "../../crypto/index.ts";
import { type HopMessage, type SecureConnection, limits } from "../../protocol/index.ts";
import { type Asked, OneParty, ask, makeFederation } from "./two-parties.ts";

const owner = makeFederation();

/** A member whose messages are kept in place of being sent. */
function member(name: string): Member & { readonly got: HopMessage[] } {
  const got: HopMessage[] = [];
  const send = (message: HopMessage): void => void got.push(message);
  return { name, got, connection: { send } as unknown as SecureConnection };
}

const routers: TotalRouter[] = [];
afterEach(() => {
  for (const router of routers.splice(0)) router.close();
});

async function setUp(deadlineMs = 60_000) {
  const roster = new Roster();
  const [titles, texts, asker] = [member("titles"), member("texts"), member("asker")];
  roster.serve(titles);
  roster.serve(texts);
  const router = new TotalRouter(roster, owner.federation);
  routers.push(router);
  const body = sodium.randombytes_buf(100);
  const asked: Asked = { ...(await ask(owner.federation)), queryHash: sodium.crypto_generichash(32, body, null) };
  const { queryId } = asked;
  const query = { type: "query" as const, queryId, deadlineMs, parties: [], body };
  router.ask(asker, query);
  const share = async (name: "titles" | "texts") => {
    const party = await OneParty.make(name, 1, owner);
    return { type: "share" as const, queryId, party: name, ...party.share(asked, await party.score(asked.query)) };
  };
  return { router, titles, texts, asker, query, queryId, share };
}

describe("a coordinator that adds", () => {
  test("sends the sum once all shares are in, and then holds nothing", async () => {
    const { router, titles, texts, asker, queryId, share } = await setUp();
    const [first, second] = [await share("titles"), await share("texts")];
    router.reply(titles, first);
    expect([asker.got, router.openQueries]).toEqual([[], 1]);
    // One sum, however many shares, and what each party signed.
    expect(router.bytesHeld).toBe(first.residues.length + first.body.length);
    router.reply(titles, first);
    router.reply(texts, second);
    const [total] = asker.got;
    if (total?.type !== "total") throw new Error("no total");
    const [a, b, sum] = [first, second, total].map(({ residues }) => readResidues(residues)!);
    expect([...sum!]).toEqual([...a!].map((residue, i) => (residue + b![i]!) % 2_147_389_441));
    expect(total.shares.map(({ party }) => party)).toEqual(["titles", "texts"]);
    expect([total.queryId, asker.got.length, router.openQueries, router.bytesHeld]).toEqual([queryId, 1, 0, 0]);
  });

  test("ends with the first refusal, and tells those who still work", async () => {
    const { router, titles, texts, asker, queryId, share } = await setUp();
    router.reply(titles, await share("titles"));
    router.reply(texts, { type: "refusal", queryId, party: "x", code: "BUSY", reason: "", retryAfterMs: 5 });
    expect(asker.got).toEqual([expect.objectContaining({ type: "refusal", party: "texts", code: "BUSY" })]);
    expect([router.openQueries, router.bytesHeld]).toEqual([0, 0]);
    router.ask(asker, { type: "query", queryId, deadlineMs: 9, parties: [], body: new Uint8Array(5) });
    router.left(texts);
    expect(asker.got.at(-1)).toMatchObject({ party: "texts", code: "PARTY_OFFLINE" });
    expect(titles.got.map(({ type }) => type)).toEqual(["query", "query", "cancel"]);
  });

  test("forgets a query whose querier cancels or leaves, and one that is late", async () => {
    const { router, titles, asker, query, queryId, share } = await setUp();
    router.reply(titles, await share("titles"));
    router.cancel(member("asker"), queryId);
    expect(router.openQueries).toBe(1);
    router.cancel(asker, queryId);
    expect([router.openQueries, router.bytesHeld]).toEqual([0, 0]);
    router.ask(asker, query);
    router.left(asker);
    expect(router.openQueries).toBe(0);
    router.ask(asker, { ...query, deadlineMs: 20 });
    await sleep(60);
    expect(asker.got.map((message) => "code" in message && message.code)).toEqual(Array(2).fill("DEADLINE_EXCEEDED"));
    expect(router.openQueries).toBe(0);
  });

  test("takes so many queries of one connection, and none twice", async () => {
    const { router, asker, query } = await setUp();
    router.ask(asker, query);
    expect(asker.got.map((message) => "code" in message && message.code)).toEqual(Array(2).fill("LIMIT_EXCEEDED"));
    const more = (i: number): void => router.ask(asker, { ...query, queryId: new Uint8Array(16).fill(i) });
    for (let i = 1; i < limits.queriesInFlightMax; i++) more(i);
    expect([router.openQueries, asker.got.length]).toEqual([limits.queriesInFlightMax, 2]);
    more(200);
    expect([router.openQueries, asker.got.length]).toEqual([limits.queriesInFlightMax, 4]);
  });
});
