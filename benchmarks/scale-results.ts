import type { Memory } from "./process-figures.ts";

/** What one party node costs with this many rows. */
export interface ScalePoint {
  readonly rows: number;
  /** From the process's start to its serving: the first time, and again when the node has done it before. */
  readonly firstStartMs: number;
  readonly restartMs: readonly number[];
  /** Of the node's process after the questions; null where there is no /proc. */
  readonly memory: Memory | null;
  /** Whole queries at the querier, a key ready. */
  readonly queryMs: readonly number[];
  /** The party's own part of them, from its log, to the millisecond. */
  readonly partyMs: readonly number[];
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** Downloaded once. */
  readonly hintBytes: number;
  readonly storeBytes: number;
  /** The node's encoded blocks. */
  readonly cacheBytes: number;
  readonly fillSeconds: number;
}

export interface ScaleResults {
  readonly sizes: readonly number[];
  readonly dim: number;
  readonly queries: number;
  readonly points: readonly ScalePoint[];
  /** The whole run. */
  readonly minutes: number;
}
