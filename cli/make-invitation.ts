import { Fault, sodium } from "../crypto/index.ts";
import { type Role, toBase64, writeInvitation } from "../protocol/index.ts";
import type { FounderFolder } from "./founder-folder.ts";

export interface InvitationTerms {
  readonly name: string;
  /** Each once. */
  readonly roles: readonly Role[];
  /** How long it can be used. */
  readonly ms: number;
}

/**
 * Signs an invitation into the founder's file.
 *
 * @returns The line for who is invited, which is kept nowhere, and until when it can be used.
 * @throws Fault COORDINATOR_MISSING, NAME_TAKEN, and those of {@link FounderFolder.change}.
 */
export function makeInvitation(
  founder: FounderFolder,
  { name, roles, ms }: InvitationTerms,
): { readonly line: string; readonly expires: string } {
  const { terms, invitations } = founder.log.state;
  if (!terms.members.some(({ roles: has }) => has.includes("coordinator")))
    throw new Fault(
      "COORDINATOR_MISSING",
      "the federation has no coordinator yet, and invitations name its key: on its machine `sotto init hub`, then here `sotto federation add hub --key KEY --role coordinator` with the key that it prints",
    );
  if (invitations.has(name) || terms.members.some((member) => member.name === name))
    throw new Fault(
      "NAME_TAKEN",
      `"${name}" is a member or invited already; \`sotto federation remove ${name}\` ends that`,
    );
  const secret = sodium.randombytes_buf(32);
  const publicKey = toBase64(sodium.crypto_sign_seed_keypair(secret).publicKey);
  const expires = new Date(Date.now() + ms).toISOString();
  founder.change({ type: "invitation-made", name, roles: [...roles], publicKey, expires });
  return { line: writeInvitation(founder.log.state, { name, expires }, secret), expires };
}
