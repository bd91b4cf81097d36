import type { Fault } from "../fault.ts";
import type { BlockDescription, BlockRow } from "../scoring.ts";
import type { SharedQuery } from "./shared-query.ts";

/** What a shard tells of a block it has encoded. */
export type ShardBlock = Omit<BlockDescription, "block">;

/**
 * Some of a party's blocks, scored by one thread.
 *
 * Implementers: calls take effect in the order they are made, whatever their promises do, so that a commit and a pass that are given to several
 * shards in one go mean the same moment to all of them.
 */
export interface Shard {
  /** Settles when the shard can do nothing any more although nobody closed it, with the reason. */
  readonly failed: Promise<Fault>;
  /**
   * Encodes a block aside; from the next {@link commit} on it takes the place of what the block was. No rows remove it.
   * @param revision - Names the block's content to {@link restore}.
   * @throws Fault ROW_INVALID.
   */
  stage(block: number, rows: readonly BlockRow[], revision: number): Promise<ShardBlock | null>;
  /** Stages the block as an earlier process has encoded it; null when nobody kept it, or not of this revision. */
  restore(block: number, revision: number): Promise<ShardBlock | null>;
  commit(): void;
  /** Forgets what was staged since the last commit. */
  discard(): void;
  /**
   * Scores the blocks that are present when it is called.
   * @param queries - 1 to QUERIES_PER_PASS. One that is cancelled costs nothing more within milliseconds, and its result is worthless.
   * @returns For each query, scoreBytesPerBlock bytes a block, by ascending block number; owned by the caller.
   */
  score(queries: readonly SharedQuery[]): Promise<readonly Uint8Array[]>;
  close(): Promise<void>;
}
