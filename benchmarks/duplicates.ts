import { join } from "node:path";
import type { Command } from "commander";
import { wholeNumber } from "../cli/options.ts";
import { encoderInput, split } from "../party-node/documents/index.ts";
import { type CorpusStatistics, type Encoder, openEncoder } from "../party-node/encoders/index.ts";
import { loadBeirCorpus } from "../simulations/beir.ts";
import { type DistanceFigures, type PassageHolder, measureDuplicates } from "../simulations/codes/index.ts";
import { sample } from "./exact-search.ts";
import { type Row, noted } from "./measure.ts";
import { type Findings, benchmarkCommand, say } from "./report.ts";

interface Options {
  readonly data: string;
  readonly sets: string;
  readonly encoder: string;
  readonly bits: number;
  readonly documents: number;
  readonly limit: number;
  readonly seed: number;
}

type Passages = PassageHolder["passages"];
/** Distances, as thirty-seconds of a code. */
const THRESHOLDS = [1, 2, 3, 4, 5, 6, 7, 8];
const ENCODE_BATCH = 512;

/** How far apart the codes of edited copies are, and those of different passages: where the line between them is. */
export function duplicatesCommand(): Command {
  return benchmarkCommand("duplicates", "distances of codes: copies of a passage against different ones", runDuplicates)
    .requiredOption("--data <folder>", "where each set has its folder with corpus.jsonl; each is a party")
    .option(
      "--sets <names>",
      "two folders of sets or more, with commas between",
      "scifact,medquad-qa,cranfield,policyqa",
    )
    .option("--encoder <spec>", "as in `sotto federation create`", "lexical")
    .option("--bits <count>", "length of a code: 64, 128, ... 1024", wholeNumber(64, 1024), 256)
    .option("--documents <count>", "of each set", wholeNumber(2, 1_000_000), 2000)
    .option("--limit <count>", "edited passages of each set", wholeNumber(1, 100_000), 300)
    .option("--seed <number>", "of the rotation, samples and edits, 0 to 255", wholeNumber(0, 255), 1);
}

async function runDuplicates(options: Options): Promise<Findings> {
  const { data, sets, encoder: spec, bits, documents, limit, seed } = options;
  const encoder = await openEncoder(spec);
  try {
    const held: Passages[] = [];
    for (const name of sets.split(",")) held.push(await passagesOf(join(data, name), documents));
    const holders = held.map((passages, i) => holderOf(encoder, passages, held[(i + 1) % held.length]!));
    say(`encoding and comparing ${held.flat().length} passages`);
    const thresholds = THRESHOLDS.map((part) => (part * bits) / 32);
    const figures = await measureDuplicates(holders, { dim: encoder.dim, bits, thresholds, limit, seed });
    const parameters = { encoder: spec, dim: encoder.dim, bits, thresholds, passages: held.flat().length, figures };
    return { parameters, rows: figures.flatMap((one) => rowsOf(one, thresholds)) };
  } finally {
    await encoder.close();
  }
}

async function passagesOf(folder: string, limit: number): Promise<Passages> {
  const documents = sample(await loadBeirCorpus(join(folder, "corpus.jsonl")), limit);
  return documents.flatMap(({ id, title, text }) =>
    split(text).map((passage) => ({ documentId: id, input: encoderInput({ title, text: passage }) })),
  );
}

function holderOf(encoder: Encoder, passages: Passages, others: Passages): PassageHolder {
  const half = passages.filter((_, i) => i % 2 === 1);
  const elsewhere = encoder.usesStatistics
    ? {
        "at a party with half of these passages": encodeBy(encoder, half),
        "at a party of another field": encodeBy(encoder, others),
      }
    : {};
  return { passages, encode: encodeBy(encoder, passages), elsewhere };
}

function encodeBy(encoder: Encoder, passages: Passages): PassageHolder["encode"] {
  const statistics: CorpusStatistics = encoder.statistics();
  for (const { input } of passages) statistics.add(input);
  return async (inputs) => {
    const vectors: Float32Array[] = [];
    for (let at = 0; at < inputs.length; at += ENCODE_BATCH)
      vectors.push(...(await encoder.encodePassages(inputs.slice(at, at + ENCODE_BATCH), statistics)));
    return vectors;
  };
}

function rowsOf({ name, isSame, pairs, median, edge, extreme, within }: DistanceFigures, thresholds: number[]): Row[] {
  return [
    noted(`${name} (${pairs} pairs): median`, median, "bits"),
    noted(`${name}: ${isSame ? "99th" : "first"} percentile`, edge, "bits"),
    noted(`${name}: ${isSame ? "largest" : "smallest"}`, extreme, "bits"),
    ...thresholds.map((threshold, i) => noted(`${name}: at most ${threshold} apart`, within[i]!, "of the pairs")),
  ];
}
