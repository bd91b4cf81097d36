import { Command, InvalidArgumentError, Option } from "commander";
import { SingleBar, Presets } from "cli-progress";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { Fault } from "../crypto/index.ts";
import type { CitedPassage, HostedOutcome } from "../party-node/asking/index.ts";
import { type Encoder, openEncoder } from "../party-node/encoders/index.ts";
import { limits, memberName } from "../protocol/index.ts";
import { type BeirQuery, type Qrels, loadBeirQueries, loadQrels } from "../simulations/beir.ts";
import { mean, ndcgAtK, overlapAtK, percentile, recallAtK } from "../simulations/metrics.ts";
import { type IngestEvent, LocalFederation, type LocalParty } from "./local-federation.ts";
import { parseBeta, epsilonPerDistance, wholeNumber } from "./options.ts";
import { jsonLine } from "./printable.ts";
import { ProgressBars } from "./progress.ts";
import { onStop } from "./supervision.ts";
import { printVerticalReport, verticalTrial } from "./trial-vertical.ts";
import { type RoutedQuery, askRouted, meanOver, parseCounts, passageKey, routingFigures } from "./trial-routing.ts";
import { type Figures, type TrialMode, type TrialReport, printReport } from "./trial-report.ts";

interface Options {
  /** Empty in a vertical trial. */
  readonly party?: readonly LocalParty[];
  readonly vertical: boolean;
  readonly corpus?: string;
  readonly queries: string;
  readonly qrels: string;
  readonly k: number;
  readonly encoder: string;
  readonly mode: TrialMode;
  readonly beta?: number;
  readonly epsilon?: number;
  readonly rotation: boolean;
  readonly limit?: number;
  readonly route?: readonly number[];
  readonly json: boolean;
}

interface Run {
  readonly rankings: readonly (readonly CitedPassage[])[];
  readonly totalsMs: readonly number[];
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly hintBytes: number;
  /** How each hosted collection was asked, of every query. */
  readonly collections: readonly HostedOutcome[];
  readonly filled: Ingested | undefined;
  readonly routed: readonly RoutedQuery[];
}

