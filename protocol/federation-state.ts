import { Fault } from "../crypto/fault.ts";
import type { ProtocolFaultCode } from "./faults.ts";
import { type Change, type Claim, type FounderAction, hashOf } from "./federation-log.ts";
import type { FederationMember, FederationTerms, Founding, Role } from "./federation-terms.ts";
import { limits } from "./limits.ts";

/** Somebody who may join. */
export interface Invitation {
  readonly name: string;
  readonly roles: readonly Role[];
  /** Ed25519, base64: whoever has its secret may join. */
  readonly publicKey: string;
  /** ISO 8601, UTC. */
  readonly expires: string;
  /** Hash of the change that made it. */
  readonly hash: string;
}

/** What a log comes to. */
export interface FederationState {
  readonly terms: FederationTerms;
  /** By name: those nobody has used, whether or not their time has passed. */
  readonly invitations: ReadonlyMap<string, Invitation>;
  /** By member: what it has entered itself since the founder last named its key, in order. */
  readonly claims: ReadonlyMap<string, readonly Claim[]>;
  /** By member: hash of the entry that gave it its key. */
  readonly keyEntries: ReadonlyMap<string, string>;
}

/** A name that the founder has given away. */
interface Place {
  readonly roles: readonly Role[];
  /** Null where somebody is only invited. */
  readonly publicKey: string | null;
  readonly invitation: Invitation | null;
  /** Hash of the change that gave the name away. */
  readonly source: string;
}

/**
 * What follows from a founding and what was entered since. Whether entries are signed, and chained, is for the caller to check.
 *
 * Changes take effect in their order. Of claims only those count that stand on an entry that still does: whoever the founder removes takes along all that it has
 * entered, whenever it did.
 *
 * @param claims - At most one for each entry; in any order.
 * @throws Fault FEDERATION_MALFORMED: a change does not fit those before it.
 */
export function replay(founding: Founding, changes: readonly Change[], claims: readonly Claim[]): FederationState {
  const places = new Map<string, Place>();
  let { coordinatorUrls } = founding;
  refuseUnfit(places, founding);
  for (const change of changes) {
    const { action } = change;
    if (action.type === "coordinators-moved") ({ coordinatorUrls } = action);
    else place(places, action, hashOf(change));
    refuseUnfit(places, founding);
  }
  const entered = new Map(claims.map((claim) => [claim.previous, claim]));
  const members: FederationMember[] = [];
  const invitations = new Map<string, Invitation>();
  const own = new Map<string, readonly Claim[]>();
  const keyEntries = new Map<string, string>();
  for (const [name, { roles, publicKey, invitation, source }] of places) {
    const followed = follow(source, entered);
    const last = followed.at(-1);
    const key = last?.action.publicKey ?? publicKey;
    if (key !== null) {
      members.push({ name, roles: [...roles], publicKey: key });
      keyEntries.set(name, last ? hashOf(last) : source);
      own.set(name, followed);
    } else if (invitation) invitations.set(name, { ...invitation, roles });
  }
  const { time: _, ...lasting } = founding;
  const revision = 1 + changes.length + claims.length;
  return { terms: { ...lasting, coordinatorUrls, revision, members }, invitations, claims: own, keyEntries };
}

/** The claims that stand one on the other, from an entry on. */
function follow(source: string, entered: ReadonlyMap<string, Claim>): Claim[] {
  const followed: Claim[] = [];
  for (let next = entered.get(source); next; next = entered.get(hashOf(next))) followed.push(next);
  return followed;
}

type PlacingAction = Exclude<FounderAction, { type: "coordinators-moved" }>;

function place(places: Map<string, Place>, action: PlacingAction, source: string): void {
  const { name } = action;
  const had = places.get(name);
  switch (action.type) {
    case "member-added":
    case "invitation-made": {
      if (had) throw unfit(`adds "${name}" a second time`);
      const { roles, publicKey } = action;
      const isInvited = action.type === "invitation-made";
      const invitation = isInvited ? { name, roles, publicKey, expires: action.expires, hash: source } : null;
      places.set(name, { roles, publicKey: isInvited ? null : publicKey, invitation, source });
      break;
    }
    case "roles-changed":
      if (!had) throw unfit(`changes the roles of "${name}", who is no member`);
      places.set(name, { ...had, roles: action.roles });
      break;
    case "invitation-withdrawn":
      if (!had?.invitation) throw unfit(`withdraws an invitation of "${name}", who has none`);
      places.delete(name);
      break;
    case "member-removed":
      if (!places.delete(name)) throw unfit(`removes "${name}", who is no member`);
  }
}

/** Whoever is invited counts as if it had joined: whether a change fits must not depend on who has. */
function refuseUnfit(places: ReadonlyMap<string, Place>, { vertical, mode }: Founding): void {
  if (places.size > limits.membersMax) throw unfit(`makes more than ${String(limits.membersMax)} members`);
  if (!vertical) return;
  if (mode !== "private") throw malformed("a vertical federation does not run in clear");
  const parties = [...places.values()].filter(({ roles }) => roles.includes("party")).length;
  if (parties > vertical.parties)
    throw unfit(
      `makes ${String(parties)} parties, of ${String(vertical.parties)} that hold features of the same entities; a federation for more has to be founded anew`,
    );
}

function unfit(what: string): Fault {
  return malformed(`the federation's log does not hold: a change ${what}`);
}

function malformed(what: string): Fault {
  return new Fault<ProtocolFaultCode>("FEDERATION_MALFORMED", what);
}
