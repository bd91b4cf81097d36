import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type BlockDescription, type BlockRow, RlweIndex, type RingLayout, ringLayout } from "../crypto/index.ts";
import { type Row, against, median } from "./measure.ts";

export interface IndexedCollection {
  readonly index: RlweIndex;
  readonly layout: RingLayout;
  /** Milliseconds of each block; in a large collection without the first fifty. */
  readonly blockTimes: readonly number[];
  /** Growth of the process a row. */
  readonly bytesPerRow: number;
}

/** @param all - Shape [rows][dim], norms at most 1. */
export function indexCollection(
  all: Float32Array,
  { dim, chunk }: { readonly dim: number; readonly chunk: number },
): IndexedCollection {
  const layout = ringLayout({ dim, chunk, normMax: 1, scoreBits: 14, seed: new Uint8Array(32).fill(1) });
  const index = new RlweIndex(layout, new Uint8Array(32).fill(2));
  const count = all.length / dim;
  const times: number[] = [];
  const before = residentBytes();
  for (let first = 0; first < count; first += layout.rowsPerBlock) {
    const block: BlockRow[] = Array.from({ length: Math.min(layout.rowsPerBlock, count - first) }, (_, slot) => ({
      slot,
      vector: all.subarray((first + slot) * dim, (first + slot + 1) * dim),
    }));
    const started = performance.now();
    index.setBlock(first / layout.rowsPerBlock, block);
    times.push(performance.now() - started);
  }
  const bytesPerRow = (residentBytes() - before) / count;
  return { index, layout, blockTimes: times.slice(times.length > 100 ? 50 : 0), bytesPerRow };
}

export function blockDescriptions({ index }: IndexedCollection, rowCount: number): BlockDescription[] {
  return Array.from({ length: Math.ceil(rowCount / index.rowsPerBlock) }, (_, block) => index.describe(block)!);
}

/** Quantising, transforming and hinting a row on one thread. */
export function indexingRow({ blockTimes, layout }: IndexedCollection): Row {
  const perRow = blockTimes.map((ms) => (1000 * ms) / layout.rowsPerBlock);
  return against("indexing, one thread", median(perRow), "us a row", "<= 15", perRow);
}

/** Resident memory after a full collection. */
function residentBytes(): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  collect();
  return process.memoryUsage.rss();
}
