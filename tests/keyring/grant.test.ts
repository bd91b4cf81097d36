import { ed25519, x25519 } from "@noble/curves/ed25519.js";
import { hsalsa, xsalsa20poly1305 } from "@noble/ciphers/salsa.js";
import { blake2b } from "@noble/hashes/blake2.js";
import { describe, expect, test } from "@jest/globals";
import { z } from "zod";
import { sodium } from "../../crypto/index.ts";
import {
  type KeyringEntry,
  keyringLimits,
  newCollectionKey,
  openGrant,
  sealGrant,
} from "../../party-node/keyring/index.ts";
import {
  type Federation,
  type Identity,
  type Role,
  decodeValue,
  encodeValue,
  openFederation,
  seal,
  signFederation,
  toBase64,
} from "../../protocol/index.ts";
import { entryOf, failureOf, fullEntryOf, secretsOf, textOf } from "./entries.ts";

const members: Readonly<Record<string, Role[]>> = {
  hub: ["coordinator"],
  clinic: ["querier"],
  hoster: ["party"],
  doctor: ["querier", "party"],
  other: ["querier"],
};
const keys = new Map([...Object.keys(members), "renewed"].map((name) => [name, sodium.crypto_sign_keypair()]));
const keyOf = (name: string) => keys.get(name) ?? sodium.crypto_sign_keypair();
const identity = (name: string, key = name): Identity => ({ name, secretKey: keyOf(key).privateKey });

function found(without: readonly string[] = []): Federation {
  const root = sodium.crypto_sign_keypair();
  const rootPublicKey = toBase64(root.publicKey);
  const terms = {
    name: "a federation of tests",
    rootPublicKey,
    coordinatorUrls: ["ws://127.0.0.1:1"],
    mode: "private" as const,
    encoder: { spec: "lexical", fingerprint: "ab".repeat(32) },
    scoring: { dim: 1024, chunk: 16, normMax: 24.5, scoreBits: 14, seed: toBase64(new Uint8Array(32)) },
    members: Object.entries(members)
      .filter(([name]) => !without.includes(name))
      .map(([name, roles]) => ({ name, roles, publicKey: toBase64(keyOf(name).publicKey) })),
  };
  return openFederation(signFederation(terms, root.privateKey), rootPublicKey);
}

const federation = found();
const entry = fullEntryOf("papers");
const grant = (changes: { entry?: KeyringEntry; recipient?: string; owner?: Identity; federation?: Federation } = {}) =>
  sealGrant(changes.entry ?? entry, { recipient: "doctor", owner: identity("clinic"), federation, ...changes });
const open = (bytes: Uint8Array, as = identity("doctor"), where = federation) =>
  openGrant(bytes, { identity: as, federation: where });
const granted = { ...entry, next: null, retired: [] };

const byteString = z.custom<Uint8Array>((value) => value instanceof Uint8Array);
const envelope = z.strictObject({ signer: z.string(), payload: byteString, signature: byteString });
const bodySchema = z.strictObject({
  recipient: z.string(),
  keyId: z.string(),
  issuedAtMs: z.int(),
  sealed: byteString,
});
const bodyOf = (bytes: Uint8Array) => decodeValue(bodySchema, decodeValue(envelope, bytes).payload);
/** A grant with what somebody else would put into it. */
const forged = (value: object, signer = identity("clinic")) =>
  seal("grant", federation.id, { ...bodyOf(grant()), ...value }, signer);
const boxed = (value: unknown, to = "doctor") =>
  sodium.crypto_box_seal(encodeValue(value), sodium.crypto_sign_ed25519_pk_to_curve25519(keyOf(to).publicKey));

