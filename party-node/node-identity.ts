import { Fault } from "../crypto/index.ts";
import type { Federation, Identity } from "../protocol/index.ts";
import { type IdentityKeyPair, type NodeKeys, loadKeyFile } from "./keys.ts";

/** The key pair by which the federation lists a member of this name; null where it lists another, or none. */
export function listedIdentity(
  { identity, next }: NodeKeys,
  federation: Federation,
  name: string,
): IdentityKeyPair | null {
  const listed = federation.publicKeyOf(name);
  const isListed = (pair: IdentityKeyPair | null): boolean =>
    pair !== null && listed !== null && Buffer.compare(pair.publicKey, listed) === 0;
  return isListed(identity) ? identity : isListed(next) ? next : null;
}

/** Who a process is, and stays when its key is replaced: everything that has one of these signs with the key that the federation lists. */
export class NodeIdentity implements Identity {
  readonly name: string;
  readonly #federation: Federation;
  #secretKey: Uint8Array;

  /** @param keyPath - Read again when the federation lists this name with another key. */
  constructor(name: string, secretKey: Uint8Array, federation: Federation, keyPath: string) {
    this.name = name;
    this.#secretKey = secretKey;
    this.#federation = federation;
    federation.onChange((changed) => {
      if (changed.has(name)) this.#secretKey = renewed(keyPath, federation, name) ?? this.#secretKey;
    });
  }

  get secretKey(): Uint8Array {
    return this.#secretKey;
  }

  get claims(): readonly Uint8Array[] {
    return this.#federation.keyClaimsOf(this.name);
  }
}

/** Null where the key file has no such key: the founder has listed somebody else by this name. */
function renewed(keyPath: string, federation: Federation, name: string): Uint8Array | null {
  try {
    return listedIdentity(loadKeyFile(keyPath), federation, name)?.privateKey ?? null;
  } catch (error) {
    if (error instanceof Fault) return null;
    throw error;
  }
}
