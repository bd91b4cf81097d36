import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Coordinator } from "../../coordinator/index.ts";
import { sodium } from "../../crypto/index.ts";
import { joinByInvitation } from "../../party-node/join-by-invitation.ts";
import {
  type Federation,
  type FounderAction,
  type HopMessage,
  type InvitationToken,
  type SecureConnection,
  dial,
  encodeValue,
  invitationKey,
  invitedView,
  limits,
  openFederation,
  readInvitation,
  signClaim,
  toBase64,
  writeFederation,
  writeInvitation,
} from "../../protocol/index.ts";
import { TestFederation, until } from "../support/federation.ts";
import { corpus } from "./corpora.ts";

/*
 * Who is invited joins at a coordinator that runs, and everybody who is connected knows it then.
 */

const names = ["guest", "twice", "late", "silent", "withdrawn", "eve-wants-this"] as const;
const HOUR = 3_600_000;
let f: TestFederation;
let hub: Federation;
const tokens = new Map<string, InvitationToken>();

beforeAll(async () => {
  const hubs: Federation[] = [];
  f = await TestFederation.start({
    corpora: { alpha: corpus("alpha", 8) },
    makeCoordinator: (options) => {
      hubs.push(options.federation);
      return new Coordinator(options);
    },
  });
  hub = hubs[0]!;
  const actions: FounderAction[] = names.map((name) => {
    const secret = sodium.randombytes_buf(32);
    const expires = new Date(Date.now() + (name === "late" ? -HOUR : HOUR)).toISOString();
    tokens.set(name, readInvitation(writeInvitation(f.federation, { name, expires }, secret)));
    const publicKey = toBase64(sodium.crypto_sign_seed_keypair(secret).publicKey);
    return { type: "invitation-made", name, roles: ["querier"], publicKey, expires };
  });
  hub.update(f.changed(...actions, { type: "invitation-withdrawn", name: "withdrawn" }));
  await until(() => f.party("alpha").federation.terms.revision === hub.terms.revision);
});
afterAll(async () => {
  await f[Symbol.asyncDispose]();
});

const token = (name: string): InvitationToken => tokens.get(name)!;
const join = (name: string, identity = f.identity(name)) =>
  joinByInvitation({ invitation: token(name), identity, coordinatorUrls: f.urls, wallClock: () => Date.now() });
const code = (expected: string) => expect.objectContaining({ code: expected });

test("an invitation is one word, and none that was damaged is taken", () => {
  const word = writeInvitation(f.federation, token("guest"), token("guest").secret);
  expect(word).toMatch(/^sotto-invitation-[A-Za-z0-9_-]{200,400}$/);
  expect(readInvitation(` ${word}\n`)).toEqual({
    ...token("guest"),
    coordinatorUrls: f.federation.terms.coordinatorUrls,
  });
  for (const bad of ["", "hello", word.slice(0, -3), word.replace("sotto", "lotto"), `${word}=`, `${word}AAAA`])
    expect(() => readInvitation(bad)).toThrow(code("INVITATION_MALFORMED"));
});

test("who is invited joins, everybody knows it, and it asks at once", async () => {
  const before = hub.terms.revision;
  const log = await join("guest");
  expect(log.state.terms.members.at(-1)).toMatchObject({ name: "guest", roles: ["querier"] });
  expect(hub.terms.revision).toBe(before + 1);
  await until(() => f.party("alpha").federation.file === hub.file);
  const federation = openFederation(writeFederation(log), f.rootPublicKey);
  const client = await f.client("guest", { federation });
  expect((await client.query("a question of letters").result).parties).toMatchObject([{ status: "answered" }]);
});

test("joining can be done again by who did not hear how it ended, and by nobody else", async () => {
  await join("twice");
  const { revision } = hub.terms;
  expect((await join("twice")).state.terms.revision).toBe(revision);
  const eve = { name: "twice", secretKey: sodium.crypto_sign_keypair().privateKey };
  await expect(join("twice", eve)).rejects.toMatchObject({ code: "INVITATION_UNKNOWN" });
  expect(hub.terms.revision).toBe(revision);
});

