import type { HammingNeighbour } from "./hamming-block.ts";
import { hammingDistance } from "./hamming-distance.ts";

/** What HammingIndex.search finds, in plain TypeScript: for tests. */
export function referenceSearch(codes: Uint8Array, code: Uint8Array, k: number): HammingNeighbour[] {
  const width = code.length;
  const all = Array.from({ length: codes.length / width }, (_, row) => ({
    row,
    distance: hammingDistance(codes.subarray(row * width, (row + 1) * width), code),
  }));
  return all.sort((a, b) => a.distance - b.distance || a.row - b.row).slice(0, k);
}
