import { locationOf } from "../../protocol/index.ts";
import type { HostedPassage } from "./hosted-sources.ts";
import type { CitedPassage } from "./result.ts";
import type { Candidate } from "./ranking.ts";

/** A row of a party, still to be fetched, or a passage of a hosted collection. */
export type Ranked = Candidate | HostedPassage;

/**
 * The k best of parties and hosted collections, best first. Both scores are inner products of the question's and the passage's vectors under the
 * federation's one encoder, so they compare as they are: a party's off by the rounding of the encrypted scoring (`scoreStandardDeviation`), a hosted one's by
 * that of single precision, since it is computed from the opened vector. What a mode loses, it loses before this: rows that are not among a host's candidates.
 *
 * @param partyMax - At most so many of them are one owner's.
 */
export function mergeRankings(
  k: number,
  parties: readonly Candidate[],
  hosted: readonly HostedPassage[],
  partyMax: number = k,
): Ranked[] {
  const counts = new Map<string, number>();
  return [...parties, ...hosted]
    .sort((a, b) => b.score - a.score || compareNames(nameOf(a), nameOf(b)))
    .filter((ranked) => {
      const owner = "entry" in ranked ? ranked.entry.owner : ranked.party;
      const count = (counts.get(owner) ?? 0) + 1;
      counts.set(owner, count);
      return count <= partyMax;
    })
    .slice(0, k);
}

/** @param fetched - Passages of the ranking's party rows, in its order; those that were not delivered are left out. */
export function inOrder(ranking: readonly Ranked[], fetched: readonly CitedPassage[]): CitedPassage[] {
  const hosted = ranking.flatMap((ranked) => ("block" in ranked ? [] : citedOf(ranked)));
  return [...fetched, ...hosted].sort((a, b) => b.score - a.score || compareNames(nameOf(a), nameOf(b)));
}

function citedOf({ entry, documentId, title, text, ordinal, score, ...rest }: HostedPassage): CitedPassage {
  return { party: entry.owner, collection: entry.name, documentId, title, text, ordinal, ...locationOf(rest), score };
}

/** Decides between equal scores, so that an order never depends on who answered first. */
function nameOf(ranked: Ranked | CitedPassage): string {
  if ("entry" in ranked)
    return `${ranked.entry.owner}/${ranked.entry.name}/${ranked.documentId}/${String(ranked.ordinal)}`;
  if ("block" in ranked) return ranked.party;
  return `${ranked.party}/${ranked.collection ?? ""}`;
}

function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
