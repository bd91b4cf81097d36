import { once } from "node:events";
import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { pino } from "pino";
import { WebSocket } from "ws";
import { Coordinator } from "../../coordinator/index.ts";
import { ClearScorer, sodium } from "../../crypto/index.ts";
import { SottoClient } from "../../party-node/asking/client.ts";
import { PartyServer } from "../../party-node/serving/party-server.ts";
import { type Federation, type HopMessage, type SecureConnection, dial, limits } from "../../protocol/index.ts";
import { IndependentFederation, IndependentQuerier } from "../protocol/independent/client.ts";
import { TestFederation, until } from "../support/federation.ts";

const silent = pino({ level: "silent" });
const code = (expected: string) => expect.objectContaining({ code: expected });
const newId = (): Uint8Array => sodium.randombytes_buf(16);
const query = (
  parties: readonly string[],
  changes: Partial<Extract<HopMessage, { type: "query" }>> = {},
): HopMessage => ({
  type: "query",
  queryId: newId(),
  deadlineMs: 30_000,
  parties: [...parties],
  body: Uint8Array.of(1, 2, 3),
  ...changes,
});
const serve = ({ terms }: Federation): HopMessage => ({
  type: "serve",
  encoder: sodium.from_hex(terms.encoder.fingerprint),
});

let f: TestFederation;
beforeAll(async () => {
  f = await TestFederation.start({
    corpora: { alpha: { a: "what alpha holds" }, beta: { b: "what beta holds" } },
    queriers: ["asker", "second"],
    mode: "clear",
    absent: ["alpha", "beta"],
  });
});
afterAll(async () => {
  await f[Symbol.asyncDispose]();
});

/** A party that says it serves and does with queries what it is told. */
async function fakeParty(name: string, onMessage?: (message: HopMessage, connection: SecureConnection) => void) {
  const member = await f.dial(name, onMessage);
  member.connection.send(serve(f.federation));
  await until(() => member.messages.some((message) => message.type === "roster" && message.parties.includes(name)));
  return member;
}

/** Leaves and waits until the coordinator has noticed. */
async function leave(...members: { connection: SecureConnection; closed: Promise<string> }[]): Promise<void> {
  for (const { connection, closed } of members) {
    connection.close();
    await closed;
  }
  const observer = await f.dial("second");
  await until(() => {
    const last = observer.messages.findLast((message) => message.type === "roster");
    return last?.type === "roster" && last.parties.length === 0;
  });
  observer.connection.close();
}

describe("admission", () => {
  const stranger = { name: "stranger", secretKey: sodium.crypto_sign_keypair().privateKey };
  const connect = (changes: object) =>
    SottoClient.connect({
      identity: f.identity("asker"),
      federation: f.federation,
      encoder: f.encoder,
      coordinatorUrls: [f.url],
      insecureClear: true,
      ...changes,
    });

  test("a stranger is told it is none of the members", async () => {
    await expect(connect({ identity: stranger })).rejects.toThrow(code("NOT_A_MEMBER"));
  });

  test("a member's name with another key does not get in", async () => {
    await expect(connect({ identity: { ...stranger, name: "asker" } })).rejects.toThrow(code("HANDSHAKE_FAILED"));
  });

  test("a member of another federation does not get in", async () => {
    await using other = await TestFederation.start({ corpora: {}, mode: "clear" });
    await expect(connect({ federation: other.federation, identity: other.identity("asker") })).rejects.toThrow(
      code("FEDERATION_MISMATCH"),
    );
  });

  test("a party server that is not admitted goes on trying, since a refusal before the handshake's end can be forged", async () => {
    const store = f.party("alpha").openStore();
    const server = new PartyServer({
      identity: stranger,
      federation: f.federation,
      store,
      index: new ClearScorer(f.layout),
      coordinatorUrls: [f.url],
      log: silent,
    });
    let over = false;
    const running = server.run().finally(() => (over = true));
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(over).toBe(false);
    server.close();
    await running;
    store.close();
  });

  test("a member that is no coordinator is not taken for one", async () => {
    const impostor = new Coordinator({ identity: f.identity("alpha"), federation: f.federation, log: silent });
    const port = await impostor.listen(0, "127.0.0.1");
    await expect(connect({ coordinatorUrls: [`ws://127.0.0.1:${String(port)}`] })).rejects.toThrow(code("WRONG_ROLE"));
    await impostor.close();
  });

  test("nobody listening", async () => {
    await expect(connect({ coordinatorUrls: ["ws://127.0.0.1:1"] })).rejects.toThrow(code("CONNECTION_REFUSED"));
  });

  test("a browser is told what this is", async () => {
    const response = await fetch(f.url.replace("ws:", "http:"));
    expect([response.status, await response.text()]).toEqual([426, expect.stringContaining("Sotto coordinator")]);
  });
});

