import { z } from "zod";
import { Fault } from "../crypto/fault.ts";
import { sodium } from "../crypto/sodium.ts";
import { encodeValue } from "./codec.ts";
import type { ProtocolFaultCode } from "./faults.ts";
import {
  type Change,
  type Claim,
  type FounderAction,
  changeSchema,
  checkClaim,
  claimSchema,
  entryHash,
  hashOf,
  isSignedChange,
  signChange,
  tampered,
} from "./federation-log.ts";
import { type FederationState, replay } from "./federation-state.ts";
import {
  type FederationTerms,
  type Founding,
  base64,
  federationId,
  foundingSchema,
  fromBase64,
  malformed,
  toBase64,
} from "./federation-terms.ts";
import { limits } from "./limits.ts";
import { signDetached, verifyDetached } from "./signed.ts";

const fileSchema = z.strictObject({
  founding: foundingSchema,
  signature: base64(64),
  changes: z.array(changeSchema).max(limits.federationChangesMax),
  claims: z.array(claimSchema).max(limits.federationClaimsMax),
});

/** A federation file that was read, every signature of it checked. */
export interface FederationLog {
  readonly founding: Founding;
  /** The root key's, of the founding: base64. */
  readonly signature: string;
  readonly changes: readonly Change[];
  /** In the order of their times, equal ones of their hashes. */
  readonly claims: readonly Claim[];
  readonly state: FederationState;
}

/** What a log was read before, so that what it had is not checked again. */
type Checked = ReadonlySet<string>;

/**
 * Reads a federation file and checks all of it from the root key on.
 *
 * @param rootPublicKey - The key this node trusts, base64; from its own configuration, never from the file.
 * @param held - A log that was checked before; what both have costs no second look.
 * @throws Fault FEDERATION_MALFORMED, FEDERATION_TAMPERED, INVITATION_USED, INVITATION_EXPIRED.
 */
export function readFederation(text: string, rootPublicKey: string, held?: FederationLog): FederationLog {
  const { founding, signature, changes, claims } = parse(text);
  const root = fromBase64(rootPublicKey);
  const id = federationId(rootPublicKey);
  if (
    founding.rootPublicKey !== rootPublicKey ||
    !verifyDetached("federation", id, encodeValue(founding), fromBase64(signature), root)
  )
    throw tampered("the federation file is not signed by the root key this node trusts");
  const checked: Checked = new Set([...(held?.changes ?? []), ...(held?.claims ?? [])].map(entryHash));
  checkChain(founding, changes, (change) => checked.has(entryHash(change)) || isSignedChange(change, id, root));
  checkClaims(changes, claims, id, checked);
  return makeLog({ founding, signature, changes, claims });
}

function parse(text: string): z.infer<typeof fileSchema> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new Fault<ProtocolFaultCode>(
      "FEDERATION_MALFORMED",
      "the federation file is not JSON; ask the federation's founder for a fresh copy",
      cause,
    );
  }
  const file = fileSchema.safeParse(json);
  if (!file.success) throw malformed(file.error);
  return file.data;
}

/** Every change names the one before, from the founding on: none can be left out, moved, repeated or put in between. */
function checkChain(founding: Founding, changes: readonly Change[], isSigned: (change: Change) => boolean): void {
  let before = entryHash(founding);
  for (const [i, change] of changes.entries()) {
    if (change.sequence !== i + 1 || change.previous !== before)
      throw tampered(`change ${String(i + 1)} of the federation file does not follow the one before it`);
    if (!isSigned(change))
      throw tampered(`change ${String(i + 1)} of the federation file is not signed by the root key`);
    before = hashOf(change);
  }
}

function checkClaims(changes: readonly Change[], claims: readonly Claim[], id: Uint8Array, checked: Checked): void {
  const entries = new Map([...changes, ...claims].map((entry) => [hashOf(entry), entry]));
  const used = new Set<string>();
  for (const claim of claims) {
    if (used.has(claim.previous)) throw usedTwice(claim);
    used.add(claim.previous);
    // Its content is in the hash, and that of the entry it stands on in `previous`.
    if (!checked.has(entryHash(claim)) || !entries.has(claim.previous))
      checkClaim(claim, entries.get(claim.previous), id);
  }
  for (const claim of claims) refuseMany(claim, entries);
}

