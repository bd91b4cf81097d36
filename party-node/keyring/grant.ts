import { z } from "zod";
import { Fault } from "../../crypto/fault.ts";
import { sodium } from "../../crypto/sodium.ts";
import {
  type Federation,
  type Identity,
  decodeValue,
  encodeValue,
  memberName,
  openSigned,
  seal,
} from "../../protocol/index.ts";
import { type KeyringEntry, checkEntry, grantedEntry, keyId } from "./entry.ts";
import { keyringLimits as limits } from "./keyring-fault.ts";

/**
 * - GRANT_INVALID: not signed in this federation by the owner of what it grants, or not of a grant's form.
 * - GRANT_RECIPIENT: it is for another member, or for somebody who cannot be given one.
 * - GRANT_UNREADABLE: it is sealed to another key than the recipient's, or was altered.
 * - GRANT_NOT_OWNER: only a collection's owner grants it.
 */
export type GrantFaultCode = "GRANT_INVALID" | "GRANT_RECIPIENT" | "GRANT_UNREADABLE" | "GRANT_NOT_OWNER";

/** What the owner signs and the host can read. */
const grantBody = z.strictObject({
  recipient: memberName,
  keyId,
  /** Milliseconds since 1970 on the owner's clock. */
  issuedAtMs: z.int().min(0),
  sealed: z.custom<Uint8Array>((value) => value instanceof Uint8Array),
});

/**
 * Gives a member the current key of a collection: the entry, without its other keys, in a libsodium sealed box to the member's identity key,
 * the whole signed by the owner. Whoever keeps it for the member, as the host does, learns the recipient, the key's id, the time and the size.
 *
 * The member's Ed25519 key serves as its X25519 key by the birational map; using one key pair for both is proven safe for such a
 * combination (Thormarker, eprint 2021/509). During a rotation the key being filled is granted as `{ ...entry, current: entry.next }`.
 *
 * @throws Fault GRANT_NOT_OWNER, GRANT_RECIPIENT (no querier of the federation), ENTRY_INVALID.
 */
export function sealGrant(
  entry: KeyringEntry,
  { recipient, owner, federation }: { recipient: string; owner: Identity; federation: Federation },
): Uint8Array {
  if (entry.owner !== owner.name)
    throw new Fault<GrantFaultCode>(
      "GRANT_NOT_OWNER",
      `"${entry.name}" belongs to ${entry.owner}: only its owner can grant it to others`,
    );
  const publicKey = querierKey(federation, recipient);
  if (!publicKey)
    throw new Fault<GrantFaultCode>(
      "GRANT_RECIPIENT",
      `"${recipient}" is no querier of the federation; check the name, or ask the founder to add the role`,
    );
  const { next: _next, retired: _retired, ...granted } = entry;
  checkEntry({ ...granted, next: null, retired: [] });
  const plaintext = encodeValue(granted);
  const sealed = sodium.crypto_box_seal(plaintext, sodium.crypto_sign_ed25519_pk_to_curve25519(publicKey));
  sodium.memzero(plaintext);
  return seal("grant", federation.id, { recipient, keyId: entry.current.id, issuedAtMs: Date.now(), sealed }, owner);
}

/**
 * Inverse of {@link sealGrant}, at the recipient. Says who granted what and when, not whether the key is still in use at the host.
 *
 * @returns An entry with one key, whose secret is the caller's to wipe.
 * @throws Fault GRANT_INVALID, GRANT_RECIPIENT, GRANT_UNREADABLE.
 */
export function openGrant(
  bytes: Uint8Array,
  { identity, federation }: { identity: Identity; federation: Federation },
): { entry: KeyringEntry; issuedAtMs: number } {
  const { signer, value } = openBody(bytes, federation);
  if (value.recipient !== identity.name)
    throw new Fault<GrantFaultCode>(
      "GRANT_RECIPIENT",
      `the grant is for ${value.recipient}, not for ${identity.name}; ask ${signer} for one of your own`,
    );
  const granted = openEntry(value.sealed, identity, signer);
  if (granted.owner !== signer || granted.current.id !== value.keyId)
    throw invalid(`it holds a key of another owner or collection than ${signer} says`);
  return { entry: { ...granted, next: null, retired: [] }, issuedAtMs: value.issuedAtMs };
}

function openBody(
  bytes: Uint8Array,
  federation: Federation,
): { readonly signer: string; readonly value: z.infer<typeof grantBody> } {
  if (bytes.length > limits.grantBytesMax) throw invalid(`it has more than ${limits.grantBytesMax} bytes`);
  try {
    return openSigned("grant", federation.id, grantBody, bytes, (name) => querierKey(federation, name));
  } catch (cause) {
    throw invalid("it is not signed by a querier of this federation, or not of a grant's form", cause);
  }
}

function openEntry(sealed: Uint8Array, identity: Identity, signer: string): z.infer<typeof grantedEntry> {
  const privateKey = sodium.crypto_sign_ed25519_sk_to_curve25519(identity.secretKey);
  const publicKey = sodium.crypto_scalarmult_base(privateKey);
  let plaintext: Uint8Array;
  try {
    plaintext = sodium.crypto_box_seal_open(sealed, publicKey, privateKey);
  } catch {
    throw new Fault<GrantFaultCode>(
      "GRANT_UNREADABLE",
      `the grant does not open with the key of ${identity.name}: it is sealed to another key; ask ${signer} for a new one`,
    );
  } finally {
    sodium.memzero(privateKey);
  }
  try {
    const granted = decodeValue(grantedEntry, plaintext);
    // The decoder's byte strings are views into what is wiped below.
    return { ...granted, current: { id: granted.current.id, secret: granted.current.secret.slice() } };
  } catch (cause) {
    throw invalid("what is sealed in it is not an entry of a keyring", cause);
  } finally {
    sodium.memzero(plaintext);
  }
}

const querierKey = ({ hasRole, publicKeyOf }: Federation, name: string): Uint8Array | null =>
  hasRole(name, "querier") ? publicKeyOf(name) : null;

function invalid(why: string, cause?: unknown): Fault {
  return new Fault<GrantFaultCode>(
    "GRANT_INVALID",
    `the grant cannot be taken: ${why}; ask the collection's owner for a new one`,
    cause,
  );
}
