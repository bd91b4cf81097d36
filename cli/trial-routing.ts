import Table from "cli-table3";
import { InvalidArgumentError } from "commander";
import { Fault } from "../crypto/index.ts";
import type { CitedPassage, SottoClient } from "../party-node/asking/index.ts";
import { limits } from "../protocol/index.ts";
import type { BeirQuery, Qrels } from "../simulations/beir.ts";
import { mean, ndcgAtK, overlapAtK, recallAtK } from "../simulations/metrics.ts";
import { wholeNumber } from "./options.ts";

/** One query, asked of the likeliest parties. */
export interface RoutedQuery {
  readonly route: number;
  readonly passages: readonly CitedPassage[];
  readonly partiesAsked: number;
  readonly totalMs: number;
}

/** What asking so many parties keeps of asking all. */
export interface RoutingFigures {
  readonly route: number;
  /** Mean share of the top k of all parties that is among the top k of those asked. */
  readonly topKept: number;
  readonly ndcgAt10: number;
  readonly recallAt10: number;
  /** Mean number of parties asked, and its share of all. */
  readonly partiesAsked: number;
  readonly partiesShare: number;
  /** Of a whole question, mean. */
  readonly meanMs: number;
}

/** Numbers of parties, joined by commas. */
export function parseCounts(text: string): readonly number[] {
  const counts = text.split(",").map(wholeNumber(1, limits.membersMax));
  if (new Set(counts).size < counts.length) throw new InvalidArgumentError("names a number of parties twice");
  return counts;
}

/** @throws Fault PARTY_FAILED when a party that was asked fails or shows no summary. */
export async function askRouted(
  client: SottoClient,
  question: string,
  options: { readonly k: number; readonly route: number; readonly signal: AbortSignal },
): Promise<RoutedQuery> {
  await client.warm();
  const { passages, parties, timingsMs } = await client.query(question, options).result;
  const failed = parties.find(({ fault, route }) => fault ?? route?.fault);
  if (failed)
    throw new Fault(
      "PARTY_FAILED",
      `${failed.party} failed during the trial (${(failed.fault ?? failed.route?.fault)?.code ?? ""}); its figures would be worth nothing`,
    );
  const partiesAsked = parties.filter(({ status }) => status === "answered").length;
  return { route: options.route, passages, partiesAsked, totalMs: timingsMs.total };
}

/**
 * @param routed - One a query, in the order of the queries.
 * @param all - The same queries, asked of all parties.
 */
export function routingFigures(
  route: number,
  routed: readonly RoutedQuery[],
  all: {
    readonly rankings: readonly (readonly CitedPassage[])[];
    readonly queries: readonly BeirQuery[];
    readonly qrels: Qrels;
    readonly parties: number;
  },
): RoutingFigures {
  const { queries, qrels, parties } = all;
  const rankings = routed.map(({ passages }) => passages);
  const topKept = mean(
    all.rankings.map((full, i) =>
      full.length === 0 ? 1 : overlapAtK((rankings[i] ?? []).map(passageKey), full.map(passageKey), full.length),
    ),
  );
  const partiesAsked = mean(routed.map((one) => one.partiesAsked));
  return {
    route,
    topKept,
    ndcgAt10: meanOver(ndcgAtK, rankings, queries, qrels),
    recallAt10: meanOver(recallAtK, rankings, queries, qrels),
    partiesAsked,
    partiesShare: partiesAsked / parties,
    meanMs: mean(routed.map(({ totalMs }) => totalMs)),
  };
}

/** A metric at 10 over the documents of each ranking, a document counted where it comes first; mean over the queries. */
export function meanOver(
  metric: typeof ndcgAtK,
  rankings: readonly (readonly CitedPassage[])[],
  queries: readonly BeirQuery[],
  qrels: Qrels,
): number {
  return mean(
    queries.map(({ id }, i) =>
      metric(
        [...new Set((rankings[i] ?? []).map(({ documentId }) => documentId))],
        qrels.get(id) ?? new Map<string, number>(),
        10,
      ),
    ),
  );
}

export function passageKey({ party, documentId, ordinal }: CitedPassage): string {
  return `${party}/${documentId}/${String(ordinal)}`;
}

/** A table for people; nothing where no query was routed. */
export function routingTable(figures: readonly RoutingFigures[], all: { recallAt10: number; parties: number }): string {
  if (figures.length === 0) return "";
  const table = new Table({
    head: ["--route", "parties asked", "top kept", "nDCG@10", "recall@10", "mean ms"],
    style: { head: [], border: [] },
  });
  for (const { route, partiesAsked, topKept, ndcgAt10, recallAt10, meanMs } of figures)
    table.push([
      route,
      `${partiesAsked.toFixed(1)} of ${String(all.parties)}`,
      `${(100 * topKept).toFixed(1)} %`,
      ndcgAt10.toFixed(4),
      `${recallAt10.toFixed(4)} of ${all.recallAt10.toFixed(4)}`,
      meanMs.toFixed(0),
    ]);
  return `${table.toString()}\n`;
}
