import { z } from "zod";
import { Fault } from "../crypto/fault.ts";
import { sodium } from "../crypto/sodium.ts";
import { encodeValue } from "./codec.ts";
import type { ProtocolFaultCode } from "./faults.ts";
import { base64, coordinatorAddresses, fromBase64, instant, memberSchema, toBase64 } from "./federation-terms.ts";
import { memberName } from "./fields.ts";
import { signDetached, verifyDetached } from "./signed.ts";

/*
 * What has changed since a federation was founded. Changes are the founder's and form one chain. Claims are the members' own: each stands on the one entry
 * that entitles its author, so that members make them without asking anybody, and logs that grew apart are joined by putting both together.
 *
 *   founding <- change 1 <- change 2 <- ...        signed by the root key
 *                 ^           ^
 *                 |           joined <- key-replaced    by an invitation's key and the member's own
 *                 key-replaced <- key-replaced          by the key before and the key after
 */

/** What the founder can change. */
export const founderAction = z.discriminatedUnion("type", [
  memberSchema.extend({ type: z.literal("member-added") }),
  /** Ends a membership, however it came about, and an invitation to that name. */
  z.strictObject({ type: z.literal("member-removed"), name: memberName }),
  memberSchema.omit({ publicKey: true }).extend({ type: z.literal("roles-changed") }),
  z.strictObject({ type: z.literal("coordinators-moved"), coordinatorUrls: coordinatorAddresses }),
  /** Whoever holds the secret of `publicKey` can become this member, once, until `expires`. */
  memberSchema.extend({ type: z.literal("invitation-made"), expires: instant }),
  /** Whoever joined by it, unknown to the founder, is no member any more. */
  z.strictObject({ type: z.literal("invitation-withdrawn"), name: memberName }),
]);
export type FounderAction = z.infer<typeof founderAction>;

/** BLAKE2b-256 of an entry, base64. */
const previous = base64(32);

const changeContent = z.strictObject({
  /** 1, 2, 3, ... */
  sequence: z.int().min(1),
  /** The change before; of the first, the founding. */
  previous,
  time: instant,
  action: founderAction,
});
export const changeSchema = changeContent.extend({ signature: base64(64) });
export type Change = z.infer<typeof changeSchema>;

const claimContent = z.strictObject({
  /** The invitation, or the entry that gave the member the key it replaces. */
  previous,
  time: instant,
  action: z.strictObject({ type: z.enum(["joined", "key-replaced"]), name: memberName, publicKey: base64(32) }),
});
export const claimSchema = claimContent.extend({
  /** By the invitation's key, or the key that is replaced. */
  entitled: base64(64),
  /** By the key that the claim names: its author has it. */
  own: base64(64),
});
export type Claim = z.infer<typeof claimSchema>;

/** What an entry says, without its signatures: they cover it, and its hash names it. */
function contentOf(entry: Change | Claim): unknown {
  if ("sequence" in entry) {
    const { signature: _, ...content } = entry;
    return content;
  }
  const { entitled: _, own: __, ...content } = entry;
  return content;
}

/** BLAKE2b-256 of deterministic CBOR, base64: of a founding, or of an entry. */
export function entryHash(content: unknown): string {
  return toBase64(sodium.crypto_generichash(32, encodeValue(content), null));
}

/** What names an entry, whoever signed it. */
export const hashOf = (entry: Change | Claim): string => entryHash(contentOf(entry));

/** @param federationId - 32 bytes. @param rootSecretKey - Ed25519, 64 bytes. */
export function signChange(
  content: z.infer<typeof changeContent>,
  federationId: Uint8Array,
  rootSecretKey: Uint8Array,
): Change {
  const signature = signDetached("federation-change", federationId, encodeValue(content), rootSecretKey);
  return { ...content, signature: toBase64(signature) };
}

/** Whether the root key signed it. */
export function isSignedChange(change: Change, federationId: Uint8Array, rootPublicKey: Uint8Array): boolean {
  const signature = fromBase64(change.signature);
  return verifyDetached("federation-change", federationId, encodeValue(contentOf(change)), signature, rootPublicKey);
}

/** Ed25519 secret keys of 64 bytes. */
export interface ClaimKeys {
  /** The invitation's, or the key that is replaced. */
  readonly entitled: Uint8Array;
  /** The member's, from now on. */
  readonly own: Uint8Array;
}

export function signClaim(
  { previous, name, type }: Pick<Claim, "previous"> & Pick<Claim["action"], "name" | "type">,
  keys: ClaimKeys,
  federationId: Uint8Array,
  atMs: number,
): Claim {
  const time = new Date(atMs).toISOString();
  const content = { previous, time, action: { type, name, publicKey: toBase64(keys.own.subarray(32)) } };
  const sign = (key: Uint8Array): string =>
    toBase64(signDetached("federation-claim", federationId, encodeValue(content), key));
  return { ...content, entitled: sign(keys.entitled), own: sign(keys.own) };
}

/**
 * Checks a claim against the entry that it stands on.
 *
 * @param entry - That of `previous`.
 * @throws Fault FEDERATION_TAMPERED: it does not follow from that entry, or is not signed by both keys. INVITATION_EXPIRED: its author says that it joined later
 *   than was allowed.
 */
export function checkClaim(claim: Claim, entry: Change | Claim | undefined, federationId: Uint8Array): void {
  const { action, time } = claim;
  const from = entry?.action;
  const fits = from && "publicKey" in from && (from.type === "invitation-made") === (action.type === "joined");
  if (!fits || from.name !== action.name || from.publicKey === action.publicKey)
    throw tampered(`what ${action.name} has entered does not follow from an entry that allows it`);
  if (from.type === "invitation-made" && time > from.expires)
    throw new Fault<ProtocolFaultCode>(
      "INVITATION_EXPIRED",
      `${action.name} was invited until ${from.expires} and joined later; the founder can invite it again`,
    );
  if (!isSignedClaim(claim, from.publicKey, federationId))
    throw tampered(`what ${action.name} has entered is not signed with the keys that it takes`);
}

/** Whether a claim is signed by the key that entitles its author, base64, and by the one that it names. */
export function isSignedClaim(claim: Claim, entitledKey: string, federationId: Uint8Array): boolean {
  const content = encodeValue(contentOf(claim));
  const isSigned = (signature: string, key: string): boolean =>
    verifyDetached("federation-claim", federationId, content, fromBase64(signature), fromBase64(key));
  return isSigned(claim.entitled, entitledKey) && isSigned(claim.own, claim.action.publicKey);
}

export function tampered(what: string): Fault {
  return new Fault<ProtocolFaultCode>(
    "FEDERATION_TAMPERED",
    `${what}; ask the federation's founder for a fresh copy of the file and compare the root key with them`,
  );
}
