import { availableParallelism } from "node:os";
import { LocalShard, type RingLayout, RlweIndex, type ScoringIndex } from "../../crypto/index.ts";
import { WorkerShard } from "./worker-shard.ts";

/** More threads than this wait for memory instead of computing. */
const THREADS_DEFAULT_MAX = 8;

export interface ScoringIndexOptions {
  readonly layout: RingLayout;
  /** 32 secret bytes of the node. */
  readonly hintKey: Uint8Array;
  /** Most scoring threads to use; they start as the collection grows. 0 scores in the caller's own thread. Default: a thread a core, at most 8. */
  readonly threads?: number;
  /** Where encoded blocks are kept between two runs; null for nowhere. Needs a thread. */
  readonly cachePath: string | null;
}

/** The encrypted scoring of one node. Close it: its threads keep the process alive. */
export function openScoringIndex(options: ScoringIndexOptions): ScoringIndex {
  const { layout, hintKey, cachePath, ...rest } = options;
  const { threads = Math.min(availableParallelism(), THREADS_DEFAULT_MAX), ...unknown } = rest;
  for (const name of Object.keys(unknown)) throw new TypeError(`openScoringIndex: unknown option "${name}"`);
  if (!Number.isInteger(threads) || threads < 0)
    throw new TypeError("openScoringIndex: threads must be a whole number, 0 or more");
  if (threads === 0) return new RlweIndex(layout, { openShard: () => new LocalShard(layout, hintKey) });
  return new RlweIndex(layout, {
    openShard: () => new WorkerShard({ layout, hintKey, cachePath }),
    shardsMax: threads,
  });
}
