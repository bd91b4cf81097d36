import { expect, test } from "@jest/globals";
import { encode } from "cborg";
import { z } from "zod";
import { sodium } from "../../crypto/index.ts";
import { decodeValue, encodeValue, openSigned, seal } from "../../protocol/index.ts";
import { type SignaturePurpose, signDetached, verifyDetached } from "../../protocol/signed.ts";
import { loadVectors } from "../vectors/load-vectors.ts";
import { signatureInNoble } from "./handshake-in-noble.ts";

const FEDERATION = new Uint8Array(32).fill(1);
const schema = z.strictObject({ text: z.string() });
const value = { text: "swordfish" };
const keys = { asker: sodium.crypto_sign_keypair(), other: sodium.crypto_sign_keypair() };
const signer = { name: "asker", secretKey: keys.asker.privateKey };
const publicKeyOf = (name: string): Uint8Array | null =>
  Object.hasOwn(keys, name) ? keys[name as keyof typeof keys].publicKey : null;
const open = (bytes: Uint8Array) => openSigned("query", FEDERATION, schema, bytes, publicKeyOf);
const envelope = (bytes: Uint8Array) =>
  decodeValue(
    z.strictObject({ signer: z.string(), payload: z.custom<Uint8Array>(), signature: z.custom<Uint8Array>() }),
    bytes,
  );
const signed = seal("query", FEDERATION, value, signer);
const flip = (bytes: Uint8Array, at: number): Uint8Array => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));

test("what was signed comes back with its signer's name", () => {
  expect(open(signed)).toEqual({ signer: "asker", value });
});

const { payload, signature } = envelope(signed);
// The curve's order, little-endian; S + order passes a sloppy verifier (RFC 8032, 5.1.7).
const order = Buffer.from("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010", "hex");
function malleated(): Uint8Array {
  const out = signature.slice();
  let carry = 0;
  for (let i = 0; i < 32; i++) {
    carry += (out[32 + i] ?? 0) + (order[i] ?? 0);
    out[32 + i] = carry & 0xff;
    carry >>= 8;
  }
  return out;
}

const rows: readonly { id: string; bytes: Uint8Array; fault: string }[] = [
  { id: "signed for another purpose", bytes: seal("answer", FEDERATION, value, signer), fault: "SIGNATURE_INVALID" },
  {
    id: "signed for another federation",
    bytes: seal("query", new Uint8Array(32), value, signer),
    fault: "SIGNATURE_INVALID",
  },
  {
    id: "signed with another key",
    bytes: seal("query", FEDERATION, value, { name: "asker", secretKey: keys.other.privateKey }),
    fault: "SIGNATURE_INVALID",
  },
  {
    id: "signed by a stranger",
    bytes: seal("query", FEDERATION, value, { name: "stranger", secretKey: keys.asker.privateKey }),
    fault: "SIGNATURE_INVALID",
  },
  {
    id: "under another's name",
    bytes: encodeValue({ ...envelope(signed), signer: "other" }),
    fault: "SIGNATURE_INVALID",
  },
  {
    id: "with another payload",
    bytes: encodeValue({ ...envelope(signed), payload: encodeValue({ text: "other" }) }),
    fault: "SIGNATURE_INVALID",
  },
  {
    id: "with a signature too short",
    bytes: encodeValue({ ...envelope(signed), signature: signature.subarray(1) }),
    fault: "SIGNATURE_INVALID",
  },
  {
    id: "with no signature",
    bytes: encodeValue({ ...envelope(signed), signature: new Uint8Array(0) }),
    fault: "SIGNATURE_INVALID",
  },
  {
    id: "with the signature in its other form",
    bytes: encodeValue({ ...envelope(signed), signature: malleated() }),
    fault: "SIGNATURE_INVALID",
  },
  {
    id: "with garbage for payload, which is not parsed before the signature is checked",
    bytes: encodeValue({ ...envelope(signed), payload: Uint8Array.of(0xff) }),
    fault: "SIGNATURE_INVALID",
  },
  {
    id: "signed garbage",
    bytes: encodeValue({
      signer: "asker",
      payload: Uint8Array.of(0xff),
      signature: sodium.crypto_sign_detached(
        encodeValue(["sotto/2 query", FEDERATION, sodium.crypto_generichash(64, Uint8Array.of(0xff), null)]),
        signer.secretKey,
      ),
    }),
    fault: "FRAME_MALFORMED",
  },
  {
    id: "a signed value of another shape",
    bytes: seal("query", FEDERATION, { text: 5 }, signer),
    fault: "MESSAGE_INVALID",
  },
  { id: "an unknown field", bytes: encode({ ...envelope(signed), extra: 1 }), fault: "MESSAGE_INVALID" },
  { id: "no signer", bytes: encode({ payload, signature }), fault: "MESSAGE_INVALID" },
  {
    id: "a signer of another alphabet",
    bytes: encode({ ...envelope(signed), signer: "../asker" }),
    fault: "MESSAGE_INVALID",
  },
  { id: "no CBOR", bytes: Uint8Array.of(0xff), fault: "FRAME_MALFORMED" },
];

