import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import {
  type BlockDescription,
  type BlockRow,
  LocalShard,
  RlweIndex,
  type RingLayout,
  type ScoringIndex,
  ringLayout,
} from "../crypto/index.ts";
import { type Row, against, median } from "./measure.ts";

export interface IndexedCollection {
  readonly index: RlweIndex;
  readonly layout: RingLayout;
  /** Milliseconds of each block; in a large collection without the first fifty. */
  readonly blockTimes: readonly number[];
  /** Growth of the process a row. */
  readonly bytesPerRow: number;
}

/** The node's key; benchmarks have nothing to hide. */
export const HINT_KEY = new Uint8Array(32).fill(2);

/**
 * On the calling thread.
 *
 * @param all - Shape [rows][dim], norms at most 1.
 */
export async function indexCollection(
  all: Float32Array,
  { dim, chunk }: { readonly dim: number; readonly chunk: number },
): Promise<IndexedCollection> {
  const layout = ringLayout({ dim, chunk, normMax: 1, scoreBits: 14, seed: new Uint8Array(32).fill(1) });
  const index = new RlweIndex(layout, { openShard: () => new LocalShard(layout, HINT_KEY) });
  const before = await residentBytes();
  const times = await fillIndex(index, all, dim);
  const bytesPerRow = ((await residentBytes()) - before) / (all.length / dim);
  return { index, layout, blockTimes: times.slice(times.length > 100 ? 50 : 0), bytesPerRow };
}

/** @returns Milliseconds of each block. */
export async function fillIndex(index: ScoringIndex, all: Float32Array, dim: number): Promise<number[]> {
  const { rowsPerBlock } = index;
  const count = all.length / dim;
  const times: number[] = [];
  for (let first = 0; first < count; first += rowsPerBlock) {
    const block: BlockRow[] = Array.from({ length: Math.min(rowsPerBlock, count - first) }, (_, slot) => ({
      slot,
      vector: all.subarray((first + slot) * dim, (first + slot + 1) * dim),
    }));
    const started = performance.now();
    await index.stage(first / rowsPerBlock, block);
    times.push(performance.now() - started);
  }
  index.commit();
  return times;
}

export function blockDescriptions({ index }: IndexedCollection, rowCount: number): BlockDescription[] {
  return Array.from({ length: Math.ceil(rowCount / index.rowsPerBlock) }, (_, block) => index.describe(block)!);
}

/** Quantising, transforming and hinting a row on one thread. */
export function indexingRow({ blockTimes, layout }: IndexedCollection): Row {
  const perRow = blockTimes.map((ms) => (1000 * ms) / layout.rowsPerBlock);
  return against("indexing, one thread", median(perRow), "us a row", "<= 15", perRow);
}

/** Resident memory once all garbage is gone: an ordinary collection leaves V8 with the pages that garbage has filled, and frees some of them later. */
async function residentBytes(): Promise<number> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as (options: object) => void;
  for (let round = 0; round < 3; round++) {
    collect({ type: "major", execution: "sync", flavor: "last-resort" });
    await sleep(100);
  }
  return process.memoryUsage.rss();
}
