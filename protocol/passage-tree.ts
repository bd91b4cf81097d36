import { sodium } from "../crypto/sodium.ts";
import { encodeValue } from "./codec.ts";
import { HASH_BYTES } from "./fields.ts";
import type { PassageLocation } from "./passage-location.ts";

const NODE = 1;

/** What a passage says, and where. */
export interface PassageContent extends PassageLocation {
  readonly documentId: string;
  readonly title: string;
  readonly text: string;
  readonly ordinal: number;
}

/** What is committed to of a passage. */
export interface CommittedPassage extends PassageContent {
  /** 32 bytes that nobody knows who was not given the passage: without them a guess of its words cannot be tested. */
  readonly salt: Uint8Array;
}

/** A passage as a list: four items, as before passages had a location, or six where it has one, null for the half that is not set. */
export function passageItems({ documentId, title, text, ordinal, place, offset }: PassageContent): unknown[] {
  const items = [documentId, title, text, ordinal];
  return place === undefined && offset === undefined ? items : [...items, place ?? null, offset ?? null];
}

/** A passage's leaf: BLAKE2b-256 of a zero byte and the passage with its salt. */
export function passageLeaf({ salt, ...passage }: CommittedPassage): Uint8Array {
  const encoded = encodeValue([salt, ...passageItems(passage)]);
  const prefixed = new Uint8Array(1 + encoded.length);
  prefixed.set(encoded, 1);
  return sodium.crypto_generichash(HASH_BYTES, prefixed, null);
}

/**
 * Root of the Merkle tree of a block's passages (RFC 6962, section 2.1, with BLAKE2b-256), one leaf a slot; a slot without a row has 32 zero bytes.
 *
 * @param leaves - 32 bytes a slot; their number is a power of two.
 */
export function passageRoot(leaves: Uint8Array): Uint8Array {
  let level = leaves;
  while (level.length > HASH_BYTES) level = levelAbove(level);
  return level.slice();
}

/** The hashes that lead from a slot's leaf to the root, the lowest first: 32 bytes for every level. */
export function passagePath(leaves: Uint8Array, slot: number): Uint8Array {
  const path: Uint8Array[] = [];
  for (let [level, at] = [leaves, slot]; level.length > HASH_BYTES; [level, at] = [levelAbove(level), at >> 1])
    path.push(hashAt(level, at ^ 1));
  return Uint8Array.from(Buffer.concat(path));
}

/** The root to which a path leads. @param path - A multiple of 32 bytes. */
export function rootOfPath(leaf: Uint8Array, slot: number, path: Uint8Array): Uint8Array {
  let node = leaf;
  for (let level = 0; level * HASH_BYTES < path.length; level++) {
    const sibling = hashAt(path, level);
    node = (slot >>> level) & 1 ? parent(sibling, node) : parent(node, sibling);
  }
  return node;
}

function levelAbove(level: Uint8Array): Uint8Array {
  const above = new Uint8Array(level.length / 2);
  for (let at = 0; at < above.length; at += HASH_BYTES)
    above.set(parent(level.subarray(2 * at, 2 * at + HASH_BYTES), hashAt(level, (2 * at) / HASH_BYTES + 1)), at);
  return above;
}

function parent(left: Uint8Array, right: Uint8Array): Uint8Array {
  const joined = new Uint8Array(1 + 2 * HASH_BYTES);
  joined[0] = NODE;
  joined.set(left, 1);
  joined.set(right, 1 + HASH_BYTES);
  return sodium.crypto_generichash(HASH_BYTES, joined, null);
}

function hashAt(hashes: Uint8Array, index: number): Uint8Array {
  return hashes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
}
