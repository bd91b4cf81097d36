import { say } from "./report.ts";

/** Exact search for the ten nearest of every query: `all` of shape [rows][width], `queries` of shape [count][width]. */
export type ExactSearch = (all: Float32Array, queries: Float32Array, width: number) => unknown;

/** usearch's native exact search by inner product on float32, one thread; null, said on standard error, where it does not load. */
export async function findUsearch(): Promise<ExactSearch | null> {
  const found = await import("usearch").catch(() => null);
  if (!found) {
    say("usearch does not load here, so rows against it have no ratio; `npm ci` installs it for Linux and macOS.");
    return null;
  }
  const { exactSearch, MetricKind } = found;
  return (all, queries, width) => exactSearch(all, queries, width, 10, MetricKind.IP, 1);
}
