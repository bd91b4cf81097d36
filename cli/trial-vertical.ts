import { Presets, SingleBar } from "cli-progress";
import Table from "cli-table3";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Fault, ringLayout, totalBounds } from "../crypto/index.ts";
import type { CitedPassage } from "../party-node/asking/index.ts";
import type { Encoder } from "../party-node/encoders/index.ts";
import type { BeirQuery, Qrels } from "../simulations/beir.ts";
import { mean, ndcgAtK, overlapAtK, percentile, recallAtK } from "../simulations/metrics.ts";
import { defaultChunk } from "./default-chunk.ts";
import { LocalFederation } from "./local-federation.ts";
import { ProgressBars } from "./progress.ts";
import { onStop } from "./supervision.ts";
import { bestOf, centralisedScores, splitCorpus } from "./vertical-corpus.ts";

/** As `LocalFederation` chooses them. */
const SCORE_BITS = 14;
/** No score is taken to be off by more than so many deviations: two that are closer than twice that may change places. */
const DEVIATIONS = 4;

/** One figure with and without the federation. */
interface Figures {
  readonly vertical: number;
  readonly centralised: number;
}

/** What `sotto trial --vertical --json` prints. */
export interface VerticalReport {
  readonly mode: "vertical";
  readonly parties: readonly { readonly name: string; readonly passages: number }[];
  readonly entities: number;
  readonly queries: number;
  readonly ndcgAt10: Figures;
  readonly recallAt10: Figures;
  /** Mean of |top k, centralised top k| / k. */
  readonly overlapAtK: number;
  /** Share of queries whose top k has the same entities as the centralised one. */
  readonly sameTopK: number;
  /** Share of queries whose ranking is the centralised one, but for scores closer than 8 of the stated deviations. */
  readonly equalWithinError: number;
  /** Of the scores shown, against the sums computed in one place; `stated` is the standard deviation that the parameters give for vectors at their largest norm. */
  readonly scoreError: { readonly rms: number; readonly max: number; readonly stated: number };
  readonly latencyMs: { readonly p50: number; readonly p95: number };
  readonly bytesPerQuery: { readonly up: number; readonly down: number };
  readonly hintBytes: number;
  readonly encoder: { readonly spec: string; readonly device: string };
}

export interface VerticalTrialOptions {
  readonly corpus: string;
  readonly queries: readonly BeirQuery[];
  readonly qrels: Qrels;
  readonly k: number;
  readonly encoder: Encoder;
}

interface Run {
  readonly rankings: readonly (readonly CitedPassage[])[];
  readonly totalsMs: readonly number[];
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly hintBytes: number;
}