describe("a grant", () => {
  test("gives its recipient the entry with its current key and no other", () => {
    const before = Date.now();
    const opened = open(grant());
    expect(opened.entry).toEqual(granted);
    expect(opened.issuedAtMs).toBeGreaterThanOrEqual(before);
    expect(opened.issuedAtMs).toBeLessThanOrEqual(Date.now());
  });

  test("of the key being filled", () => {
    const next = entry.next ?? newCollectionKey();
    expect(open(grant({ entry: { ...entry, current: next, next: null } })).entry).toEqual({
      ...granted,
      current: next,
    });
  });

  test("shows whoever keeps it neither key nor name, and is small", () => {
    const bytes = Buffer.from(grant());
    for (const one of [...secretsOf(entry), "papers", "hoster"]) expect(bytes.includes(one)).toBe(false);
    for (const { secret } of [entry.current, ...entry.retired]) expect(bytes.includes(Buffer.from(secret))).toBe(false);
    expect(bytes.includes(entry.current.id)).toBe(true);
    const largest = grant({ entry: { ...entry, name: "n".repeat(63), host: "h".repeat(63) } });
    expect(largest.length).toBeLessThan(keyringLimits.grantBytesMax / 4);
  });

  test("is sealed anew each time", () => {
    expect(Buffer.from(bodyOf(grant()).sealed).equals(bodyOf(grant()).sealed)).toBe(false);
  });
});

/** crypto_box_seal's opening from its description in libsodium's documentation, on other implementations. */
function openInNoble(sealed: Uint8Array, seed: Uint8Array): Uint8Array {
  const privateKey = ed25519.utils.toMontgomerySecret(seed);
  const publicKey = ed25519.utils.toMontgomery(ed25519.getPublicKey(seed));
  expect(Buffer.from(x25519.getPublicKey(privateKey)).equals(publicKey)).toBe(true);
  const ephemeral = sealed.subarray(0, 32);
  const nonce = blake2b(Buffer.concat([ephemeral, publicKey]), { dkLen: 24 });
  return xsalsa20poly1305(boxKey(x25519.getSharedSecret(privateKey, ephemeral)), nonce).decrypt(sealed.slice(32));
}

/** HSalsa20 of the shared secret with a nonce of zeros. */
function boxKey(shared: Uint8Array): Uint8Array {
  const words = (bytes: Uint8Array) => new Uint32Array(Uint8Array.from(bytes).buffer);
  const out = new Uint32Array(8);
  hsalsa(words(Buffer.from("expand 32-byte k")), words(shared), new Uint32Array(4), out);
  return new Uint8Array(out.buffer);
}

test("is opened by the second implementation from the recipient's Ed25519 seed", () => {
  const plaintext = openInNoble(bodyOf(grant()).sealed, keyOf("doctor").privateKey.slice(0, 32));
  const { next: _next, retired: _retired, ...rest } = entry;
  expect(Buffer.from(plaintext).equals(encodeValue(rest))).toBe(true);
});

const own = (() => {
  const { next: _next, retired: _retired, ...rest } = entry;
  return rest;
})();
const flip = (bytes: Uint8Array, at: number): Uint8Array => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));

