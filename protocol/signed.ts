import { z } from "zod";
import { Fault } from "../crypto/fault.ts";
import { sodium } from "../crypto/sodium.ts";
import { decodeValue, encodeValue } from "./codec.ts";
import type { ProtocolFaultCode } from "./faults.ts";
import { memberName } from "./fields.ts";

const byteString = z.custom<Uint8Array>((value) => value instanceof Uint8Array);
const envelope = z.strictObject({ signer: memberName, payload: byteString, signature: byteString });

/** What a signature is for; a signature for one purpose never passes for another. */
export type SignaturePurpose =
  | "query"
  | "answer"
  | "share"
  | "blocks"
  | "passages"
  | "evidence"
  | "handshake-initiator"
  | "handshake-responder"
  | "federation"
  | "federation-change"
  | "federation-claim"
  | "grant"
  | "alignment";

/**
 * The bytes that are signed: a label, the federation, then the BLAKE2b-512 hash of the payload. Ed25519 reads what it signs twice, and a query
 * has a quarter of a megabyte. Whoever found two payloads of one hash could pass one signature for both; finding them takes 2^256 hashes.
 */
function signedBytes(purpose: SignaturePurpose, federationId: Uint8Array, payload: Uint8Array): Uint8Array {
  return encodeValue([`sotto/2 ${purpose}`, federationId, sodium.crypto_generichash(64, payload, null)]);
}

/** Detached Ed25519 signature (RFC 8032) of 64 bytes, over the hash of the payload. */
export function signDetached(
  purpose: SignaturePurpose,
  federationId: Uint8Array,
  payload: Uint8Array,
  secretKey: Uint8Array,
): Uint8Array {
  return sodium.crypto_sign_detached(signedBytes(purpose, federationId, payload), secretKey);
}

/** Whether the signature is the key holder's, for this purpose and federation. */
export function verifyDetached(
  purpose: SignaturePurpose,
  federationId: Uint8Array,
  payload: Uint8Array,
  signature: Uint8Array,
  publicKey: Uint8Array,
): boolean {
  return (
    signature.length === 64 &&
    sodium.crypto_sign_verify_detached(signature, signedBytes(purpose, federationId, payload), publicKey)
  );
}

/** A value with the name and signature of who sent it, as bytes. */
export function seal(
  purpose: SignaturePurpose,
  federationId: Uint8Array,
  value: unknown,
  signer: { readonly name: string; readonly secretKey: Uint8Array },
): Uint8Array {
  const payload = encodeValue(value);
  const signature = signDetached(purpose, federationId, payload, signer.secretKey);
  return encodeValue({ signer: signer.name, payload, signature });
}

/**
 * Inverse of {@link seal}.
 *
 * @param publicKeyOf - The key of a member who may sign this, or null.
 * @throws Fault SIGNATURE_INVALID before anything of the payload is parsed; FRAME_MALFORMED, MESSAGE_INVALID.
 */
export function openSigned<Schema extends z.ZodType>(
  purpose: SignaturePurpose,
  federationId: Uint8Array,
  schema: Schema,
  bytes: Uint8Array,
  publicKeyOf: (name: string) => Uint8Array | null,
): { readonly signer: string; readonly value: z.infer<Schema> } {
  const { signer, payload, signature } = decodeValue(envelope, bytes);
  const publicKey = publicKeyOf(signer);
  if (!publicKey || !verifyDetached(purpose, federationId, payload, signature, publicKey)) {
    throw new Fault<ProtocolFaultCode>("SIGNATURE_INVALID", `the ${purpose} is not signed by a member who may send it`);
  }
  return { signer, value: decodeValue(schema, payload) };
}