/** Titles at one party, texts at another, every query encrypted, and beside it the same sums in one place. */
export async function verticalTrial(options: VerticalTrialOptions): Promise<VerticalReport> {
  const { corpus, queries, qrels, k, encoder } = options;
  const folder = mkdtempSync(join(tmpdir(), "sotto-vertical-"));
  try {
    const { entities, parties, alignmentPath } = await splitCorpus(corpus, folder);
    await using federation = new LocalFederation({ parties, encoder, alignmentPath });
    const ingested = await ingestAll(
      federation,
      parties.map(({ name }) => name),
    );
    const run = await askAll(federation, options);
    const central = await centralisedScores(entities, queries, encoder);
    return {
      mode: "vertical",
      parties: parties.map(({ name }) => ({ name, passages: ingested.get(name) ?? 0 })),
      entities: entities.length,
      queries: queries.length,
      ...compare({ queries, qrels, k, rankings: run.rankings, central, deviation: statedDeviation(encoder) }),
      latencyMs: { p50: percentile(run.totalsMs, 50), p95: percentile(run.totalsMs, 95) },
      bytesPerQuery: {
        up: Math.round(run.bytesUp / queries.length),
        down: Math.round(run.bytesDown / queries.length),
      },
      hintBytes: run.hintBytes,
      encoder: { spec: encoder.spec, device: encoder.device },
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function statedDeviation({ dim, normMax }: Encoder): number {
  const layout = ringLayout({
    dim,
    chunk: defaultChunk(dim),
    normMax: 2 * normMax,
    scoreBits: SCORE_BITS,
    seed: new Uint8Array(32),
    parties: 2,
  });
  return totalBounds(layout).deviation;
}

interface Comparison {
  readonly queries: readonly BeirQuery[];
  readonly qrels: Qrels;
  readonly k: number;
  readonly rankings: Run["rankings"];
  readonly central: readonly ReadonlyMap<string, number>[];
  readonly deviation: number;
}

type Compared = Pick<
  VerticalReport,
  "ndcgAt10" | "recallAt10" | "overlapAtK" | "sameTopK" | "equalWithinError" | "scoreError"
>;

function compare({ queries, qrels, k, rankings, central, deviation }: Comparison): Compared {
  const ours = rankings.map((ranking) => ranking.map(({ documentId }) => documentId));
  const theirs = central.map((scores) => bestOf(scores, Math.max(k, 10)));
  const ids = theirs.map((best) => best.map(({ id }) => id));
  const over = (metric: typeof ndcgAtK, of: readonly (readonly string[])[]): number =>
    mean(queries.map(({ id }, i) => metric(of[i] ?? [], qrels.get(id) ?? new Map<string, number>(), 10)));
  const both = (metric: typeof ndcgAtK): Figures => ({ vertical: over(metric, ours), centralised: over(metric, ids) });
  const overlaps = queries.map((_, i) => overlapAtK(ours[i] ?? [], ids[i] ?? [], k));
  const errors = rankings.flatMap((ranking, i) =>
    ranking.map(({ documentId, score }) => Math.abs(score - (central[i]?.get(documentId) ?? NaN))),
  );
  // Each entity shown scores, in one place, what the entity of its rank does, but for the error of both.
  const equal = queries.filter((_, i) =>
    (theirs[i] ?? []).slice(0, k).every(({ score }, rank) => {
      const shown = central[i]?.get(ours[i]?.[rank] ?? "") ?? NaN;
      return Math.abs(shown - score) <= 2 * DEVIATIONS * deviation;
    }),
  );
  return {
    ndcgAt10: both(ndcgAtK),
    recallAt10: both(recallAtK),
    overlapAtK: mean(overlaps),
    sameTopK: mean(overlaps.map((overlap) => (overlap === 1 ? 1 : 0))),
    equalWithinError: equal.length / queries.length,
    scoreError: {
      rms: Math.sqrt(mean(errors.map((error) => error * error))),
      max: Math.max(...errors),
      stated: deviation,
    },
  };
}

/** @returns Party -> passages. */
async function ingestAll(federation: LocalFederation, names: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const bars = new ProgressBars({ names, show: true });
  const passages = new Map<string, number>();
  try {
    await federation.ingest((party, event) => {
      if (event.event === "progress") bars.update(party, event);
      else passages.set(party, event.passages);
    });
  } finally {
    bars.stop();
  }
  return passages;
}

async function askAll(federation: LocalFederation, { queries, k }: VerticalTrialOptions): Promise<Run> {
  const stop = new AbortController();
  onStop(() => {
    stop.abort();
  });
  await federation.start();
  const bar = new SingleBar(
    {
      format: "  totals {bar} {percentage}%  {value}/{total} queries",
      stream: process.stderr,
      noTTYOutput: true,
      notTTYSchedule: 2000,
      barsize: 24,
      hideCursor: true,
    },
    Presets.shades_classic,
  );
  const bytes = { up: 0, down: 0 };
  using client = await federation.connect((frame) => {
    bytes[frame.direction === "out" ? "up" : "down"] += frame.bytes;
  });
  const before = { ...bytes };
  const rankings: (readonly CitedPassage[])[] = [];
  const totalsMs: number[] = [];
  bar.start(queries.length, 0);
  try {
    for (const { text } of queries) {
      await client.warm();
      const { passages, parties, timingsMs } = await client.query(text, { k, signal: stop.signal }).result;
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
  return {
    rankings,
    totalsMs,
    bytesUp: bytes.up - before.up,
    bytesDown: bytes.down - before.down,
    hintBytes: before.down,
  };
}

export function printVerticalReport(report: VerticalReport, k: number): void {
  const { parties, entities, queries, encoder, scoreError, latencyMs, bytesPerQuery, hintBytes } = report;
  const table = new Table({ head: ["", "vertical", "in one place"], style: { head: [], border: [] } });
  const both = ({ vertical, centralised }: Figures): string[] => [vertical.toFixed(4), centralised.toFixed(4)];
  table.push(["nDCG@10", ...both(report.ndcgAt10)], ["recall@10", ...both(report.recallAt10)]);
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  process.stdout.write(
    `${parties.map(({ name, passages }) => `${name}: ${String(passages)} passages`).join(", ")}; ${String(entities)} entities, ${String(queries)} queries, ${encoder.spec} on ${encoder.device}\n${table.toString()}\n` +
      `same top ${String(k)} as in one place: ${percent(report.sameTopK)} of the queries, ${percent(report.overlapAtK)} of the entities; equal but for the stated error: ${percent(report.equalWithinError)}\n` +
      `error of a score: ${scoreError.rms.toExponential(1)} rms, ${scoreError.max.toExponential(1)} at most; stated deviation ${scoreError.stated.toExponential(1)}\n` +
      `a question: ${latencyMs.p50.toFixed(0)} ms (p50), ${latencyMs.p95.toFixed(0)} ms (p95); bytes ${String(bytesPerQuery.up)} up, ${String(bytesPerQuery.down)} down; hints once: ${String(hintBytes)}\n`,
  );
}
