import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { pino } from "pino";
import { sodium } from "../../crypto/index.ts";
import { Collection } from "../../party-node/serving/collection.ts";
import { QueryService } from "../../party-node/serving/query-service.ts";
import { SessionService } from "../../party-node/serving/session-service.ts";
import { type HopMessage, Initiator, encodeValue, handshakeContext, limits } from "../../protocol/index.ts";
import { TestFederation } from "../support/federation.ts";

let f: TestFederation;
beforeAll(async () => {
  f = await TestFederation.start({
    corpora: { alpha: { a: "one" } },
    queriers: ["asker", "second"],
    absent: ["alpha"],
  });
});
afterAll(async () => {
  await f[Symbol.asyncDispose]();
});

test("what waits at a party is bounded in bytes, over all sessions of a querier, whatever the coordinator lets through", async () => {
  const { federation } = f;
  const party = f.party("alpha");
  const { identity } = party;
  const store = party.openStore();
  const collection = new Collection(store, party.makeIndex(), () => 0);
  const queries = new QueryService({ identity, federation, collection, now: () => 0, wallClock: () => 0 });
  const gate = Promise.withResolvers<void>();
  const sent: HopMessage[] = [];
  const sessions = new SessionService({
    identity,
    federation,
    store,
    collection,
    queries,
    handlers: [
      {
        handles: (_message): _message is typeof _message => true,
        respond: async function* (_member, _session, { id }) {
          await gate.promise;
          yield { type: "host-done", id };
        },
      },
    ],
    send: (message) => {
      sent.push(message);
    },
    drained: () => Promise.resolve(),
    now: () => 0,
    log: pino({ enabled: false }),
  });
  /** A session of this querier. @returns What sends a request of so many bytes in it, and says what comes back. */
  const open = (peer: string) => {
    const session = sodium.randombytes_buf(16);
    const initiator = new Initiator(f.identity(peer), handshakeContext(federation, "end-to-end"));
    const say = (body: Uint8Array): void => {
      sessions.receive({ type: "relay", session, peer, body });
    };
    say(initiator.hello);
    const welcome = sent.at(-1);
    if (welcome?.type !== "relay") throw new Error("no welcome came");
    const { finish, channel } = initiator.receiveWelcome(welcome.body);
    say(finish);
    const request = (id: number, bytes: number): HopMessage["type"] | undefined => {
      const before = sent.length;
      const message = { type: "host-put", id, collection: session, rows: new Uint8Array(bytes) };
      say(channel.seal(encodeValue(message)));
      return sent[before]?.type;
    };
    return { request, close: () => sessions.hangup(session) };
  };
  const quarter = limits.requestBytesQueuedMax / 4 - 1024;
  const [one, two, three] = [open("asker"), open("asker"), open("asker")];
  expect([one.request(0, quarter), one.request(1, quarter), two.request(0, quarter)]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  two.close(); // what it asked for is still held
  expect([three.request(0, quarter), three.request(1, quarter)]).toEqual([undefined, "hangup"]);
  expect(sent.at(-1)).toMatchObject({ code: "LIMIT_EXCEEDED" });
  expect(open("second").request(0, 8192)).toBeUndefined();
  gate.resolve();
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(open("asker").request(0, 8192)).toBeUndefined();
  store.close();
});
