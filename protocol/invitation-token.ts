import { z } from "zod";
import { Fault } from "../crypto/fault.ts";
import { sodium } from "../crypto/sodium.ts";
import { decodeValue, encodeValue } from "./codec.ts";
import type { ProtocolFaultCode } from "./faults.ts";
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

/** @throws Fault INVITATION_MALFORMED, which does not quote it. */
export function readInvitation(text: string): InvitationToken {
  const damaged = (cause?: unknown): Fault =>
    new Fault<ProtocolFaultCode>(
      "INVITATION_MALFORMED",
      "the invitation is damaged: it is one word, copied whole; ask the founder for it again",
      cause,
    );
  const word = text.trim();
  if (!word.startsWith(INVITATION_PREFIX) || word.length > limits.invitationLengthMax) throw damaged();
  const encoded = word.slice(INVITATION_PREFIX.length);
  const decoded = new Uint8Array(Buffer.from(encoded, "base64url"));
  if (Buffer.from(decoded).toString("base64url") !== encoded) throw damaged();
  try {
    return decodeValue(tokenSchema, decoded);
  } catch (cause) {
    throw damaged(cause);
  }
}

/** What who is invited knows of the federation before it has its file. */
export function invitedView({ rootPublicKey, coordinators }: InvitationToken): KnownMembers {
  const keys = new Map(coordinators.map(({ name, publicKey }) => [name, publicKey]));
  return {
    id: federationId(toBase64(rootPublicKey)),
    publicKeyOf: (name) => keys.get(name) ?? null,
    hasRole: (name, role) => role === "coordinator" && keys.has(name),
  };
}

/** The invitation's Ed25519 secret key, 64 bytes. */
export function invitationKey({ secret }: InvitationToken): Uint8Array {
  return sodium.crypto_sign_seed_keypair(secret).privateKey;
}
