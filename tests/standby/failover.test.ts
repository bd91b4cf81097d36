import { afterEach, describe, expect, test } from "@jest/globals";
import type { AuditEvent } from "../../operation/audit/index.ts";
import type { SottoClient } from "../../party-node/asking/client.ts";
import { corpus } from "../federation/corpora.ts";
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
});
