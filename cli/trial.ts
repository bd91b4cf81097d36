import { Command, InvalidArgumentError } from "commander";
import { SingleBar, Presets } from "cli-progress";
import Table from "cli-table3";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { Fault } from "../crypto/index.ts";
import type { CitedPassage } from "../party-node/asking/index.ts";
import { type Encoder, openEncoder } from "../party-node/encoders/index.ts";
import { limits, memberName } from "../protocol/index.ts";
import { type BeirQuery, type Qrels, loadBeirQueries, loadQrels } from "../simulations/beir.ts";
import { mean, ndcgAtK, overlapAtK, percentile, recallAtK } from "../simulations/metrics.ts";
import { LocalFederation, type LocalParty } from "./local-federation.ts";
import { wholeNumber } from "./options.ts";
import { ProgressBars } from "./progress.ts";
import { onStop } from "./supervision.ts";

interface Options {
  readonly party: readonly LocalParty[];
  readonly queries: string;
  readonly qrels: string;
  readonly k: number;
  readonly encoder: string;
  readonly limit?: number;
  readonly json: boolean;
}

/** What `sotto trial --json` prints. */
export interface TrialReport {
  readonly parties: readonly { readonly name: string; readonly passages: number }[];
  readonly queries: number;
  readonly ndcgAt10: { readonly private: number; readonly clear: number };
  readonly recallAt10: { readonly private: number; readonly clear: number };
  /** Mean of |private top k, clear top k| / k. */
  readonly overlapAtK: number;
  /** A whole encrypted question, passages fetched, with a query key ready. */
  readonly latencyMs: { readonly p50: number; readonly p95: number };
  readonly clearLatencyMs: { readonly p50: number; readonly p95: number };
  /** Payload of the querier's messages to and from the coordinator, mean over the queries; hints, downloaded once, are apart. */
  readonly bytesPerQuery: { readonly up: number; readonly down: number };
  readonly hintBytes: number;
  readonly ingest: { readonly passagesPerSecond: number };
  readonly encoder: { readonly spec: string; readonly device: string };
}

interface Run {
  readonly rankings: readonly (readonly CitedPassage[])[];
  readonly totalsMs: readonly number[];
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly hintBytes: number;
}

export function trialCommand(): Command {
  return new Command("trial")
    .description("your own corpora in a temporary local federation: every query once encrypted, once in clear")
    .requiredOption("--party <name=dir>", "a party and its folder with corpus.jsonl; give several", parseParty)
    .requiredOption("--queries <file>", "queries.jsonl with _id and text")
    .requiredOption("--qrels <file>", "tab-separated: query id, document id, grade")
    .option("-k <count>", "passages a query", wholeNumber(1, limits.fetchHandlesMax), 10)
    .option("--encoder <spec>", "lexical, lexical:D, onnx:DIR or hybrid(...)", "lexical")
    .option("--limit <count>", "at most this many queries", wholeNumber(1, 1_000_000))
    .option("--json", "print one JSON object as the last line", false)
    .action(runTrial);
}

function parseParty(text: string, previous: readonly LocalParty[] = []): readonly LocalParty[] {
  const [name = "", ...rest] = text.split("=");
  const dir = rest.join("=");
  if (!memberName.safeParse(name).success || dir === "")
    throw new InvalidArgumentError("expected NAME=DIR, the name of lower-case letters, digits and dashes");
  if (previous.some((party) => party.name === name))
    throw new InvalidArgumentError(`there are two parties called ${name}`);
  const corpus = join(resolve(dir), "corpus.jsonl");
  if (!existsSync(corpus)) throw new InvalidArgumentError(`${corpus} does not exist`);
  return [...previous, { name, paths: [corpus] }];
}

