import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { ed25519, x25519 } from "@noble/curves/ed25519.js";
import { blake2b } from "@noble/hashes/blake2.js";

/*
 * The handshake a second time, from the description in protocol/handshake.ts, on other implementations of X25519, Ed25519, BLAKE2b and
 * XChaCha20-Poly1305 and with its own CBOR. Shares no code with the first.
 */

type Value = string | number | Uint8Array | readonly Value[] | { readonly [key: string]: Value };

const concat = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

/** The initial byte of RFC 8949, 3.: major type, then the argument in the fewest bytes. */
function head(major: number, argument: number): Uint8Array {
  if (argument < 24) return Uint8Array.of((major << 5) | argument);
  if (argument < 0x100) return Uint8Array.of((major << 5) | 24, argument);
  return Uint8Array.of((major << 5) | 25, argument >> 8, argument & 0xff);
}

/** Deterministic CBOR of small values; keys of a map shorter first (RFC 8949, 4.2.3). */
export function cbor(value: Value): Uint8Array {
  if (typeof value === "number") return head(0, value);
  if (typeof value === "string") return concat(head(3, Buffer.byteLength(value)), Buffer.from(value));
  if (value instanceof Uint8Array) return concat(head(2, value.length), value);
  if (Array.isArray(value)) return concat(head(4, value.length), ...value.map(cbor));
  const entries = Object.entries(value as Record<string, Value>).map(
    ([key, entry]) => [cbor(key), cbor(entry)] as const,
  );
  entries.sort(([a], [b]) => Buffer.compare(a, b));
  return concat(head(5, entries.length), ...entries.flat());
}

/** A detached signature from the description in protocol/signed.ts. */
export function signatureInNoble(
  purpose: string,
  federationId: Uint8Array,
  payload: Uint8Array,
  seed: Uint8Array,
): Uint8Array {
  return ed25519.sign(cbor([`sotto/2 ${purpose}`, federationId, blake2b(payload, { dkLen: 64 })]), seed);
}

export interface Side {
  readonly name: string;
  /** 32 bytes, Ed25519. */
  readonly identitySeed: Uint8Array;
  /** 32 bytes, X25519. */
  readonly ephemeralPrivateKey: Uint8Array;
}

export interface HandshakeInputs {
  readonly layer: string;
  readonly federationId: Uint8Array;
  readonly initiator: Side;
  readonly responder: Side;
  /** The version that the responder has read in the hello; default 3. */
  readonly protocol?: number;
}

/** Every message and key of a handshake between the two. */
export function handshakeInNoble({ layer, federationId, initiator, responder, protocol = 3 }: HandshakeInputs) {
  const initiatorEphemeral = x25519.getPublicKey(initiator.ephemeralPrivateKey);
  const responderEphemeral = x25519.getPublicKey(responder.ephemeralPrivateKey);
  const shared = x25519.getSharedSecret(initiator.ephemeralPrivateKey, responderEphemeral);
  const hello = cbor({ type: "hello", protocol, federation: federationId, ephemeral: initiatorEphemeral });
  const transcript = blake2b(cbor(["sotto/1 transcript", layer, hello, responderEphemeral]), { dkLen: 32 });
  const key = (purpose: string): Uint8Array =>
    blake2b(cbor([`sotto/1 ${purpose}`, transcript]), { dkLen: 32, key: shared });
  const proof = (role: "initiator" | "responder", { name, identitySeed }: Side): Uint8Array => {
    const signature = signatureInNoble(`handshake-${role}`, federationId, cbor([name, transcript]), identitySeed);
    const plaintext = cbor({ name, signature });
    return xchacha20poly1305(key(`${role} proof`), new Uint8Array(24), transcript).encrypt(plaintext);
  };
  return {
    hello,
    welcome: cbor({ type: "welcome", ephemeral: responderEphemeral, proof: proof("responder", responder) }),
    finish: cbor({ type: "finish", proof: proof("initiator", initiator) }),
    transcript,
    toResponder: key("to responder"),
    toInitiator: key("to initiator"),
  };
}

export const ed25519PublicKey = (seed: Uint8Array): Uint8Array => ed25519.getPublicKey(seed);
export const x25519PublicKey = (privateKey: Uint8Array): Uint8Array => x25519.getPublicKey(privateKey);