describe("strangers' bytes", () => {
  /** What becomes of a socket that sends this. */
  async function send(...messages: readonly (Uint8Array | string)[]): Promise<{ code: number; reason: string }> {
    const socket = new WebSocket(f.url);
    socket.on("error", () => undefined);
    await once(socket, "open");
    for (const message of messages) socket.send(message);
    const [closeCode, reason] = (await once(socket, "close")) as [number, Buffer];
    return { code: closeCode, reason: reason.toString() };
  }

  test.each([
    { id: "garbage", message: new Uint8Array(50).fill(0xff) },
    { id: "text", message: "hello" },
    { id: "nothing", message: new Uint8Array(0) },
    { id: "more than a handshake's message may have", message: new Uint8Array(limits.handshakeBytesMax + 1) },
  ])("$id: refused with a code", async ({ message }) => {
    expect(await send(message)).toEqual({ code: 1008, reason: "HANDSHAKE_FAILED" });
  });

  test("a megabyte: cut off before it is put together", async () => {
    expect(await send(new Uint8Array(1_000_000))).toMatchObject({ code: 1006 });
  });

  test("many small messages: cut off or refused, never kept", async () => {
    const { code: closeCode } = await send(...Array.from({ length: 200 }, () => new Uint8Array(1000)));
    expect([1006, 1008]).toContain(closeCode);
  });

  test("the members are served all the while", async () => {
    const flood = Array.from({ length: 20 }, () => send(new Uint8Array(100_000)));
    const member = await f.dial("asker");
    expect(await member.message("roster")).toEqual({ type: "roster", parties: [] });
    await Promise.all(flood);
  });

  test("whoever stays silent is dropped, on either side, after the handshake's time", async () => {
    const socket = new WebSocket(f.url);
    const mute = createServer(() => undefined).listen(0, "127.0.0.1");
    await once(mute, "listening");
    const { port } = mute.address() as { port: number };
    const dialled = dial(`ws://127.0.0.1:${String(port)}`, { identity: f.identity("asker"), federation: f.federation });
    const [, [closeCode, reason]] = await Promise.all([
      expect(dialled).rejects.toThrow(code("HANDSHAKE_TIMEOUT")),
      once(socket, "close") as Promise<[number, Buffer]>,
    ]);
    expect([closeCode, reason.toString()]).toEqual([1008, "HANDSHAKE_TIMEOUT"]);
    mute.close();
  });
});

test("a port in use is said to be", async () => {
  const second = new Coordinator({ identity: f.identity("hub"), federation: f.federation, log: silent });
  await expect(second.listen(f.port, "127.0.0.1")).rejects.toThrow(code("PORT_IN_USE"));
  await expect(second.listen(f.port, "127.0.0.1")).rejects.toThrow(/--port/);
  const third = new Coordinator({ identity: f.identity("hub"), federation: f.federation, log: silent });
  await expect(third.listen(0, "192.0.2.1")).rejects.toThrow(code("ADDRESS_UNUSABLE"));
});

