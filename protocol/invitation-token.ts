import { z } from "zod";
import { Fault } from "../crypto/fault.ts";
import { sodium } from "../crypto/sodium.ts";
import { decodeValue, encodeValue } from "./codec.ts";
import type { ProtocolFaultCode } from "./faults.ts";
import { claimSchema, isSignedClaim } from "./federation-log.ts";
import type { KnownMembers } from "./federation.ts";
import type { FederationState, Invitation } from "./federation-state.ts";
import { coordinatorAddresses, federationId, fromBase64, instant, toBase64 } from "./federation-terms.ts";
import { bytes, memberName } from "./fields.ts";
import { limits } from "./limits.ts";

/** What an invitation begins with, so that people and programs see what it is. */
export const INVITATION_PREFIX = "sotto-invitation-";

const tokenSchema = z.strictObject({
  version: z.literal(1),
  rootPublicKey: bytes({ length: 32 }),
  /** Ed25519 seed of the invitation's key. */
  secret: bytes({ length: 32 }),
  name: memberName,
  expires: instant,
  coordinatorUrls: coordinatorAddresses,
  /** The coordinators as they were when the invitation was made: who is invited does not have the federation's file yet. */
  coordinators: z.array(z.strictObject({ name: memberName, publicKey: bytes({ length: 32 }) })).max(limits.membersMax),
});

/** What somebody needs to join, and nobody else may have. */
export type InvitationToken = z.infer<typeof tokenSchema>;

/** One word, for one person: never to be logged. @param secret - The invitation's seed, 32 bytes. */
export function writeInvitation(
  { terms }: Pick<FederationState, "terms">,
  { name, expires }: Pick<Invitation, "name" | "expires">,
  secret: Uint8Array,
): string {
  const token: InvitationToken = {
    version: 1,
    rootPublicKey: fromBase64(terms.rootPublicKey),
    secret,
    name,
    expires,
    coordinatorUrls: terms.coordinatorUrls,
    coordinators: terms.members
      .filter(({ roles }) => roles.includes("coordinator"))
      .map((member) => ({ name: member.name, publicKey: fromBase64(member.publicKey) })),
  };
  return INVITATION_PREFIX + Buffer.from(encodeValue(token)).toString("base64url");
}

/** What copying and mail programs put between an invitation's characters: line breaks, spaces, other control characters, the marks of a paste. */
const COPIED_ALONG = /\u001b\[20[01]~|[\s\p{Cc}\p{Cf}]/gu;

/** @throws Fault INVITATION_MALFORMED, which says what is wrong with it and does not quote it. */
export function readInvitation(text: string): InvitationToken {
  const damaged = (what: string, cause?: unknown): Fault =>
    new Fault<ProtocolFaultCode>("INVITATION_MALFORMED", what, cause);
  const word = text.replace(COPIED_ALONG, "");
  if (word === "") throw damaged("there is no invitation: paste the line that the founder sent, or name its file");
  if (!word.startsWith(INVITATION_PREFIX))
    throw damaged(`this is no invitation, which begins with ${INVITATION_PREFIX}; copy the whole line again`);
  const encoded = word.slice(INVITATION_PREFIX.length);
  const foreign = encoded.replace(/[A-Za-z0-9_-]/g, "").length;
  if (foreign > 0)
    throw damaged(
      `the invitation has ${String(foreign)} characters that none has: letters, digits, - and _ are all; copy the line again, without what stands before or behind it`,
    );
  const decoded = new Uint8Array(Buffer.from(encoded, "base64url"));
  try {
    if (word.length > limits.invitationLengthMax) throw damaged("longer than any");
    if (Buffer.from(decoded).toString("base64url") !== encoded) throw damaged("not base64url");
    return decodeValue(tokenSchema, decoded);
  } catch (cause) {
    throw damaged(
      `the invitation, as it was read, has ${String(word.length)} characters, of which some are missing, added or changed in copying; copy the whole line again, or ask the founder for it again`,
      cause,
    );
  }
}

/** What who is invited knows of the federation before it has its file. */
export function invitedView({ rootPublicKey, coordinators }: InvitationToken): KnownMembers {
  const keys = new Map(coordinators.map(({ name, publicKey }) => [name, publicKey]));
  const id = federationId(toBase64(rootPublicKey));
  return {
    id,
    publicKeyOf: (name) => keys.get(name) ?? null,
    hasRole: (name, role) => role === "coordinator" && keys.has(name),
    claimedKeyOf: (name, claims) => {
      const known = keys.get(name);
      const publicKey = known && keyAfter(toBase64(known), { name, claims, id });
      return publicKey ? { publicKey, take: () => void keys.set(name, publicKey) } : null;
    },
  };
}

/**
 * The key that a coordinator has when it had another as it was named in an invitation: each replacement is signed by the key before. Those before the invitation are passed
 * over. Where they stand in the log nobody who is invited can say yet; whoever could sign them could have answered with the key before as well.
 */
function keyAfter(
  known: string,
  { name, claims, id }: { readonly name: string; readonly claims: readonly Uint8Array[]; readonly id: Uint8Array },
): Uint8Array | null {
  let key = known;
  try {
    for (const bytes of claims) {
      const claim = decodeValue(claimSchema, bytes);
      const { type, name: whose, publicKey } = claim.action;
      if (type === "key-replaced" && whose === name && isSignedClaim(claim, key, id)) key = publicKey;
    }
  } catch (error) {
    if (error instanceof Fault) return null;
    throw error;
  }
  return fromBase64(key);
}

/** The invitation's Ed25519 secret key, 64 bytes. */
export function invitationKey({ secret }: InvitationToken): Uint8Array {
  return sodium.crypto_sign_seed_keypair(secret).privateKey;
}