test.each(["late", "withdrawn"])("nobody joins by an invitation that is %s", async (name) => {
  await expect(join(name)).rejects.toMatchObject({ code: "INVITATION_UNKNOWN" });
  expect(hub.publicKeyOf(name)).toBeNull();
});

test("nobody takes another member's key, also not with an invitation", async () => {
  const asker = { name: "silent", secretKey: f.identity("asker").secretKey };
  await expect(join("silent", asker)).rejects.toMatchObject({ code: "KEY_TAKEN" });
});

/** All that a coordinator says to who is invited and says this, and how it ends. */
async function saying(
  name: string,
  say: (connection: SecureConnection) => void,
): Promise<{ messages: HopMessage[]; why: string }> {
  const identity = { name, secretKey: invitationKey(token(name)) };
  const connection = await dial(f.url, { identity, federation: invitedView(token(name)) });
  const messages: HopMessage[] = [];
  const ended = Promise.withResolvers<string>();
  connection.listen(
    (message) => {
      // Only what comes behind the handshake is about who is invited.
      if (messages.push(message) === 1) say(connection);
    },
    (why) => {
      ended.resolve(why.code);
    },
  );
  return { why: await ended.promise, messages };
}

describe("who is invited and has not joined", () => {
  const query: HopMessage = {
    type: "query",
    queryId: new Uint8Array(16),
    deadlineMs: 1,
    parties: [],
    body: new Uint8Array(9),
  };

  test.each<[string, HopMessage]>([
    ["a question", query],
    ["a session", { type: "relay", session: new Uint8Array(16), peer: "alpha", body: new Uint8Array(9) }],
    ["to serve", { type: "serve", encoder: new Uint8Array(32) }],
    ["a file", { type: "federation", file: "{}" }],
    ["a claim that is none", { type: "join", claim: new Uint8Array(9) }],
  ])("is not heard with %s", async (_, message) => {
    const { revision } = hub.terms;
    const { messages, why } = await saying("silent", (connection) => {
      connection.send(message);
      connection.send({ type: "federation-revision", revision: 1, digest: new Uint8Array(32) });
    });
    expect(messages.map(({ type }) => type)).toEqual(["federation", "goodbye"]);
    expect(why).toBe("CONNECTION_LOST");
    expect(hub.terms.revision).toBe(revision);
  });

  test("cannot take another's invitation", async () => {
    const name = "eve-wants-this";
    const { hash: previous } = hub.log.state.invitations.get(name)!;
    const keys = { entitled: invitationKey(token("silent")), own: f.identity("silent").secretKey };
    const claim = encodeValue(signClaim({ previous, name, type: "joined" }, keys, hub.id, Date.now()));
    const { messages } = await saying("silent", (connection) => {
      connection.send({ type: "join", claim });
    });
    expect(messages.at(-1)).toMatchObject({ type: "goodbye", code: "FEDERATION_TAMPERED" });
    expect(hub.publicKeyOf(name)).toBeNull();
  });

  test("stays a stranger, of whom little is taken", async () => {
    const claim = new Uint8Array(limits.claimBytesMax);
    const { messages, why } = await saying("silent", (connection) => {
      connection.send({
        type: "relay",
        session: new Uint8Array(16),
        peer: "alpha",
        body: new Uint8Array(8 * 1024 * 1024),
      });
      connection.send({ type: "join", claim });
    });
    expect(messages.map(({ type }) => type)).not.toContain("goodbye");
    expect(why).toBe("CONNECTION_LOST");
  });
});

test("a coordinator cannot add anybody: no member takes a claim that the invitation's key has not signed", () => {
  const name = "eve-wants-this";
  const { hash: previous } = hub.log.state.invitations.get(name)!;
  const keys = { entitled: f.identity("hub").secretKey, own: sodium.crypto_sign_keypair().privateKey };
  const claim = signClaim({ previous, name, type: "joined" }, keys, hub.id, Date.now());
  const forged = writeFederation({ ...hub.log, claims: [...hub.log.claims, claim] });
  for (const federation of [f.party("alpha").federation, f.copy()]) {
    expect(() => federation.update(forged)).toThrow(code("FEDERATION_TAMPERED"));
    expect(federation.publicKeyOf(name)).toBeNull();
  }
});
