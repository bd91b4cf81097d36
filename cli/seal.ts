import { SingleBar, Presets } from "cli-progress";
import { Command, InvalidArgumentError } from "commander";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Encoder, openEncoder } from "../party-node/encoders/index.ts";
import { loadBeirCorpus, loadBeirQueries, loadQrels } from "../simulations/beir.ts";
import {
  type Recommendation,
  type TuneResult,
  drawTuning,
  encodeCollection,
  gridTable,
  inWords,
  leakageTable,
  recommend,
  tuneSealing,
} from "../simulations/sealing/index.ts";
import { wholeNumber } from "./options.ts";
import { jsonLine } from "./printable.ts";
import { onStop } from "./supervision.ts";

interface TuneCommandOptions {
  readonly corpus: string;
  readonly queries: string;
  readonly qrels: string;
  readonly encoder: string;
  readonly beta?: readonly number[];
  readonly epsilon?: readonly (number | null)[];
  readonly recallLoss: number;
  readonly candidatesMax?: number;
  readonly rotation: boolean;
  readonly limit?: number;
  readonly rows?: number;
  readonly seed: number;
  readonly json: boolean;
  readonly svg?: string;
}

/** What `sotto seal tune --json` prints. */
export interface TuneReport extends TuneResult, Recommendation {
  readonly encoder: { readonly spec: string; readonly device: string };
  readonly recallLossMax: number;
  readonly candidatesMax: number;
  readonly rotation: boolean;
  readonly seed: number;
  /** The same in sentences. */
  readonly words: readonly string[];
}

export function sealCommand(): Command {
  const tune = new Command("tune")
    .description("what beta and epsilon cost in answers, and what an untrusted host still sees of your collection")
    .requiredOption("--corpus <folder>", "a folder with corpus.jsonl")
    .requiredOption("--queries <file>", "queries.jsonl with _id and text")
    .requiredOption("--qrels <file>", "tab-separated: query id, document id, grade")
    .option("--encoder <spec>", "lexical, lexical:D, onnx:DIR or hybrid(...)", "lexical")
    .option(
      "--beta <list>",
      "shares of the encoder's largest norm, as for `sotto collection create`, with commas between; default 0.1 to 30",
      parseBetas,
    )
    .option(
      "--epsilon <list>",
      "as for `sotto collection create`, with commas between, `none` for no DistanceDP; default: none, and noise a quarter as long as a question, half and as long",
      parseEpsilons,
    )
    .option("--recall-loss <share>", "tolerated share of the exact top ten that is lost", parseShare, 0.01)
    .option(
      "--candidates-max <count>",
      "most candidates a question; default 256 or a tenth of the rows",
      wholeNumber(15, 2048),
    )
    .option("--rotation", "rotate by a secret map first (changes no figure: all are of distances)", false)
    .option("--limit <count>", "at most this many queries", wholeNumber(1, 1_000_000))
    .option("--rows <count>", "at most this many documents, the relevant ones first", wholeNumber(50, 10_000_000))
    .option("--seed <number>", "of samples and k-means", wholeNumber(0, 2 ** 31), 1)
    .option("--svg <file>", "draw the plot into this file")
    .option("--json", "print one JSON object as the last line", false)
    .action(runTune);
  return new Command("seal").description("collections kept by somebody you do not trust").addCommand(tune);
}

function parseNumbers(text: string): number[] {
  return text.split(",").map((part) => {
    const value = Number(part);
    if (part.trim() === "" || !Number.isFinite(value) || value <= 0)
      throw new InvalidArgumentError("expected numbers above 0 with commas between");
    return value;
  });
}

function parseBetas(text: string): number[] {
  return [...new Set(parseNumbers(text))].sort((a, b) => a - b);
}

function parseEpsilons(text: string): (number | null)[] {
  const named = text.split(",");
  const numbers = named.filter((part) => part.trim() !== "none");
  const values = numbers.length === 0 ? [] : parseNumbers(numbers.join(","));
  return [...(numbers.length < named.length ? [null] : []), ...[...new Set(values)].sort((a, b) => b - a)];
}

