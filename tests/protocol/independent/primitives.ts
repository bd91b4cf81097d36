import { chacha20 } from "@noble/ciphers/chacha.js";
import { hsalsa, xsalsa20poly1305 } from "@noble/ciphers/salsa.js";
import { ed25519, x25519 } from "@noble/curves/ed25519.js";
import { blake2b } from "@noble/hashes/blake2.js";
import { type Value, concat, decode, encode } from "./cbor.ts";

/* docs/protocol.md, "Notation" and "Signatures". */

const words = (bytes: Uint8Array): Uint32Array => new Uint32Array(new Uint8Array(bytes).buffer);
const SIGMA = words(Buffer.from("expand 32-byte k"));

export const hash = (bits: number, bytes: Uint8Array, key?: Uint8Array): Uint8Array =>
  blake2b(bytes, { dkLen: bits / 8, ...(key ? { key } : {}) });

export function u32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return new Uint8Array(bytes);
}

export function u64(value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return new Uint8Array(bytes);
}

export function derive(key: Uint8Array, label: string, ...parts: readonly Uint8Array[]): Uint8Array {
  const all = [Buffer.from(label), ...parts];
  return hash(256, concat(...all.flatMap((part) => [u64(part.length), part])), key);
}

export const stream = (seed: Uint8Array, length: number): Uint8Array =>
  chacha20(seed, Buffer.from("LibsodiumDRG"), new Uint8Array(length));

function boxKey(shared: Uint8Array): Uint8Array {
  const out = new Uint32Array(8);
  hsalsa(SIGMA, words(shared), new Uint32Array(4), out);
  return new Uint8Array(out.buffer);
}

export function openBox(box: Uint8Array, privateKey: Uint8Array): Uint8Array {
  const sender = box.subarray(0, 32);
  const nonce = hash(192, concat(sender, x25519.getPublicKey(privateKey)));
  return xsalsa20poly1305(boxKey(x25519.getSharedSecret(privateKey, sender)), nonce).decrypt(box.subarray(32));
}

export function sealBox(text: Uint8Array, to: Uint8Array, ephemeral: Uint8Array): Uint8Array {
  const sender = x25519.getPublicKey(ephemeral);
  const key = boxKey(x25519.getSharedSecret(ephemeral, to));
  return concat(sender, xsalsa20poly1305(key, hash(192, concat(sender, to))).encrypt(text));
}

const covered = (purpose: string, federationId: Uint8Array, payload: Uint8Array): Uint8Array =>
  encode([`sotto/2 ${purpose}`, federationId, hash(512, payload)]);

export interface Signer {
  readonly name: string;
  /** 32 bytes, Ed25519. */
  readonly seed: Uint8Array;
}

export const sign = (purpose: string, federationId: Uint8Array, payload: Uint8Array, seed: Uint8Array): Uint8Array =>
  ed25519.sign(covered(purpose, federationId, payload), seed);

export const verify = (
  purpose: string,
  federationId: Uint8Array,
  payload: Uint8Array,
  signature: Uint8Array,
  publicKey: Uint8Array,
): boolean => ed25519.verify(signature, covered(purpose, federationId, payload), publicKey, { zip215: false });

export function envelope(purpose: string, federationId: Uint8Array, value: Value, { name, seed }: Signer): Uint8Array {
  const payload = encode(value);
  return encode({ signer: name, payload, signature: sign(purpose, federationId, payload, seed) });
}

/** @returns The payload's value, when `signer` has signed it. */
export function openEnvelope(
  purpose: string,
  federationId: Uint8Array,
  bytes: Uint8Array,
  signer: string,
  publicKey: Uint8Array,
): Value {
  const opened = decode(bytes) as { signer: string; payload: Uint8Array; signature: Uint8Array };
  if (opened.signer !== signer || !verify(purpose, federationId, opened.payload, opened.signature, publicKey))
    throw new Error(`the ${purpose} is not signed by ${signer}`);
  return decode(opened.payload);
}
