import { setImmediate as nextTurn } from "node:timers/promises";
import type { BlockRow } from "../scoring.ts";
import { BlockShard } from "./block-shard.ts";
import type { RingLayout } from "./parameters.ts";
import type { Shard, ShardBlock } from "./shard.ts";
import type { SharedQuery } from "./shared-query.ts";

/** A shard in the caller's own thread, which yields to the event loop between slices of work; keeps nothing for another process. */
export class LocalShard implements Shard {
  readonly failed = new Promise<never>(() => undefined);
  readonly #shard: BlockShard;

  /** As {@link BlockShard}'s. */
  constructor(layout: RingLayout, hintKey: Uint8Array, arenaBytes?: number) {
    this.#shard = new BlockShard(layout, hintKey, arenaBytes);
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what the encoding throws rejects
  async stage(block: number, rows: readonly BlockRow[]): Promise<ShardBlock | null> {
    return this.#shard.stage(block, rows);
  }

  restore(): Promise<null> {
    return Promise.resolve(null);
  }

  commit(): void {
    this.#shard.commit();
  }

  discard(): void {
    this.#shard.discard();
  }

  async score(queries: readonly SharedQuery[]): Promise<readonly Uint8Array[]> {
    const slices = this.#shard.score(queries);
    for (;;) {
      const slice = slices.next();
      if (slice.done) return slice.value;
      await nextTurn();
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