describe("a member that does what its role does not allow is expelled", () => {
  const rows: readonly { id: string; who: string; message: () => HopMessage; fault: string }[] = [
    { id: "a querier serves", who: "asker", message: () => serve(f.federation), fault: "WRONG_ROLE" },
    { id: "a party asks", who: "alpha", message: () => query(["beta"]), fault: "WRONG_ROLE" },
    {
      id: "a party has another encoder",
      who: "alpha",
      message: () => ({ type: "serve", encoder: new Uint8Array(32) }),
      fault: "ENCODER_MISMATCH",
    },
    {
      id: "a query is larger than any of this federation",
      who: "asker",
      message: () => query(["alpha"], { body: new Uint8Array(10_000) }),
      fault: "FRAME_TOO_LARGE",
    },
    {
      id: "a member sends a roster",
      who: "asker",
      message: () => ({ type: "roster", parties: ["asker"] }),
      fault: "MESSAGE_UNKNOWN",
    },
    {
      id: "a member says goodbye for the coordinator",
      who: "asker",
      message: () => ({ type: "goodbye", code: "CLOSED", reason: "" }),
      fault: "MESSAGE_UNKNOWN",
    },
  ];

  test.each(rows)("$id", async ({ who, message, fault }) => {
    const member = await f.dial(who);
    member.connection.send(message());
    expect(await member.message("goodbye")).toMatchObject({ code: fault });
    expect(await member.closed).toBe("CONNECTION_LOST");
    expect((await f.dial("asker").then(({ message: next }) => next("roster"))).parties).toEqual([]);
  });

  test("a message that is none breaks only its sender's connection", async () => {
    const member = await f.dial("asker");
    const other = await f.dial("second");
    member.connection.send({ type: "cancel", queryId: new Uint8Array(3) });
    expect(await member.closed).toBe("CONNECTION_LOST");
    other.connection.send(query(["alpha"]));
    expect(await other.message("refusal")).toMatchObject({ party: "alpha", code: "PARTY_OFFLINE" });
  });
});

