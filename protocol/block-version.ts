import { Fault } from "../crypto/fault.ts";
import { hexOf } from "../crypto/hex.ts";
import { sodium } from "../crypto/sodium.ts";
import { encodeValue } from "./codec.ts";
import type { ProtocolFaultCode } from "./faults.ts";
import { HASH_BYTES } from "./fields.ts";
import type { BlockManifest } from "./messages.ts";
import { type ScoredBlock, SCORED_BLOCK_BYTES, unpackScoredBlocks } from "./scored-blocks.ts";

const VERSION_BYTES = 16;

/** A block as its party describes it to queriers. */
export interface DescribedBlock {
  readonly block: number;
  /** 16 bytes in hex: {@link blockVersion} of the rest. */
  readonly version: string;
  /** Bit i (least significant first) is set when slot i holds a row. */
  readonly occupied: Uint8Array;
  /** The packed hint, or nothing in clear. */
  readonly hint: Uint8Array;
  /** {@link passageRoot} of the block's passages, 32 bytes. */
  readonly passages: Uint8Array;
}

/** What a block's version is made of: 68 bytes that stand for its description. */
export interface BlockRecord {
  readonly block: number;
  /** 32 bytes, {@link descriptionHash}. */
  readonly description: Uint8Array;
  /** 32 bytes. */
  readonly passages: Uint8Array;
}

/** BLAKE2b-256 of what a querier needs to read a block's scores. */
export function descriptionHash({ occupied, hint }: Pick<DescribedBlock, "occupied" | "hint">): Uint8Array {
  return sodium.crypto_generichash(HASH_BYTES, encodeValue(["sotto/3 description", occupied, hint]), null);
}

/**
 * A block's version is a hash of its description and of its passages, so the list of versions in a signed answer is the signed manifest of the collection
 * as it was scored: who has the answer knows of every hint and every passage whether it is in it. Finding a description for the version of another's
 * block takes 2^128 hashes. A party could find two descriptions of its own of one version with 2^64; showing both shows what it did.
 *
 * @returns 16 bytes in hex.
 */
export function blockVersion({ block, description, passages }: BlockRecord): string {
  const named = encodeValue(["sotto/3 block", block, description, passages]);
  return hexOf(sodium.crypto_generichash(VERSION_BYTES, named, null));
}

/** What a party has signed of blocks: their versions, and what it says they are made of. @throws Fault MESSAGE_INVALID. */
export function manifestRecords({ blocks, descriptions, passages }: BlockManifest): (BlockRecord & ScoredBlock)[] {
  const listed = unpackScoredBlocks(blocks);
  const lengths = [blocks.length / SCORED_BLOCK_BYTES, descriptions.length / HASH_BYTES, passages.length / HASH_BYTES];
  if (lengths.some((length) => length !== listed.length))
    throw new Fault<ProtocolFaultCode>("MESSAGE_INVALID", "a manifest has not one description and one root a block");
  const at = (hashes: Uint8Array, i: number): Uint8Array => hashes.subarray(HASH_BYTES * i, HASH_BYTES * (i + 1));
  return listed.map((block, i) => ({ ...block, description: at(descriptions, i), passages: at(passages, i) }));
}
