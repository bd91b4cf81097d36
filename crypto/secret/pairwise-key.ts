import { addResidues, subtractResidues, uniformResidues } from "../rlwe/share.ts";
import { deriveSeed } from "../rlwe/public-randomness.ts";
import { sodium } from "../sodium.ts";

/** What two parties of a vertical federation share, and nobody else has. */
export interface PairwiseKey {
  /** 32 secret bytes. */
  readonly key: Uint8Array;
  /** Whether this party adds the pair's mask; the other one subtracts it. */
  readonly adds: boolean;
}

export interface PairwiseKeyOptions {
  readonly federationId: Uint8Array;
  /** Own Ed25519 secret key, 64 bytes as libsodium has it. */
  readonly identity: { readonly name: string; readonly secretKey: Uint8Array };
  /** Ed25519 public key, 32 bytes, from the signed federation file. */
  readonly peer: { readonly name: string; readonly publicKey: Uint8Array };
}

/**
 * The static key of two parties, without a message: X25519 of their identity keys taken to Curve25519, through BLAKE2b-256 with the federation and both
 * names, in their order (Bonawitz et al., CCS 2017, round 1, with the identity keys in place of fresh ones). The party whose name comes first adds.
 *
 * @throws Error when the peer's key is no point of the prime-order group; the federation file holds only keys that sign.
 */
export function pairwiseKey({ federationId, identity, peer }: PairwiseKeyOptions): PairwiseKey {
  const own = sodium.crypto_sign_ed25519_sk_to_curve25519(identity.secretKey);
  const shared = sodium.crypto_scalarmult(own, sodium.crypto_sign_ed25519_pk_to_curve25519(peer.publicKey));
  const adds = identity.name < peer.name;
  const [first, second] = adds ? [identity.name, peer.name] : [peer.name, identity.name];
  const names = [first, second].map((name) => sodium.from_string(name));
  const key = deriveSeed(shared, "sotto pairwise key", federationId, ...names);
  own.fill(0);
  shared.fill(0);
  return { key, adds };
}

/** The mask that a party's own seed gives for one query: what the querier takes off the sum. Shape [count]. */
export function seedMask(maskSeed: Uint8Array, queryHash: Uint8Array, count: number): Uint32Array {
  return uniformResidues(deriveSeed(maskSeed, "sotto seed mask", queryHash), count);
}

/** The mask of a pair of parties for one query; it cancels in the sum of both shares. Shape [count]. */
export function pairwiseMask({ key }: PairwiseKey, queryHash: Uint8Array, count: number): Uint32Array {
  return uniformResidues(deriveSeed(key, "sotto pairwise mask", queryHash), count);
}

export interface ShareMasks {
  /** With every other party of the federation. */
  readonly pairwise: readonly PairwiseKey[];
  /** 32 fresh bytes, told to the querier alone. */
  readonly maskSeed: Uint8Array;
  /** BLAKE2b-256 of the signed query. */
  readonly queryHash: Uint8Array;
}

/**
 * Masks a share in place (Bonawitz et al., CCS 2017, section 4.1, for one query and with nobody dropping out): the pairwise masks hide it from the querier
 * and cancel in the sum of all, the seed's mask hides the sum from who adds it up.
 *
 * @param share - Residues.
 */
export function maskShare(share: Uint32Array, { pairwise, maskSeed, queryHash }: ShareMasks): void {
  addResidues(share, seedMask(maskSeed, queryHash, share.length));
  for (const pair of pairwise)
    (pair.adds ? addResidues : subtractResidues)(share, pairwiseMask(pair, queryHash, share.length));
}