describe("queries", () => {
  test("go to the parties named and to no other, without saying who else is asked", async () => {
    const [alpha, beta] = [await fakeParty("alpha"), await fakeParty("beta")];
    const asker = await f.dial("asker");
    const sent = query(["alpha"]);
    asker.connection.send(sent);
    expect(await alpha.message("query")).toEqual({ ...sent, parties: [] });
    asker.connection.send(query(["beta"]));
    await beta.message("query");
    expect(beta.messages.filter(({ type }) => type === "query")).toHaveLength(1);
    await leave(alpha, beta);
  });

  test("are answered once, by the party asked, under its own name", async () => {
    const [alpha, beta] = [await fakeParty("alpha"), await fakeParty("beta")];
    const [asker, second] = [await f.dial("asker"), await f.dial("second")];
    const queryId = newId();
    asker.connection.send(query(["alpha"], { queryId }));
    await alpha.message("query");
    const answer = (body: number): HopMessage => ({
      type: "answer",
      queryId,
      party: "beta",
      body: Uint8Array.of(body),
    });
    beta.connection.send(answer(1));
    second.connection.send(answer(2));
    await new Promise((resolve) => setTimeout(resolve, 50));
    alpha.connection.send(answer(3));
    alpha.connection.send(answer(4));
    expect(await asker.message("answer")).toEqual({ type: "answer", queryId, party: "alpha", body: Uint8Array.of(3) });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(asker.messages.filter(({ type }) => type === "answer")).toHaveLength(1);
    await leave(alpha, beta);
  });

  test("end at their deadline, and the party is told to stop", async () => {
    const alpha = await fakeParty("alpha");
    const asker = await f.dial("asker");
    asker.connection.send(query(["alpha"], { deadlineMs: 60 }));
    expect(await asker.message("refusal")).toMatchObject({ party: "alpha", code: "DEADLINE_EXCEEDED" });
    await alpha.message("cancel");
    await leave(alpha);
  });

  test("of a querier that leaves are cancelled", async () => {
    const alpha = await fakeParty("alpha");
    const asker = await f.dial("asker");
    asker.connection.send(query(["alpha"]));
    await alpha.message("query");
    asker.connection.close();
    await alpha.message("cancel");
    await leave(alpha);
  });

  test("can be cancelled by who asked, and by nobody else", async () => {
    const alpha = await fakeParty("alpha");
    const [asker, second] = [await f.dial("asker"), await f.dial("second")];
    const queryId = newId();
    asker.connection.send(query(["alpha"], { queryId }));
    await alpha.message("query");
    second.connection.send({ type: "cancel", queryId });
    second.connection.send(query(["nobody"]));
    await second.message("refusal");
    expect(alpha.messages.some(({ type }) => type === "cancel")).toBe(false);
    asker.connection.send({ type: "cancel", queryId });
    await alpha.message("cancel");
    await leave(alpha);
  });

  test("in flight are limited, a connection at a time; a used id is refused", async () => {
    const alpha = await fakeParty("alpha");
    const [asker, second] = [await f.dial("asker"), await f.dial("second")];
    const queryId = newId();
    asker.connection.send(query(["alpha"], { queryId }));
    await alpha.message("query");
    second.connection.send(query(["alpha"], { queryId }));
    expect(await second.message("refusal")).toMatchObject({ code: "LIMIT_EXCEEDED" });
    for (let i = 1; i < limits.queriesInFlightMax; i++) asker.connection.send(query(["alpha"]));
    await until(() => alpha.messages.filter(({ type }) => type === "query").length === limits.queriesInFlightMax);
    expect(asker.messages.some(({ type }) => type === "refusal")).toBe(false);
    asker.connection.send(query(["alpha"]));
    expect(await asker.message("refusal")).toMatchObject({ party: "alpha", code: "LIMIT_EXCEEDED" });
    asker.connection.send({ type: "cancel", queryId });
    second.connection.send(query(["alpha"], { queryId }));
    await until(() => alpha.messages.filter(({ type }) => type === "query").length === limits.queriesInFlightMax + 1);
    await leave(alpha);
  });
});

