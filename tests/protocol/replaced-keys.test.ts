import { expect, test } from "@jest/globals";
import { sodium } from "../../crypto/index.ts";
import {
  type Federation,
  type Identity,
  Initiator,
  Responder,
  encodeValue,
  handshakeContext,
  invitedView,
  limits,
  openFederation,
  readFederation,
  readInvitation,
  signClaim,
  signFederation,
  toBase64,
  withClaim,
  writeFederation,
  writeInvitation,
} from "../../protocol/index.ts";

/*
 * Two members of whom one has replaced its key while the other was away: the handshake tells.
 */

const keys = Array.from({ length: limits.handshakeClaimsMax + 2 }, () => sodium.crypto_sign_keypair().privateKey);
const [asker, root, eve] = [0, 1, 2].map(() => sodium.crypto_sign_keypair().privateKey) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
];
const publicKey = (secretKey: Uint8Array): string => toBase64(secretKey.subarray(32));
const rootPublicKey = publicKey(root);
const file = signFederation(
  {
    name: "two members",
    rootPublicKey,
    coordinatorUrls: ["ws://127.0.0.1:1"],
    mode: "private",
    encoder: { spec: "lexical", fingerprint: "ab".repeat(32) },
    scoring: { dim: 64, chunk: 16, normMax: 1, scoreBits: 14, seed: toBase64(new Uint8Array(32)) },
    members: [
      { name: "hub", roles: ["coordinator"], publicKey: publicKey(keys[0]!) },
      { name: "asker", roles: ["querier"], publicKey: publicKey(asker) },
    ],
  },
  root,
);
const open = (text: string): Federation => openFederation(text, rootPublicKey);

/** The federation after the hub has had its key replaced so often. */
function replaced(times: number): Federation {
  let log = readFederation(file, rootPublicKey);
  for (let i = 0; i < times; i++) {
    const previous = log.state.keyEntries.get("hub")!;
    const claim = { previous, name: "hub", type: "key-replaced" as const };
    log = withClaim(log, signClaim(claim, { entitled: keys[i]!, own: keys[i + 1]! }, open(file).id, Date.now()));
  }
  return open(writeFederation(log));
}
const hub = (of: Federation, times: number): Identity => ({
  name: "hub",
  secretKey: keys[times]!,
  claims: of.keyClaimsOf("hub"),
});

function shake(initiator: readonly [Identity, Federation], responder: readonly [Identity, Federation]): void {
  const one = new Initiator(initiator[0], handshakeContext(initiator[1], "hop"));
  const other = new Responder(responder[0], handshakeContext(responder[1], "hop"));
  const { finish } = one.receiveWelcome(other.receiveHello(one.hello));
  other.receiveFinish(finish);
}
const code = (expected: string) => expect.objectContaining({ code: expected });

test.each([1, 2, limits.handshakeClaimsMax])(
  "who was away learns of %i replaced keys from either side, and has the log then",
  (times) => {
    const now = replaced(times);
    for (const asksHub of [true, false]) {
      const away = open(file);
      const [self, peer] = [[{ name: "asker", secretKey: asker }, away] as const, [hub(now, times), now] as const];
      if (asksHub) shake(self, peer);
      else shake(peer, self);
      expect(away.file).toBe(now.file);
      expect(away.publicKeyOf("hub")).toEqual(keys[times]!.slice(32));
    }
  },
);

test("whose key was replaced more often than a handshake tells needs its file", () => {
  const times = limits.handshakeClaimsMax + 1;
  const now = replaced(times);
  const self = [{ name: "asker", secretKey: asker }, open(file)] as const;
  expect(() => shake(self, [hub(now, times), now])).toThrow(code("HANDSHAKE_FAILED"));
  self[1].update(now.file);
  shake(self, [hub(now, times), now]);
});

test("the key before is no key any more", () => {
  const now = replaced(1);
  expect(() => shake([{ name: "asker", secretKey: asker }, now], [hub(now, 0), now])).toThrow(code("HANDSHAKE_FAILED"));
});

test.each<[string, (now: Federation) => Identity]>([
  ["without having the key", (now) => ({ ...hub(now, 1), secretKey: eve })],
  ["that another member has made", (now) => ({ ...hub(now, 1), name: "asker" })],
  ["that are none", (now) => ({ ...hub(now, 1), claims: [new Uint8Array(9)] })],
  ["that stand on nothing", () => ({ ...hub(replaced(2), 2), claims: replaced(2).keyClaimsOf("hub").slice(1) })],
])("claims are not taken up from somebody who shows some %s", (_, shown) => {
  const away = open(file);
  const now = replaced(1);
  expect(() => shake([{ name: "asker", secretKey: asker }, away], [shown(now), now])).toThrow(code("HANDSHAKE_FAILED"));
  expect(away.file).toBe(file);
});

/** Whether somebody invited when the hub had its key number `from` believes whoever shows this. */
function isBelieved(from: number, shown: Identity): boolean {
  const guest = { name: "guest", secretKey: asker };
  const terms = { name: "guest", expires: new Date(Date.now() + 60_000).toISOString() };
  const told = readInvitation(writeInvitation(replaced(from), terms, guest.secretKey.slice(0, 32)));
  const one = new Initiator(guest, handshakeContext(invitedView(told), "hop"));
  const other = new Responder(shown, handshakeContext(open(file), "hop"));
  try {
    one.receiveWelcome(other.receiveHello(one.hello));
    return true;
  } catch (error) {
    expect(error).toEqual(code("HANDSHAKE_FAILED"));
    return false;
  }
}

test("who is invited follows a coordinator from the key that it was told, and believes nothing else", () => {
  const [now, most] = [replaced(2), limits.handshakeClaimsMax];
  for (const from of [0, 1, 2]) expect(isBelieved(from, hub(now, 2))).toBe(true);
  expect(isBelieved(0, hub(replaced(most), most))).toBe(true);
  expect(isBelieved(0, { name: "hub", secretKey: keys[2]! })).toBe(false);
  expect(isBelieved(0, { ...hub(now, 2), secretKey: eve })).toBe(false);
  // Eve signs herself in by a key that was never the hub's, or leaves the first step out.
  const forge = (entitled: Uint8Array, own: Uint8Array): Uint8Array =>
    encodeValue(
      signClaim(
        { previous: toBase64(new Uint8Array(32)), name: "hub", type: "key-replaced" },
        { entitled, own },
        now.id,
        Date.now(),
      ),
    );
  expect(isBelieved(0, { name: "hub", secretKey: eve, claims: [forge(asker, eve)] })).toBe(false);
  expect(isBelieved(0, { name: "hub", secretKey: keys[2]!, claims: now.keyClaimsOf("hub").slice(1) })).toBe(false);
  expect(isBelieved(0, { name: "hub", secretKey: eve, claims: [Uint8Array.of(1, 2, 3)] })).toBe(false);
});
