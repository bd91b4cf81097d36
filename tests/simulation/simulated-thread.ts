import { setTimeout as sleep } from "node:timers/promises";
import {
  type BlockRow,
  LocalShard,
  type RingLayout,
  type Shard,
  type ShardBlock,
  type SharedQuery,
} from "../../crypto/index.ts";

/** For a hundred times the blocks that a simulated party holds. */
const ARENA_BYTES = 1024 * 1024;

/** A shard as a thread has it: does what it is told in the order it is told, and everything takes its time. */
export class SimulatedThread implements Shard {
  readonly failed = new Promise<never>(() => undefined);
  readonly #shard: LocalShard;
  readonly #workMs: () => number;
  /** Ends when all that it was told is done. */
  #turn: Promise<unknown> = Promise.resolve();

  /** @param workMs - How long the next piece of work takes. */
  constructor(layout: RingLayout, hintKey: Uint8Array, workMs: () => number) {
    this.#shard = new LocalShard(layout, hintKey, ARENA_BYTES);
    this.#workMs = workMs;
  }

  stage(block: number, rows: readonly BlockRow[]): Promise<ShardBlock | null> {
    return this.#next(() => this.#shard.stage(block, rows));
  }

  restore(): Promise<null> {
    return this.#shard.restore();
  }

  commit(): void {
    void this.#next(() => {
      this.#shard.commit();
    });
  }

  discard(): void {
    void this.#next(() => {
      this.#shard.discard();
    });
  }

  score(queries: readonly SharedQuery[]): Promise<readonly Uint8Array[]> {
    return this.#next(() => this.#shard.score(queries));
  }

  close(): Promise<void> {
    return this.#shard.close();
  }

  #next<Result>(work: () => Result | Promise<Result>): Promise<Result> {
    const ms = this.#workMs();
    const done = this.#turn.then(async () => {
      await sleep(ms);
      return await work();
    });
    this.#turn = done.catch(() => undefined);
    return done;
  }
}