describe("parties come and go", () => {
  test("a party that leaves in the middle of a query is missing from the answer, and serves again when it returns", async () => {
    const alpha = await fakeParty("alpha", (message, connection) => {
      if (message.type === "query") connection.close();
      if (message.type === "relay")
        connection.send({ type: "hangup", session: message.session, peer: message.peer, code: "BUSY" });
    });
    await f.party("beta").start();
    const client = await f.client();
    const first = await client.query("what is held").result;
    expect(first.passages.map(({ party }) => party)).toEqual(["beta"]);
    expect(first.parties).toContainEqual(
      expect.objectContaining({
        party: "alpha",
        status: "missing",
        fault: expect.objectContaining({ code: "PARTY_OFFLINE" }),
      }),
    );
    expect(await alpha.closed).toBe("CONNECTION_LOST");

    await f.party("alpha").start();
    const second = await client.query("what is held").result;
    expect(second.passages.map(({ party }) => party).sort()).toEqual(["alpha", "beta"]);
    client.close();
    await f.party("alpha").stop();
    await f.party("beta").stop();
  });

  test("everybody is told who serves", async () => {
    const asker = await f.dial("asker");
    const alpha = await fakeParty("alpha");
    const rosters = (): unknown[] => asker.messages.filter(({ type }) => type === "roster");
    await until(() => rosters().length === 2);
    await leave(alpha);
    await until(() => rosters().length === 3);
    expect(rosters()).toEqual([[], ["alpha"], []].map((parties) => ({ type: "roster", parties })));
  });

  test("a party that connects again replaces its earlier connection", async () => {
    const first = await fakeParty("alpha");
    const second = await fakeParty("alpha");
    expect(await first.message("goodbye")).toMatchObject({ code: "CONNECTION_LOST" });
    expect(await first.closed).toBe("CONNECTION_LOST");
    const asker = await f.dial("asker");
    expect(await asker.message("roster")).toEqual({ type: "roster", parties: ["alpha"] });
    asker.connection.send(query(["alpha"]));
    await second.message("query");
    expect(first.messages.some(({ type }) => type === "query")).toBe(false);
    await leave(second);
  });

  test("who leaves in the ordinary way is not logged as lost, who vanishes is", async () => {
    const lines: { level: number; msg: string; member?: string; code?: string }[] = [];
    const left: unknown[] = [];
    const log = pino({ level: "info" }, { write: (line: string) => void lines.push(JSON.parse(line) as never) });
    const coordinator = new Coordinator({
      identity: f.identity("hub"),
      federation: f.copy(),
      log,
      onEvent: (event) => event.kind === "member-left" && left.push(event.code),
    });
    await using _ended = { [Symbol.asyncDispose]: () => coordinator.close() };
    const url = `ws://127.0.0.1:${String(await coordinator.listen(0, "127.0.0.1"))}`;
    const connect = () => dial(url, { identity: f.identity("asker"), federation: f.federation });
    (await connect()).close();
    await until(() => lines.some(({ msg }) => msg === "disconnected"));
    const seen = lines.length;
    const stranger = new WebSocket(url);
    await once(stranger, "open");
    stranger.close();
    await until(() => lines.length > seen);
    expect(lines.at(-1)).toMatchObject({ level: 30, msg: "a connection was closed before it was known whose it is" });
    const vanishes = await IndependentQuerier.connect(url, new IndependentFederation(f.file, f.rootPublicKey), {
      name: "asker",
      seed: f.identity("asker").secretKey.slice(0, 32),
    });
    vanishes.close();
    await until(() => left.length === 2);
    expect(left).toEqual(["CLOSED", "CONNECTION_LOST"]);
    expect(lines.filter(({ level }) => level > 30)).toEqual([]);
  });

  test("a member's connections are limited", async () => {
    const members = await Promise.all(Array.from({ length: limits.connectionsPerMemberMax }, () => f.dial("beta")));
    await Promise.all(members.map(({ message }) => message("roster")));
    const oneMore = await f.dial("beta");
    expect(await oneMore.message("goodbye")).toMatchObject({ code: "LIMIT_EXCEEDED" });
    expect(await oneMore.closed).toBe("CONNECTION_LOST");
    await (await f.dial("asker")).message("roster");
    for (const { connection } of members) connection.close();
    await Promise.all(members.map(({ closed }) => closed));
  });
});

describe("a member that takes nothing of what it is sent", () => {
  /** Says that it serves, and then reads nothing. */
  async function stuckParty(name: string): Promise<IndependentQuerier> {
    const self = { name, seed: f.identity(name).secretKey.slice(0, 32) };
    const party = await IndependentQuerier.connect(f.url, new IndependentFederation(f.file, f.rootPublicKey), self);
    party.send({ type: "serve", encoder: sodium.from_hex(f.federation.terms.encoder.fingerprint) });
    party.pause();
    return party;
  }

  test("is not dropped because another floods it: the other is told, in sessions and in queries", async () => {
    const alpha = await stuckParty("alpha");
    const asker = await f.dial("asker");
    await until(() => asker.messages.some((one) => one.type === "roster" && one.parties.includes("alpha")));
    const session = newId();
    const body = new Uint8Array(limits.frameBytesMax - 1024);
    const hangups = (): number => asker.messages.filter(({ type }) => type === "hangup").length;
    for (let i = 0; i < 12 && hangups() === 0; i++) {
      asker.connection.send({ type: "relay", session, peer: "alpha", body });
      // Answered after the relay was dealt with.
      asker.connection.send(query(["nobody"]));
      await until(() => asker.messages.filter(({ type }) => type === "refusal").length > i);
    }
    const heard = asker.messages.length;
    expect(asker.messages.find(({ type }) => type === "hangup")).toMatchObject({ code: "PEER_TOO_SLOW" });
    asker.connection.send(query(["alpha"]));
    await until(() => asker.messages.length > heard);
    expect(asker.messages.at(-1)).toMatchObject({ type: "refusal", party: "alpha", code: "PEER_TOO_SLOW" });
    const second = await f.dial("second");
    expect((await second.message("roster")).parties).toEqual(["alpha"]);
    alpha.close();
    await until(() => asker.messages.findLast((one) => one.type === "roster")?.parties.length === 0);
  });
});

