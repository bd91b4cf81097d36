import { say } from "./report.ts";

/** usearch's native search of codes, one thread. */
export interface HammingSearch {
  /**
   * Its exact search by Hamming distance, without the distances. usearch 2.25 searches bits exactly in C++ and Python; its JavaScript passes them on
   * as signed bytes, for which there is no Hamming distance, and gets "not a number" for every row without looking at it. What is left, calls,
   * memory and the choice of the best, is less than any exact search of bits by usearch can take.
   */
  scan(code: Uint8Array, k: number): unknown;
  /**
   * The k smallest Hamming distances. They are Sørensen's distances, which it does compute, of codes followed by their complements: every one has
   * as many bits set as a code is long, and two share those that agree. No measure of speed: it counts a byte at a time.
   */
  distances(code: Uint8Array, k: number): number[];
}

/** @returns Null, said on standard error, where usearch does not load. */
export async function findUsearchHamming(codes: Uint8Array, width: number): Promise<HammingSearch | null> {
  const found = await import("usearch").catch(() => null);
  if (!found) {
    say("usearch does not load here, so rows against it have no ratio; `npm ci` installs it for Linux and macOS.");
    return null;
  }
  const { exactSearch, MetricKind } = found;
  // exactSearch reads from the start of the buffer under a view, so that each has a buffer of its own.
  const signed = new Int8Array(codes);
  return {
    scan: (code, k) => exactSearch(signed, new Int8Array(code), width, k, MetricKind.Hamming, 1),
    distances(code, k) {
      const all = withComplements(codes, width);
      const { distances } = exactSearch(all, withComplements(code, width), 2 * width, k, MetricKind.Sorensen, 1);
      return Array.from(distances, (share) => Math.round(share * 8 * width));
    },
  };
}

function withComplements(codes: Uint8Array, width: number): Int8Array {
  const both = new Int8Array(2 * codes.length);
  for (let at = 0; at < codes.length; at += width) {
    const code = codes.subarray(at, at + width);
    both.set(code, 2 * at);
    both.set(
      code.map((byte) => ~byte),
      2 * at + width,
    );
  }
  return both;
}