/** A member that replaces its key again and again would fill the log for all others. */
function refuseMany(claim: Claim, entries: ReadonlyMap<string, Change | Claim>): void {
  let replaced = 0;
  for (let entry: Change | Claim | undefined = claim; entry && !("sequence" in entry); replaced++)
    entry = entries.get(entry.previous);
  if (replaced > limits.keyReplacementsMax)
    throw new Fault<ProtocolFaultCode>(
      "LIMIT_EXCEEDED",
      `${claim.action.name} has replaced its key ${String(limits.keyReplacementsMax)} times; the founder has to remove and add it before the next`,
    );
}

function usedTwice({ action: { type, name } }: Claim): Fault {
  return new Fault<ProtocolFaultCode>(
    "INVITATION_USED",
    type === "joined" ? `somebody has joined as ${name} already` : `that key of ${name} was replaced already`,
  );
}

function makeLog({ founding, signature, changes, claims }: Omit<FederationLog, "state">): FederationLog {
  const order = (claim: Claim): string => `${claim.time} ${hashOf(claim)}`;
  const sorted = claims
    .map((claim) => ({ claim, at: order(claim) }))
    .sort((a, b) => (a.at < b.at ? -1 : 1))
    .map(({ claim }) => claim);
  return { founding, signature, changes, claims: sorted, state: replay(founding, changes, sorted) };
}

/** @returns The file's text, for people to read and to send around: an entry a line. Logs of the same entries give the same text. */
export function writeFederation({ founding, signature, changes, claims }: FederationLog): string {
  const list = (entries: readonly (Change | Claim)[]): string =>
    entries.length === 0 ? "[]" : `[\n${entries.map((entry) => `    ${JSON.stringify(entry)}`).join(",\n")}\n  ]`;
  return `{\n  "founding": ${JSON.stringify(founding, null, 2).replaceAll("\n", "\n  ")},\n  "signature": ${JSON.stringify(signature)},\n  "changes": ${list(changes)},\n  "claims": ${list(claims)}\n}\n`;
}

/** BLAKE2b-256 over all entries: two logs are the same when these are. */
export function logDigest({ founding, changes, claims }: FederationLog): Uint8Array {
  const hashes = [entryHash(founding), ...[...changes, ...claims].map(hashOf)];
  return sodium.crypto_generichash(32, encodeValue(hashes), null);
}

/** What a federation begins with. */
export type FederationDraft = Omit<FederationTerms, "version" | "revision">;

/**
 * Founds a federation.
 *
 * @param rootSecretKey - Ed25519, 64 bytes.
 * @param atMs - Milliseconds since 1970.
 * @returns The text of a new file: the founding, and a change for each member.
 * @throws Fault FEDERATION_MALFORMED.
 */
export function signFederation(draft: FederationDraft, rootSecretKey: Uint8Array, atMs: number = Date.now()): string {
  // Terms of another federation have a version and a revision too.
  const { members, revision: _, ...lasting } = { revision: 0, ...draft };
  const parsed = foundingSchema.safeParse({ ...lasting, version: 2, time: new Date(atMs).toISOString() });
  if (!parsed.success) throw malformed(parsed.error);
  const founding = parsed.data;
  const id = federationId(founding.rootPublicKey);
  const signature = toBase64(signDetached("federation", id, encodeValue(founding), rootSecretKey));
  const actions = members.map((member) => ({ type: "member-added" as const, ...member }));
  return writeFederation(
    withChanges(makeLog({ founding, signature, changes: [], claims: [] }), actions, rootSecretKey, atMs),
  );
}

/**
 * Adds the founder's changes.
 *
 * @param rootSecretKey - Ed25519, 64 bytes.
 * @throws Fault FEDERATION_MALFORMED: one does not fit those before it.
 */