describe("end-to-end sessions", () => {
  const relay = (session: Uint8Array, peer: string, text: string): HopMessage => ({
    type: "relay",
    session,
    peer,
    body: sodium.from_string(text),
  });

  test("are carried both ways between the two that hold them, under the true sender's name", async () => {
    const alpha = await fakeParty("alpha", (message, connection) => {
      if (message.type === "relay") connection.send(relay(message.session, "second", "back"));
    });
    const asker = await f.dial("asker");
    const session = newId();
    asker.connection.send(relay(session, "alpha", "there"));
    expect(await asker.message("relay")).toEqual(relay(session, "alpha", "back"));
    expect(await alpha.message("relay")).toEqual(relay(session, "asker", "there"));
    await leave(alpha);
  });

  test("are nobody else's: who meddles is hung up on, the holders hear nothing", async () => {
    const [alpha, beta] = [await fakeParty("alpha"), await fakeParty("beta")];
    const [asker, second] = [await f.dial("asker"), await f.dial("second")];
    const session = newId();
    asker.connection.send(relay(session, "alpha", "one"));
    await alpha.message("relay");
    for (const meddler of [second, beta]) {
      meddler.connection.send({ type: "hangup", session, peer: "alpha", code: "CLOSED" });
      meddler.connection.send(relay(session, "alpha", "mine"));
      expect(await meddler.message("hangup")).toMatchObject({ session, code: "PARTY_OFFLINE" });
    }
    asker.connection.send(relay(session, "alpha", "two"));
    await until(() => alpha.messages.filter(({ type }) => type === "relay").length === 2);
    expect([...alpha.messages, ...asker.messages].some(({ type }) => type === "hangup")).toBe(false);
    await leave(alpha, beta);
  });

  test("are opened by queriers only, and to parties only", async () => {
    const [alpha, beta] = [await fakeParty("alpha"), await fakeParty("beta")];
    const asker = await f.dial("asker");
    alpha.connection.send(relay(newId(), "beta", "psst"));
    expect(await alpha.message("hangup")).toMatchObject({ code: "PARTY_OFFLINE" });
    asker.connection.send(relay(newId(), "second", "psst"));
    expect(await asker.message("hangup")).toMatchObject({ code: "PARTY_OFFLINE" });
    expect(beta.messages.some(({ type }) => type === "relay")).toBe(false);
    await leave(alpha, beta);
  });

  test("end when either end leaves, and the other is told", async () => {
    const alpha = await fakeParty("alpha");
    const asker = await f.dial("asker");
    const [one, two] = [newId(), newId()];
    asker.connection.send(relay(one, "alpha", "hello"));
    await alpha.message("relay");
    asker.connection.close();
    expect(await alpha.message("hangup")).toEqual({
      type: "hangup",
      session: one,
      peer: "asker",
      code: "PARTY_OFFLINE",
    });
    const again = await f.dial("asker");
    again.connection.send(relay(two, "alpha", "hello"));
    await until(() => alpha.messages.filter(({ type }) => type === "relay").length === 2);
    await leave(alpha);
    expect(await again.message("hangup")).toEqual({
      type: "hangup",
      session: two,
      peer: "alpha",
      code: "PARTY_OFFLINE",
    });
  });
});
