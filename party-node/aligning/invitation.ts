import { z } from "zod";
import { Fault, sodium } from "../../crypto/index.ts";
import { type Federation, type Identity, memberName, openSigned, seal } from "../../protocol/index.ts";

/** INVITATION_INVALID: not signed by the first party for this party and this alignment, or it does not open. */
export type InvitationFaultCode = "INVITATION_INVALID";

/** Which alignment, and who takes part in which order. */
export interface Circle {
  /** 16 bytes, drawn by the helper. */
  readonly alignment: Uint8Array;
  /** The first invites the others. */
  readonly parties: readonly string[];
}

const byteString = z.custom<Uint8Array>((value) => value instanceof Uint8Array);
const body = z.strictObject({
  alignment: byteString,
  parties: z.array(memberName),
  sealed: byteString,
});

/**
 * Gives a party the secret under which ids are hashed, past the helper that carries it: in a libsodium sealed box to the party's identity key (as
 * X25519 key; see `sealGrant`), signed by the party that invites. Without it a helper that is no party itself could hash guesses of ids and have parties raise them.
 */
export function sealInvitation(
  secret: Uint8Array,
  { alignment, parties }: Circle,
  { recipient, identity, federation }: { recipient: string; identity: Identity; federation: Federation },
): Uint8Array {
  const publicKey = federation.publicKeyOf(recipient);
  if (!publicKey)
    throw new Fault<InvitationFaultCode>("INVITATION_INVALID", `"${recipient}" is no member of this federation`);
  const sealed = sodium.crypto_box_seal(secret, sodium.crypto_sign_ed25519_pk_to_curve25519(publicKey));
  return seal("alignment", federation.id, { alignment, parties, sealed }, identity);
}

/** @returns The secret, the caller's to wipe. @throws Fault INVITATION_INVALID. */
export function openInvitation(
  bytes: Uint8Array,
  { alignment, parties }: Circle,
  { identity, federation }: { identity: Identity; federation: Federation },
): Uint8Array {
  const [inviter = ""] = parties;
  const privateKey = sodium.crypto_sign_ed25519_sk_to_curve25519(identity.secretKey);
  try {
    const { value } = openSigned("alignment", federation.id, body, bytes, (name) =>
      name === inviter ? federation.publicKeyOf(name) : null,
    );
    const isThis = Buffer.from(value.alignment).equals(alignment) && value.parties.join() === parties.join();
    if (!isThis) throw new Error("it is for another alignment");
    const secret = sodium.crypto_box_seal_open(value.sealed, sodium.crypto_scalarmult_base(privateKey), privateKey);
    if (secret.length !== 32) throw new Error("what is sealed in it is no secret of 32 bytes");
    return secret;
  } catch (cause) {
    throw new Fault<InvitationFaultCode>(
      "INVITATION_INVALID",
      `the invitation is not ${inviter}'s for this party and this alignment; start the alignment again`,
      cause,
    );
  } finally {
    sodium.memzero(privateKey);
  }
}
