import { Fault } from "../crypto/fault.ts";
import { encodeValue } from "./codec.ts";
import type { ProtocolFaultCode } from "./faults.ts";
import {
  type FederationMember,
  type FederationTerms,
  type Role,
  federationId,
  fromBase64,
  readFederation,
} from "./federation-file.ts";

/** A federation whose file's signature has been checked. Processes share one of these each, and take up newer files while they run. */
export interface Federation {
  /** As of the newest file. */
  readonly terms: FederationTerms;
  /** The newest file, as it was signed. */
  readonly file: string;
  /** BLAKE2b-256 of the root public key: names the federation in handshakes and signatures, whatever else changes. */
  readonly id: Uint8Array;
  /** A member's Ed25519 key, or null. */
  readonly publicKeyOf: (name: string) => Uint8Array | null;
  readonly hasRole: (name: string, role: Role) => boolean;
  /**
   * Takes up a file if it is newer than the one that holds; what is older, or the same, changes nothing.
   *
   * @throws Fault FEDERATION_MALFORMED, FEDERATION_TAMPERED. FEDERATION_FORKED: the root key has signed two files of one revision.
   *   FEDERATION_REFOUNDED: more changed than members and the coordinators' addresses, which processes take up when they start.
   */
  update(file: string): boolean;
  /**
   * @param listener - Called after every update with the names of members that came, went, or have another key or other roles.
   * @returns Ends it.
   */
  onChange(listener: (changed: ReadonlySet<string>) => void): () => void;
}

/**
 * Reads a federation file and checks who signed it.
 *
 * @param text - The file's content.
 * @param rootPublicKey - The key this node trusts, base64; from its own configuration, never from the file.
 * @throws Fault FEDERATION_MALFORMED, FEDERATION_TAMPERED.
 */
export function openFederation(text: string, rootPublicKey: string): Federation {
  return new SignedFederation(text, rootPublicKey);
}

type Members = ReadonlyMap<string, FederationMember>;

class SignedFederation implements Federation {
  readonly id: Uint8Array;
  readonly #rootPublicKey: string;
  readonly #listeners = new Set<(changed: ReadonlySet<string>) => void>();
  #file: string;
  #terms: FederationTerms;
  #members: Members;

  constructor(file: string, rootPublicKey: string) {
    this.#rootPublicKey = rootPublicKey;
    this.id = federationId(rootPublicKey);
    this.#file = file;
    this.#terms = readFederation(file, rootPublicKey);
    this.#members = membersOf(this.#terms);
  }

  get terms(): FederationTerms {
    return this.#terms;
  }

  get file(): string {
    return this.#file;
  }

  readonly publicKeyOf = (name: string): Uint8Array | null => {
    const member = this.#members.get(name);
    return member ? fromBase64(member.publicKey) : null;
  };

  readonly hasRole = (name: string, role: Role): boolean => this.#members.get(name)?.roles.includes(role) ?? false;

  update(file: string): boolean {
    const terms = readFederation(file, this.#rootPublicKey);
    const { revision } = this.#terms;
    if (terms.revision < revision || file === this.#file) return false;
    if (terms.revision === revision) {
      if (isSame(terms, this.#terms)) return false;
      throw new Fault<ProtocolFaultCode>(
        "FEDERATION_FORKED",
        `two different files of revision ${String(revision)} are signed by the federation's root key; ask the founder which holds, and who else has that key`,
      );
    }
    if (!isSame(lastingPart(terms), lastingPart(this.#terms)))
      throw new Fault<ProtocolFaultCode>(
        "FEDERATION_REFOUNDED",
        `revision ${String(terms.revision)} of the federation changes more than its members; join with it and start again`,
      );
    const members = membersOf(terms);
    const changed = changedMembers(this.#members, members);
    this.#terms = terms;
    this.#members = members;
    this.#file = file;
    for (const listener of [...this.#listeners]) listener(changed);
    return true;
  }

  onChange(listener: (changed: ReadonlySet<string>) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

function membersOf({ members }: FederationTerms): Members {
  return new Map(members.map((member) => [member.name, member]));
}

function changedMembers(before: Members, after: Members): Set<string> {
  const names = new Set([...before.keys(), ...after.keys()]);
  return new Set([...names].filter((name) => !isSame(before.get(name), after.get(name))));
}

/** What a process does not take up while it runs. In a vertical federation the parties too: each of them masks for all others. */
function lastingPart({ members, revision: _, coordinatorUrls: __, ...terms }: FederationTerms): unknown {
  return { ...terms, parties: terms.vertical ? members.filter(({ roles }) => roles.includes("party")) : [] };
}

function isSame(a: unknown, b: unknown): boolean {
  return Buffer.compare(encodeValue(a ?? null), encodeValue(b ?? null)) === 0;
}
