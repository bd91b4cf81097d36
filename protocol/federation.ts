import { Fault } from "../crypto/fault.ts";
import { decodeValue, encodeValue } from "./codec.ts";
import type { ProtocolFaultCode } from "./faults.ts";
import {
  type FederationLog,
  logDigest,
  mergeLogs,
  readFederation,
  withClaim,
  writeFederation,
} from "./federation-file.ts";
import { type Claim, claimSchema, hashOf } from "./federation-log.ts";
import {
  type FederationMember,
  type FederationTerms,
  type Role,
  federationId,
  fromBase64,
} from "./federation-terms.ts";
import type { ClaimedKey, HandshakeContext } from "./handshake.ts";

/** What one end of a connection has to know of a federation. */
export interface KnownMembers {
  /** BLAKE2b-256 of the root public key: names the federation in handshakes and signatures, whatever else changes. */
  readonly id: Uint8Array;
  /** A member's Ed25519 key, or null. */
  readonly publicKeyOf: (name: string) => Uint8Array | null;
  readonly hasRole: (name: string, role: Role) => boolean;
  /** As {@link HandshakeContext.claimedKeyOf}. */
  readonly claimedKeyOf?: HandshakeContext["claimedKeyOf"];
}

/** A federation whose log has been checked. Processes share one of these each, and take up newer logs while they run. */
export interface Federation extends KnownMembers {
  /** As of the newest entry. */
  readonly terms: FederationTerms;
  /** All that was entered. */
  readonly log: FederationLog;
  /** The log as text, to be kept and sent around. */
  readonly file: string;
  /** BLAKE2b-256 over all entries. */
  readonly digest: Uint8Array;
  /** The key by which somebody who is invited to take this name shows it; null where nobody is, or the time has passed. */
  readonly invitationKeyOf: (name: string, nowMs: number) => Uint8Array | null;
  /** A member's own key replacements as CBOR, the newest last, to show where its key comes from. */
  readonly keyClaimsOf: (name: string) => readonly Uint8Array[];
  /** All keys that this name has had before, in no order. */
  readonly formerKeysOf: (name: string) => readonly Uint8Array[];
  /**
   * Takes up what a file has that this log lacks; a file that has nothing new changes nothing.
   *
   * @throws Fault FEDERATION_MALFORMED, FEDERATION_TAMPERED, INVITATION_USED, INVITATION_EXPIRED, LIMIT_EXCEEDED. FEDERATION_FORKED: the root key has signed two
   *   different changes with one place in the log. FEDERATION_REFOUNDED: it has founded the federation anew, or what changed is more than processes take up
   *   while they run.
   */
  update(file: string): boolean;
  /**
   * Lets somebody join by an invitation.
   *
   * @param claim - Its CBOR.
   * @param nowMs - This node's clock, milliseconds since 1970: the invitation's time must not have passed by it.
   * @returns Who has joined.
   * @throws Fault INVITATION_UNKNOWN: withdrawn, used, or of another federation. INVITATION_EXPIRED, KEY_TAKEN, FEDERATION_TAMPERED, FEDERATION_REFOUNDED,
   *   FRAME_MALFORMED, MESSAGE_INVALID, LIMIT_EXCEEDED.
   */
  admit(claim: Uint8Array, nowMs: number): string;
  /** {@link update}. @returns Whether this log has more entries now than the file. */
  exchange(file: string): boolean;
  /**
   * @param listener - Called after every update with the names of members that came, went, or have another key or other roles.
   * @returns Ends it.
   */
  onChange(listener: (changed: ReadonlySet<string>) => void): () => void;
}

/**
 * Reads a federation file and checks all of it.
 *
 * @param text - The file's content.
 * @param rootPublicKey - The key this node trusts, base64; from its own configuration, never from the file.
 * @throws Fault as {@link readFederation}.
 */
export function openFederation(text: string, rootPublicKey: string): Federation {
  return new SignedFederation(text, rootPublicKey);
}

type Members = ReadonlyMap<string, FederationMember>;

class SignedFederation implements Federation {
  readonly id: Uint8Array;
  readonly #rootPublicKey: string;
  readonly #listeners = new Set<(changed: ReadonlySet<string>) => void>();
  #log: FederationLog;
  #file: string;
  #digest: Uint8Array;
  #members: Members;

  constructor(file: string, rootPublicKey: string) {
    this.#rootPublicKey = rootPublicKey;
    this.id = federationId(rootPublicKey);
    this.#log = readFederation(file, rootPublicKey);
    this.#file = writeFederation(this.#log);
    this.#digest = logDigest(this.#log);
    this.#members = membersOf(this.terms);
  }

  get terms(): FederationTerms {
    return this.#log.state.terms;
  }

  get log(): FederationLog {
    return this.#log;
  }

  get file(): string {
    return this.#file;
  }

  get digest(): Uint8Array {
    return this.#digest;
  }

  readonly publicKeyOf = (name: string): Uint8Array | null => {
    const member = this.#members.get(name);
    return member ? fromBase64(member.publicKey) : null;
  };