const hostile: readonly { id: string; bytes: () => Uint8Array; fault: string; as?: Identity; where?: Federation }[] = [
  { id: "for another member", bytes: () => grant({ recipient: "other" }), fault: "GRANT_RECIPIENT" },
  {
    id: "for another member, said to be for this one",
    bytes: () => forged({ sealed: bodyOf(grant({ recipient: "other" })).sealed }),
    fault: "GRANT_UNREADABLE",
  },
  {
    id: "sealed to a key that the member no longer has",
    bytes: () => grant(),
    as: identity("doctor", "renewed"),
    fault: "GRANT_UNREADABLE",
  },
  { id: "of another federation", bytes: () => grant(), where: found(), fault: "GRANT_INVALID" },
  {
    id: "of an owner who has left the federation",
    bytes: () => grant(),
    where: { ...found(["clinic"]), id: federation.id },
    fault: "GRANT_INVALID",
  },
  {
    id: "signed by another member in its own name",
    bytes: () => forged({}, identity("other")),
    fault: "GRANT_INVALID",
  },
  {
    id: "signed by another member in the owner's name",
    bytes: () => forged({}, identity("clinic", "other")),
    fault: "GRANT_INVALID",
  },
  {
    id: "signed by a member who is no querier",
    bytes: () => forged({ sealed: boxed({ ...own, owner: "hoster" }) }, identity("hoster")),
    fault: "GRANT_INVALID",
  },
  {
    id: "of another owner's collection",
    bytes: () => forged({ sealed: boxed({ ...own, owner: "other" }) }),
    fault: "GRANT_INVALID",
  },
  { id: "of another key than it says", bytes: () => forged({ keyId: "00".repeat(16) }), fault: "GRANT_INVALID" },
  {
    id: "signed for another purpose",
    bytes: () => seal("query", federation.id, bodyOf(grant()), identity("clinic")),
    fault: "GRANT_INVALID",
  },
  { id: "with an unknown field", bytes: () => forged({ comment: "" }), fault: "GRANT_INVALID" },
  { id: "without its time", bytes: () => forged({ issuedAtMs: "now" }), fault: "GRANT_INVALID" },
  { id: "with nothing sealed", bytes: () => forged({ sealed: new Uint8Array(0) }), fault: "GRANT_UNREADABLE" },
  {
    id: "with another box",
    bytes: () => forged({ sealed: flip(bodyOf(grant()).sealed, 50) }),
    fault: "GRANT_UNREADABLE",
  },
  { id: "with garbage in the box", bytes: () => forged({ sealed: boxed("swordfish") }), fault: "GRANT_INVALID" },
  {
    id: "with no CBOR in the box",
    bytes: () =>
      forged({
        sealed: sodium.crypto_box_seal(
          Uint8Array.of(0xff),
          sodium.crypto_sign_ed25519_pk_to_curve25519(keyOf("doctor").publicKey),
        ),
      }),
    fault: "GRANT_INVALID",
  },
  {
    id: "with more keys in the box",
    bytes: () => forged({ sealed: boxed({ ...own, retired: [] }) }),
    fault: "GRANT_INVALID",
  },
  {
    id: "with a secret too short in the box",
    bytes: () => forged({ sealed: boxed({ ...own, current: { id: own.current.id, secret: new Uint8Array(31) } }) }),
    fault: "GRANT_INVALID",
  },
  {
    id: "with parameters that no scheme has in the box",
    bytes: () => forged({ sealed: boxed({ ...own, sealing: { ...own.sealing, beta: 0 } }) }),
    fault: "GRANT_INVALID",
  },
  { id: "that is empty", bytes: () => new Uint8Array(0), fault: "GRANT_INVALID" },
  { id: "that is no CBOR", bytes: () => Uint8Array.of(0xff), fault: "GRANT_INVALID" },
  { id: "that is cut off", bytes: () => grant().slice(0, -1), fault: "GRANT_INVALID" },
  {
    id: "that is too large",
    bytes: () => forged({ sealed: new Uint8Array(keyringLimits.grantBytesMax) }),
    fault: "GRANT_INVALID",
  },
];

test.each(hostile)("a grant $id is refused, and the message tells no key", async ({ bytes, fault, as, where }) => {
  const failure = await failureOf(() => open(bytes(), as, where));
  expect(failure.code).toBe(fault);
  expect(failure.message).toMatch(/ask /);
  for (const one of [...secretsOf(entry), "swordfish"]) expect(textOf(failure)).not.toContain(one);
});

test("every changed byte of a grant is noticed", () => {
  const bytes = grant();
  for (let at = 0; at < bytes.length; at++) expect(() => open(flip(bytes, at))).toThrow(/grant/);
});

test.each([
  { id: "by another than the owner", fault: "GRANT_NOT_OWNER", make: () => grant({ owner: identity("other") }) },
  { id: "to a stranger", fault: "GRANT_RECIPIENT", make: () => grant({ recipient: "stranger" }) },
  { id: "to a member that asks nothing", fault: "GRANT_RECIPIENT", make: () => grant({ recipient: "hoster" }) },
  {
    id: "of what is no entry",
    fault: "ENTRY_INVALID",
    make: () => grant({ entry: entryOf("papers", { mode: "double" }) }),
  },
])("is not made $id", ({ make, fault }) => {
  expect(make).toThrow(expect.objectContaining({ code: fault }));
});