function parseShare(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value > 0 && value < 1))
    throw new InvalidArgumentError("expected a share above 0 and below 1");
  return value;
}

/** Shares of the encoder's largest norm. */
const BETAS = [0.1, 0.3, 0.6, 1, 1.25, 1.5, 2, 3, 5, 10, 30];
/** Lengths of DistanceDP's noise, in lengths of the question. */
const NOISE_LENGTHS = [0.25, 0.5, 1];
const CANDIDATES_DEFAULT = 256;

function epsilonsFor({ dim }: Encoder): (number | null)[] {
  return [null, ...NOISE_LENGTHS.map((length) => Number((dim / length).toPrecision(2)))];
}

async function runTune(options: TuneCommandOptions): Promise<void> {
  const stop = new AbortController();
  onStop(() => {
    stop.abort();
  });
  const { signal } = stop;
  const corpus = join(options.corpus, "corpus.jsonl");
  const set = {
    documents: await loadBeirCorpus(corpus),
    queries: await loadBeirQueries(options.queries),
    qrels: await loadQrels(options.qrels),
  };
  const encoder = await openEncoder(options.encoder);
  try {
    const { limit, rows, seed, rotation, recallLoss: recallLossMax } = options;
    const collection = await withBar("encoding", (onProgress) =>
      encodeCollection(set, encoder, { limit, rows, seed, signal, onProgress }),
    );
    const candidatesMax =
      options.candidatesMax ?? Math.min(CANDIDATES_DEFAULT, Math.max(15, Math.ceil(collection.rows.rows / 10)));
    const result = await withBar("sealing", (onProgress) =>
      tuneSealing(collection, {
        betas: options.beta ?? BETAS,
        epsilons: options.epsilon ?? epsilonsFor(encoder),
        recallLossMax,
        candidatesMax,
        rotation,
        seed,
        signal,
        onProgress,
      }),
    );
    const recommendation = recommend(result, recallLossMax);
    const words = inWords(result, recommendation, recallLossMax);
    const { spec, device } = encoder;
    const report: TuneReport = {
      encoder: { spec, device },
      recallLossMax,
      candidatesMax,
      rotation,
      seed,
      ...result,
      ...recommendation,
      words,
    };
    if (options.svg !== undefined) await writeFile(options.svg, await drawTuning(result, recommendation));
    process.stdout.write(options.json ? jsonLine(report) : inTables(report));
  } finally {
    await encoder.close();
  }
}

function inTables(report: TuneReport): string {
  const { encoder, rows, queries, dim, normMax, clearNdcgAt10, words } = report;
  return [
    `${encoder.spec}: ${dim} dimensions, norms up to ${normMax.toPrecision(3)}; ${rows} passages, ${queries} queries, nDCG@10 in the open ${clearNdcgAt10.toFixed(3)}`,
    `\nAnswers, by beta (a share of the largest norm) and epsilon (per unit of distance between questions of norm 1)\n${gridTable(report)}`,
    `\nWhat stored rows show to their host, by beta (no epsilon changes it)\n${leakageTable(report)}`,
    ...words.map((paragraph) => `\n${paragraph}`),
    "",
  ].join("\n");
}

async function withBar<Value>(
  what: string,
  work: (onProgress: (done: number, total: number) => void) => Promise<Value>,
): Promise<Value> {
  const bar = new SingleBar(
    {
      format: `  ${what.padEnd(8)} {bar} {percentage}%  {value}/{total}`,
      stream: process.stderr,
      noTTYOutput: true,
      notTTYSchedule: 2000,
      barsize: 24,
      hideCursor: true,
    },
    Presets.shades_classic,
  );
  bar.start(1, 0);
  try {
    return await work((done, total) => {
      bar.setTotal(total);
      bar.update(done);
    });
  } finally {
    bar.stop();
  }
}