  readonly hasRole = (name: string, role: Role): boolean => this.#members.get(name)?.roles.includes(role) ?? false;

  readonly invitationKeyOf = (name: string, nowMs: number): Uint8Array | null => {
    const invitation = this.#log.state.invitations.get(name);
    return invitation && nowMs <= Date.parse(invitation.expires) ? fromBase64(invitation.publicKey) : null;
  };

  readonly keyClaimsOf = (name: string): readonly Uint8Array[] =>
    (this.#log.state.claims.get(name) ?? [])
      .filter(({ action }) => action.type === "key-replaced")
      .map((claim) => encodeValue(claim));

  readonly formerKeysOf = (name: string): readonly Uint8Array[] => {
    const { changes, claims } = this.#log;
    const now = this.#members.get(name)?.publicKey;
    const keys = [...changes, ...claims].flatMap(({ action }) =>
      action.type !== "invitation-made" && "publicKey" in action && action.name === name ? [action.publicKey] : [],
    );
    return [...new Set(keys)].filter((key) => key !== now).map(fromBase64);
  };

  readonly claimedKeyOf = (name: string, claims: readonly Uint8Array[]): ClaimedKey | null => {
    let log = this.#log;
    try {
      for (const bytes of claims) log = withKeyClaim(log, name, decodeValue(claimSchema, bytes));
    } catch (error) {
      if (error instanceof Fault) return null;
      throw error;
    }
    const member = log.state.terms.members.find((one) => one.name === name);
    return member
      ? {
          publicKey: fromBase64(member.publicKey),
          take: () => {
            this.#take(log);
          },
        }
      : null;
  };

  admit(bytes: Uint8Array, nowMs: number): string {
    const claim = decodeValue(claimSchema, bytes);
    const { type, name, publicKey } = claim.action;
    const invitation = this.#log.state.invitations.get(name);
    if (type !== "joined" || invitation?.hash !== claim.previous)
      throw new Fault<ProtocolFaultCode>(
        "INVITATION_UNKNOWN",
        `nobody may join as ${name} by this invitation: it was used or withdrawn, or is of another federation; ask the founder`,
      );
    if (nowMs > Date.parse(invitation.expires))
      throw new Fault<ProtocolFaultCode>(
        "INVITATION_EXPIRED",
        `${name} was invited until ${invitation.expires}; the founder can invite it again`,
      );
    if ([...this.#members.values()].some((member) => member.publicKey === publicKey))
      throw new Fault<ProtocolFaultCode>("KEY_TAKEN", "that is another member's key; every member has its own");
    this.#take(withClaim(this.#log, claim));
    return name;
  }

  update(file: string): boolean {
    const before = this.terms.revision;
    this.exchange(file);
    return this.terms.revision > before;
  }

  exchange(file: string): boolean {
    if (file === this.#file) return false;
    const other = readFederation(file, this.#rootPublicKey, this.#log);
    this.#take(mergeLogs(this.#log, other));
    return this.terms.revision > other.state.terms.revision;
  }

  #take(log: FederationLog): void {
    // Entries are only ever added.
    if (log.state.terms.revision === this.terms.revision) return;
    if (!isSame(lastingPart(log.state.terms), lastingPart(this.terms)))
      throw new Fault<ProtocolFaultCode>(
        "FEDERATION_REFOUNDED",
        "a newer file changes the parties of a vertical federation; join with it and start again",
      );
    const members = membersOf(log.state.terms);
    const changed = changedMembers(this.#members, members);
    this.#log = log;
    this.#members = members;
    this.#file = writeFederation(log);
    this.#digest = logDigest(log);
    for (const listener of [...this.#listeners]) listener(changed);
  }

  onChange(listener: (changed: ReadonlySet<string>) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

/** A claim that is there already changes nothing. Who joins has to come by its invitation: a clock is looked at there. */
function withKeyClaim(log: FederationLog, name: string, claim: Claim): FederationLog {
  if (claim.action.name !== name || claim.action.type !== "key-replaced")
    throw new Fault<ProtocolFaultCode>("FEDERATION_TAMPERED", "a member shows claims that are not of its key");
  return log.claims.some((held) => hashOf(held) === hashOf(claim)) ? log : withClaim(log, claim);
}

function membersOf({ members }: FederationTerms): Members {
  return new Map(members.map((member) => [member.name, member]));
}

function changedMembers(before: Members, after: Members): Set<string> {
  const names = new Set([...before.keys(), ...after.keys()]);
  return new Set([...names].filter((name) => !isSame(before.get(name), after.get(name))));
}

/** What a process does not take up while it runs: in a vertical federation each party masks for all others. */
function lastingPart({ members, vertical }: FederationTerms): unknown {
  return vertical ? members.filter(({ roles }) => roles.includes("party")) : [];
}

function isSame(a: unknown, b: unknown): boolean {
  return Buffer.compare(encodeValue(a ?? null), encodeValue(b ?? null)) === 0;
}