export function withChanges(
  log: FederationLog,
  actions: readonly FounderAction[],
  rootSecretKey: Uint8Array,
  atMs: number = Date.now(),
): FederationLog {
  const id = federationId(log.founding.rootPublicKey);
  const time = new Date(atMs).toISOString();
  const changes = [...log.changes];
  for (const action of actions) {
    const last = changes.at(-1);
    const content = {
      sequence: changes.length + 1,
      previous: last ? hashOf(last) : entryHash(log.founding),
      time,
      action,
    };
    const parsed = changeSchema.omit({ signature: true }).safeParse(content);
    if (!parsed.success) throw malformed(parsed.error);
    changes.push(signChange(parsed.data, id, rootSecretKey));
  }
  return checkedSize(makeLog({ ...log, changes }));
}

/**
 * Adds a member's claim.
 *
 * @throws Fault FEDERATION_TAMPERED, INVITATION_USED, INVITATION_EXPIRED, LIMIT_EXCEEDED.
 */
export function withClaim(log: FederationLog, claim: Claim): FederationLog {
  const claims = [...log.claims, claim];
  const checked: Checked = new Set(log.claims.map(entryHash));
  checkClaims(log.changes, claims, federationId(log.founding.rootPublicKey), checked);
  return checkedSize(makeLog({ ...log, claims }));
}

/**
 * Both logs in one. Of two claims on the same entry the one that is held stays, or whoever gets hold of an invitation, or of a key, later could put itself in the
 * place of who used it first.
 *
 * @param held - The log of this node.
 * @param other - One that was read from elsewhere, of the same root key.
 * @throws Fault FEDERATION_FORKED: the root key has signed two different changes with the same place. FEDERATION_REFOUNDED: it has founded two federations.
 */
export function mergeLogs(held: FederationLog, other: FederationLog): FederationLog {
  if (entryHash(held.founding) !== entryHash(other.founding))
    throw new Fault<ProtocolFaultCode>(
      "FEDERATION_REFOUNDED",
      "the file is of a federation that was founded anew with the same root key; join with it and start again",
    );
  const common = Math.min(held.changes.length, other.changes.length);
  const last = (log: FederationLog): string | undefined => log.changes[common - 1] && hashOf(log.changes[common - 1]!);
  if (last(held) !== last(other))
    throw new Fault<ProtocolFaultCode>(
      "FEDERATION_FORKED",
      `two different logs of ${String(common)} changes are signed by the federation's root key; ask the founder which holds, and who else has that key`,
    );
  const changes = other.changes.length > held.changes.length ? other.changes : held.changes;
  return checkedSize(makeLog({ ...held, changes, claims: joined(held.claims, other.claims) }));
}

function joined(held: readonly Claim[], other: readonly Claim[]): Claim[] {
  const claims = [...held];
  const used = new Set(held.map(({ previous }) => previous));
  const hashes = new Set(held.map(hashOf));
  const skipped = new Set<string>();
  const isSkipped = ({ previous }: Claim): boolean => skipped.has(previous);
  // What stands on a claim that was left out is left out too; claims may come in any order.
  for (const claim of inOrder(other)) {
    if (hashes.has(hashOf(claim))) continue;
    if (used.has(claim.previous) || isSkipped(claim)) skipped.add(hashOf(claim));
    else claims.push(claim);
  }
  return claims;
}

/** Each behind the claim that it stands on. */
function inOrder(claims: readonly Claim[]): Claim[] {
  const waiting = new Map(claims.map((claim) => [claim.previous, claim]));
  const own = new Set(claims.map(hashOf));
  const ordered: Claim[] = [];
  for (const first of claims.filter(({ previous }) => !own.has(previous)))
    for (let claim: Claim | undefined = first; claim; claim = waiting.get(hashOf(claim))) ordered.push(claim);
  return ordered;
}

function checkedSize(log: FederationLog): FederationLog {
  const { federationChangesMax, federationClaimsMax, federationFileMax } = limits;
  if (
    log.changes.length > federationChangesMax ||
    log.claims.length > federationClaimsMax ||
    writeFederation(log).length > federationFileMax
  )
    throw new Fault<ProtocolFaultCode>(
      "LIMIT_EXCEEDED",
      `the federation's log has at most ${String(federationChangesMax)} changes and ${String(federationClaimsMax)} of members' own entries; found the federation anew`,
    );
  return log;
}