test("a signature over the payload itself, as version 1 had it, is refused", () => {
  const old = (label: string, covered: Uint8Array): Uint8Array =>
    encodeValue({
      ...envelope(signed),
      signature: sodium.crypto_sign_detached(encodeValue([label, FEDERATION, covered]), signer.secretKey),
    });
  const hash = sodium.crypto_generichash(64, payload, null);
  for (const bytes of [old("sotto/1 query", payload), old("sotto/1 query", hash), old("sotto/2 query", payload)])
    expect(() => open(bytes)).toThrow(expect.objectContaining({ code: "SIGNATURE_INVALID" }));
  expect(open(old("sotto/2 query", hash))).toEqual({ signer: "asker", value });
});

interface Vector {
  readonly purpose: SignaturePurpose;
  readonly federationId: string;
  readonly seed: string;
  readonly payload: string;
  /** Times the payload is repeated. */
  readonly times: number;
  readonly signature: string;
}

const { signatures } = loadVectors<{ signatures: Vector[] }>(new URL("../vectors/signature.json", import.meta.url), [
  "signatures",
]);

test.each(signatures)("known answer: $purpose over $times times $payload", (vector) => {
  const federationId = sodium.from_hex(vector.federationId);
  const seed = sodium.from_hex(vector.seed);
  const covered = sodium.from_hex(vector.payload.repeat(vector.times));
  const { privateKey, publicKey } = sodium.crypto_sign_seed_keypair(seed);
  expect(sodium.to_hex(signDetached(vector.purpose, federationId, covered, privateKey))).toBe(vector.signature);
  expect(sodium.to_hex(signatureInNoble(vector.purpose, federationId, covered, seed))).toBe(vector.signature);
  const signature = sodium.from_hex(vector.signature);
  expect(verifyDetached(vector.purpose, federationId, covered, signature, publicKey)).toBe(true);
  expect(verifyDetached(vector.purpose, federationId, sodium.pad(covered, 16), signature, publicKey)).toBe(false);
});

test.each(rows)("refused: $id", ({ bytes, fault }) => {
  expect(() => open(bytes)).toThrow(expect.objectContaining({ code: fault }));
  expect(() => open(bytes)).not.toThrow(/swordfish/);
});

test("any changed byte of signature or payload is noticed", () => {
  for (let at = 0; at < 64; at++)
    expect(() => open(encodeValue({ ...envelope(signed), signature: flip(signature, at) }))).toThrow(
      expect.objectContaining({ code: "SIGNATURE_INVALID" }),
    );
  for (let at = 0; at < payload.length; at++)
    expect(() => open(encodeValue({ ...envelope(signed), payload: flip(payload, at) }))).toThrow(
      expect.objectContaining({ code: "SIGNATURE_INVALID" }),
    );
});

test("whose key is accepted is the caller's to say", () => {
  expect(() => openSigned("query", FEDERATION, schema, signed, () => null)).toThrow(
    expect.objectContaining({ code: "SIGNATURE_INVALID" }),
  );
});
