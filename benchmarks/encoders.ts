import { join } from "node:path";
import Table from "cli-table3";
import { Command } from "commander";
import { wholeNumber } from "../cli/options.ts";
import { encoderInput } from "../party-node/documents/passage.ts";
import { openEncoder, type Encoder } from "../party-node/encoders/index.ts";
import { loadBeirSet, type BeirQuery, type BeirSet } from "../simulations/beir.ts";
import { mean, ndcgAtK, percentile, recallAtK } from "../simulations/metrics.ts";
import { K, encodeAll, nearest, sample } from "./exact-search.ts";
import { machine, versions } from "./report.ts";

interface Spread {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

interface Result {
  readonly set: string;
  readonly encoder: string;
  readonly device: string;
  readonly dim: number;
  readonly passages: number;
  readonly queries: number;
  readonly ndcgAt10: number;
  readonly recallAt10: number;
  /** Per passage: its largest |entry|, and its norm. */
  readonly entry: Spread;
  readonly norm: Spread;
  readonly passagesPerSecond: number;
}

interface Options {
  readonly data: string;
  readonly model?: string;
  readonly sets: string;
  readonly encoders?: string;
  readonly limit?: number;
  readonly json: boolean;
}

/** How well each encoder ranks, and how large its vectors' entries and norms get: exact search in clear, no encryption. */
export function encodersCommand(): Command {
  return new Command("encoders")
    .description("how well the encoders rank on public question sets; nothing is encrypted")
    .requiredOption("--data <folder>", "where each set has its folder with corpus.jsonl, queries.jsonl and qrels.tsv")
    .option("--sets <names>", "folders of sets, with commas between", "scifact,pubmedqa,cranfield")
    .option("--model <folder>", "a sentence-transformers export to measure as well")
    .option("--encoders <specs>", "encoders to measure instead, with semicolons between")
    .option("--limit <count>", "queries of each set", wholeNumber(1, 1_000_000))
    .option("--json", "print one JSON object as the last line", false)
    .action(runEncoders);
}

async function runEncoders({ data, model, sets, encoders, limit = Infinity, json }: Options): Promise<void> {
  const results: Result[] = [];
  for (const name of sets.split(",")) {
    const set = await loadBeirSet(join(data, name));
    const queries = sample(set.queries, limit);
    for (const spec of specs(model, encoders)) {
      const encoder = await openEncoder(spec);
      const result = await measure(name, encoder, set, queries);
      results.push(model === undefined ? result : { ...result, encoder: result.encoder.replace(model, "MODEL") });
      await encoder.close();
    }
  }
  print(results);
  if (json)
    console.log(
      JSON.stringify({
        benchmark: "encoders",
        parameters: { k: K },
        machine: machine(),
        versions: versions(),
        results,
      }),
    );
}

function specs(model: string | undefined, list: string | undefined): string[] {
  if (list !== undefined) return list.split(";");
  const lexical = ["lexical", "lexical:2048"];
  return model === undefined
    ? lexical
    : [...lexical, `onnx:${model}`, `hybrid(lexical,onnx:${model})`, `hybrid(lexical:2048,onnx:${model})`];
}

async function measure(name: string, encoder: Encoder, set: BeirSet, queries: readonly BeirQuery[]): Promise<Result> {
  const started = performance.now();
  const passages = await encodeAll(encoder, set.documents.map(encoderInput));
  const seconds = (performance.now() - started) / 1000;
  const ndcg: number[] = [];
  const recall: number[] = [];
  for (const { id, text } of queries) {
    const ranking = nearest(await encoder.encodeQuery(text), passages).map((row) => set.documents[row]!.id);
    const grades = set.qrels.get(id)!;
    ndcg.push(ndcgAtK(ranking, grades, K));
    recall.push(recallAtK(ranking, grades, K));
  }
  return {
    set: name,
    encoder: encoder.spec,
    device: encoder.device,
    dim: encoder.dim,
    passages: passages.length,
    queries: queries.length,
    ndcgAt10: mean(ndcg),
    recallAt10: mean(recall),
    entry: spread(passages.map((vector) => vector.reduce((largest, entry) => Math.max(largest, Math.abs(entry)), 0))),
    norm: spread(passages.map((vector) => Math.hypot(...vector))),
    passagesPerSecond: passages.length / seconds,
  };
}

function spread(all: readonly number[]): Spread {
  return { p50: percentile(all, 50), p99: percentile(all, 99), max: percentile(all, 100) };
}

function print(rows: readonly Result[]): void {
  const table = new Table({
    head: [
      "set",
      "encoder",
      "dim",
      "nDCG@10",
      "recall@10",
      "entry p50 / p99 / max",
      "norm p50 / p99 / max",
      "passages/s",
    ],
    style: { head: [], border: [] },
  });
  const three = ({ p50, p99, max }: Spread): string => [p50, p99, max].map((value) => value.toFixed(2)).join(" / ");
  for (const row of rows) {
    table.push([
      row.set,
      row.encoder,
      row.dim,
      row.ndcgAt10.toFixed(3),
      row.recallAt10.toFixed(3),
      three(row.entry),
      three(row.norm),
      Math.round(row.passagesPerSecond),
    ]);
  }
  console.log(table.toString());
}