async function runTrial(options: Options): Promise<void> {
  const qrels = await loadQrels(options.qrels);
  const judged = (await loadBeirQueries(options.queries)).filter(({ id }) => qrels.has(id)).slice(0, options.limit);
  if (judged.length === 0)
    throw new Fault("NOTHING_TO_ASK", "no query has a judgement in the qrels file; do the two files belong together?");
  const encoder = await openEncoder(options.encoder);
  try {
    const report = await trial(options, judged, qrels, encoder);
    if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`);
    else printReport(report, options.k);
  } finally {
    await encoder.close();
  }
}

async function trial(
  { party: parties, k }: Options,
  queries: readonly BeirQuery[],
  qrels: Qrels,
  encoder: Encoder,
): Promise<TrialReport> {
  await using federation = new LocalFederation({ parties, encoder });
  const stop = new AbortController();
  onStop(() => {
    stop.abort();
  });
  const ingested = await ingestAll(federation, parties);
  const hidden = await askAll(federation, "private", queries, k, stop.signal);
  const open = await askAll(federation, "clear", queries, k, stop.signal);
  const measure = (metric: typeof ndcgAtK): { private: number; clear: number } => {
    const over = ({ rankings }: Run): number =>
      mean(
        queries.map(({ id }, i) =>
          metric(
            [...new Set((rankings[i] ?? []).map(({ documentId }) => documentId))],
            qrels.get(id) ?? new Map<string, number>(),
            10,
          ),
        ),
      );
    return { private: over(hidden), clear: over(open) };
  };
  const keys = ({ rankings }: Run, i: number): string[] =>
    (rankings[i] ?? []).map(({ party, documentId, ordinal }) => `${party}/${documentId}/${String(ordinal)}`);
  return {
    parties: parties.map(({ name }) => ({ name, passages: ingested.get(name)?.passages ?? 0 })),
    queries: queries.length,
    ndcgAt10: measure(ndcgAtK),
    recallAt10: measure(recallAtK),
    overlapAtK: mean(queries.map((_, i) => overlapAtK(keys(hidden, i), keys(open, i), k))),
    latencyMs: { p50: percentile(hidden.totalsMs, 50), p95: percentile(hidden.totalsMs, 95) },
    clearLatencyMs: { p50: percentile(open.totalsMs, 50), p95: percentile(open.totalsMs, 95) },
    bytesPerQuery: {
      up: Math.round(hidden.bytesUp / queries.length),
      down: Math.round(hidden.bytesDown / queries.length),
    },
    hintBytes: hidden.hintBytes,
    ingest: {
      passagesPerSecond: Math.round(
        [...ingested.values()].reduce((sum, { passages, seconds }) => sum + passages / seconds, 0),
      ),
    },
    encoder: { spec: encoder.spec, device: encoder.device },
  };
}

async function ingestAll(
  federation: LocalFederation,
  parties: readonly LocalParty[],
): Promise<Map<string, { passages: number; seconds: number }>> {
  const bars = new ProgressBars({ names: parties.map(({ name }) => name), show: true });
  const ingested = new Map<string, { passages: number; seconds: number }>();
  try {
    await federation.ingest((party, event) => {
      if (event.event === "progress") bars.update(party, event);
      else ingested.set(party, event);
    });
  } finally {
    bars.stop();
  }
  return ingested;
}

async function askAll(
  federation: LocalFederation,
  mode: "private" | "clear",
  queries: readonly BeirQuery[],
  k: number,
  signal: AbortSignal,
): Promise<Run> {
  await federation.start(mode);
  const bar = new SingleBar(
    {
      format: `  ${mode.padEnd(8)} {bar} {percentage}%  {value}/{total} queries`,
      stream: process.stderr,
      noTTYOutput: true,
      notTTYSchedule: 2000,
      barsize: 24,
      hideCursor: true,
    },
    Presets.shades_classic,
  );
  let up = 0;
  let down = 0;
  using client = await federation.connect(({ direction, bytes }) => {
    if (direction === "out") up += bytes;
    else down += bytes;
  });
  const hintBytes = down;
  const before = { up, down };
  const rankings: (readonly CitedPassage[])[] = [];
  const totalsMs: number[] = [];
  bar.start(queries.length, 0);
  try {
    for (const { text } of queries) {
      await client.warm();
      const { passages, parties, timingsMs } = await client.query(text, { k, signal }).result;
      const missing = parties.find(({ fault }) => fault);
      if (missing)
        throw new Fault(
          "PARTY_FAILED",
          `${missing.party} failed during the trial (${missing.fault?.code ?? ""}); its figures would be worth nothing`,
        );
      rankings.push(passages);
      totalsMs.push(timingsMs.total);
      bar.increment();
    }
  } finally {
    bar.stop();
    client.close();
    await federation.stop();
  }
  return { rankings, totalsMs, bytesUp: up - before.up, bytesDown: down - before.down, hintBytes };
}

function printReport(report: TrialReport, k: number): void {
  const table = new Table({ head: ["", "private", "clear"], style: { head: [], border: [] } });
  const { ndcgAt10, recallAt10, latencyMs, clearLatencyMs, bytesPerQuery } = report;
  table.push(
    ["nDCG@10", ndcgAt10.private.toFixed(4), ndcgAt10.clear.toFixed(4)],
    ["recall@10", recallAt10.private.toFixed(4), recallAt10.clear.toFixed(4)],
    ["p50 ms", latencyMs.p50.toFixed(0), clearLatencyMs.p50.toFixed(0)],
    ["p95 ms", latencyMs.p95.toFixed(0), clearLatencyMs.p95.toFixed(0)],
  );
  process.stdout.write(
    `${report.parties.map(({ name, passages }) => `${name}: ${String(passages)} passages`).join(", ")}; ${String(report.queries)} queries, ${report.encoder.spec} on ${report.encoder.device}\n${table.toString()}\n` +
      `same top ${String(k)} in private as in clear: ${(100 * report.overlapAtK).toFixed(1)} %\n` +
      `bytes a query: ${String(bytesPerQuery.up)} up, ${String(bytesPerQuery.down)} down; hints once: ${String(report.hintBytes)}\ningest: ${String(report.ingest.passagesPerSecond)} passages a second\n`,
  );
}
