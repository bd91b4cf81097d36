import Table from "cli-table3";
import { type RoutingFigures, routingTable } from "./trial-routing.ts";

/** How the questions are asked that are compared with clear ones. */
export type TrialMode = "private" | "outsourced" | "double";

/** One figure in the trial's mode and in clear. */
export type Figures = Readonly<Partial<Record<TrialMode, number>>> & { readonly clear: number };

/** What `sotto trial --json` prints. */
export interface TrialReport {
  readonly mode: TrialMode;
  readonly parties: readonly { readonly name: string; readonly passages: number }[];
  readonly queries: number;
  readonly ndcgAt10: Figures;
  readonly recallAt10: Figures;
  /** Mean of |top k in the mode, clear top k| / k. */
  readonly overlapAtK: number;
  /** A whole question, passages fetched, with a query key ready. */
  readonly latencyMs: { readonly p50: number; readonly p95: number };
  readonly clearLatencyMs: { readonly p50: number; readonly p95: number };
  /** Payload of the querier's messages to and from the coordinator, mean over the queries; hints, downloaded once, are apart. */
  readonly bytesPerQuery: { readonly up: number; readonly down: number };
  readonly hintBytes: number;
  /** Into the store that serves the mode: in `outsourced` and `double` sealing and sending are part of it. */
  readonly ingest: { readonly passagesPerSecond: number };
  readonly encoder: { readonly spec: string; readonly device: string };
  /** Of the hosted collections; null in `private`. */
  readonly sealing: {
    /** In lengths of the longest vector the encoder makes. */
    readonly beta: number;
    /** Per unit of distance between questions of norm 1. */
    readonly epsilon: number | null;
    /** k', of every collection and query. */
    readonly candidates: { readonly min: number; readonly mean: number; readonly max: number };
    /** Share of the true top k expected not to be among the candidates, mean. */
    readonly missShare: number;
  } | null;
  /** One for every number of parties that --route names. */
  readonly routing: readonly RoutingFigures[];
}

export function printReport(report: TrialReport, k: number): void {
  const table = new Table({ head: ["", report.mode, "clear"], style: { head: [], border: [] } });
  const { mode, ndcgAt10, recallAt10, latencyMs, clearLatencyMs, bytesPerQuery } = report;
  const both = (figures: Figures): string[] => [figures[mode] ?? 0, figures.clear].map((figure) => figure.toFixed(4));
  table.push(
    ["nDCG@10", ...both(ndcgAt10)],
    ["recall@10", ...both(recallAt10)],
    ["p50 ms", latencyMs.p50.toFixed(0), clearLatencyMs.p50.toFixed(0)],
    ["p95 ms", latencyMs.p95.toFixed(0), clearLatencyMs.p95.toFixed(0)],
  );
  process.stdout.write(
    `${report.parties.map(({ name, passages }) => `${name}: ${String(passages)} passages`).join(", ")}; ${String(report.queries)} queries, ${report.encoder.spec} on ${report.encoder.device}\n${table.toString()}\n` +
      `same top ${String(k)} as in clear: ${(100 * report.overlapAtK).toFixed(1)} %\n` +
      `bytes a query: ${String(bytesPerQuery.up)} up, ${String(bytesPerQuery.down)} down; hints once: ${String(report.hintBytes)}\ningest: ${String(report.ingest.passagesPerSecond)} passages a second\n`,
  );
  process.stdout.write(sealingInWords(report.sealing));
  process.stdout.write(
    routingTable(report.routing, { recallAt10: recallAt10[mode] ?? 0, parties: report.parties.length }),
  );
}

function sealingInWords(sealing: TrialReport["sealing"]): string {
  if (!sealing) return "";
  const { beta, epsilon, candidates, missShare } = sealing;
  return `sealed with beta ${String(beta)}, epsilon ${epsilon === null ? "none" : String(epsilon)}; k' ${String(candidates.min)} to ${String(candidates.max)}, mean ${candidates.mean.toFixed(1)}; expected to be missing from the candidates: ${(100 * missShare).toFixed(2)} % of the top k\n`;
}