export function trialCommand(): Command {
  return new Command("trial")
    .description("your own corpora in a temporary local federation: every query once encrypted, once in clear")
    .option("--party <name=dir>", "a party and its folder with corpus.jsonl; give several", parseParty)
    .option(
      "--vertical",
      "titles at one party, texts at another: the parties' scores are added under encryption",
      false,
    )
    .option("--corpus <dir>", "with --vertical, in place of parties: the folder with the corpus.jsonl that is divided")
    .requiredOption("--queries <file>", "queries.jsonl with _id and text")
    .requiredOption("--qrels <file>", "tab-separated: query id, document id, grade")
    .option("-k <count>", "passages a query", wholeNumber(1, limits.fetchHandlesMax), 10)
    .option("--encoder <spec>", "lexical, lexical:D, onnx:DIR or hybrid(...)", "lexical")
    .addOption(
      new Option(
        "--mode <mode>",
        "private: the parties serve; outsourced, double: a host keeps their sealed collections",
      )
        .choices(["private", "outsourced", "double"])
        .default("private"),
    )
    .option("--beta <share>", "as for `sotto collection create`", parseBeta)
    .option("--epsilon <per-distance>", "as for `sotto collection create`", epsilonPerDistance)
    .option("--no-rotation", "as for `sotto collection create`")
    .option(
      "--route <counts>",
      "ask every query again of so many likeliest parties, as `sotto query --route` does; several joined by commas",
      parseCounts,
    )
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

/** Ends the program as the command line's own errors do. */
function refuseUnfit({ party = [], vertical, corpus, mode, route }: Options, command: Command): void {
  if (vertical && (corpus === undefined || party.length > 0 || mode !== "private" || route))
    command.error(
      "error: option '--vertical' takes '--corpus <dir>', which it divides, and none of '--party', '--mode', '--route'",
    );
  if (!vertical && corpus !== undefined) command.error("error: option '--corpus <dir>' belongs to '--vertical'");
  if (route && mode !== "private")
    command.error("error: option '--route' goes with '--mode private': hosts show no summaries");
  if (!vertical && party.length === 0) command.error("error: required option '--party <name=dir>' not specified");
}

async function runTrial(options: Options, command: Command): Promise<void> {
  refuseUnfit(options, command);
  const qrels = await loadQrels(options.qrels);
  const judged = (await loadBeirQueries(options.queries)).filter(({ id }) => qrels.has(id)).slice(0, options.limit);
  if (judged.length === 0)
    throw new Fault("NOTHING_TO_ASK", "no query has a judgement in the qrels file; do the two files belong together?");
  const encoder = await openEncoder(options.encoder);
  try {
    if (options.vertical) {
      const { corpus = ".", k } = options;
      const report = await verticalTrial({ corpus, queries: judged, qrels, k, encoder });
      if (options.json) process.stdout.write(jsonLine(report));
      else printVerticalReport(report, k);
      return;
    }
    const report = await trial(options, judged, qrels, encoder);
    if (options.json) process.stdout.write(jsonLine(report));
    else printReport(report, options.k);
  } finally {
    await encoder.close();
  }
}

async function trial(
  options: Options,
  queries: readonly BeirQuery[],
  qrels: Qrels,
  encoder: Encoder,
): Promise<TrialReport> {
  const { party: parties = [], k, mode } = options;
  await using federation = new LocalFederation({ parties, encoder, routable: options.route !== undefined });
  const stop = new AbortController();
  onStop(() => {
    stop.abort();
  });
  const stored = await withBars(parties, (onEvent) => federation.ingest(onEvent));
  const open = await askAll(federation, { mode: "clear", queries, k, signal: stop.signal });
  const fill = (): Promise<Ingested> =>
    withBars(parties, (onEvent) => federation.fillCollections(createArguments(options), onEvent));
  const hidden = await askAll(federation, {
    mode,
    queries,
    k,
    signal: stop.signal,
    route: options.route ?? [],
    ...(mode === "private" ? {} : { fill }),
  });
  const ingested = hidden.filled ?? stored;
  const measure = (metric: typeof ndcgAtK): Figures => {
    const over = ({ rankings }: Run): number => meanOver(metric, rankings, queries, qrels);
    return { [mode]: over(hidden), clear: over(open) };
  };
  const keys = ({ rankings }: Run, i: number): string[] => (rankings[i] ?? []).map(passageKey);
  return {
    mode,
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
    sealing: sealingOf(hidden.collections),
    routing: (options.route ?? []).map((route) =>
      routingFigures(
        route,
        hidden.routed.filter((one) => one.route === route),
        { rankings: hidden.rankings, queries, qrels, parties: parties.length },
      ),
    ),
  };
}

function createArguments({ mode, beta, epsilon, rotation }: Options): string[] {
  const option = (name: string, value: number | undefined): string[] =>
    value === undefined ? [] : [name, String(value)];
  return [
    "--mode",
    mode,
    ...option("--beta", beta),
    ...option("--epsilon", epsilon),
    ...(rotation ? [] : ["--no-rotation"]),
  ];
}

function sealingOf(collections: readonly HostedOutcome[]): TrialReport["sealing"] {
  const [first] = collections;
  if (!first) return null;
  const counts = collections.map(({ candidates }) => candidates);
  const { beta, epsilon } = first;
  return {
    beta,
    epsilon,
    candidates: { min: Math.min(...counts), mean: mean(counts), max: Math.max(...counts) },
    missShare: mean(collections.map(({ missShare }) => missShare)),
  };
}

type Ingested = ReadonlyMap<string, { readonly passages: number; readonly seconds: number }>;

async function withBars(
  parties: readonly LocalParty[],
  work: (onEvent: (party: string, event: IngestEvent) => void) => Promise<void>,
): Promise<Ingested> {
  const bars = new ProgressBars({ names: parties.map(({ name }) => name), show: true });
  const ingested = new Map<string, { passages: number; seconds: number }>();
  try {
    await work((party, event) => {
      if (event.event === "progress") bars.update(party, event);
      else ingested.set(party, event);
    });
  } finally {
    bars.stop();
  }
  return ingested;
}

interface Questions {
  readonly mode: TrialMode | "clear";
  readonly queries: readonly BeirQuery[];
  readonly k: number;
  readonly signal: AbortSignal;
  /** Asked again of so many parties. */
  readonly route?: readonly number[];
  /** Called once the federation runs. */
  readonly fill?: () => Promise<Ingested>;
}

async function askAll(
  federation: LocalFederation,
  { mode, queries, k, signal, route: routes = [], fill }: Questions,
): Promise<Run> {
  await federation.start(mode === "private" || mode === "clear" ? mode : "hosted");
  const filled = await fill?.();
  const bar = new SingleBar(
    {
      format: `  ${mode.padEnd(10)} {bar} {percentage}%  {value}/{total} queries`,
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
  const collections: HostedOutcome[] = [];
  const routed: RoutedQuery[] = [];
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
      collections.push(...parties.flatMap(({ collection }) => collection ?? []));
      rankings.push(passages);
      totalsMs.push(timingsMs.total);
      const { up: upNow, down: downNow } = { up, down };
      for (const route of routes) routed.push(await askRouted(client, text, { k, route, signal }));
      [up, down] = [upNow, downNow];
      bar.increment();
    }
  } finally {
    bar.stop();
    client.close();
    await federation.stop();
  }
  const [bytesUp, bytesDown] = [up - before.up, down - before.down];
  return { rankings, totalsMs, bytesUp, bytesDown, hintBytes, collections, filled, routed };
}
