import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { wholeNumber } from "../cli/options.ts";
import { encoderInput } from "../party-node/documents/index.ts";
import { type Encoder, openEncoder } from "../party-node/encoders/index.ts";
import { loadBeirSet } from "../simulations/beir.ts";
import { type SearchedVectors, measureCodes, readNpy } from "../simulations/codes/index.ts";
import { mean } from "../simulations/metrics.ts";
import { matrixOf, pick } from "../simulations/sealing/matrix.ts";
import { encodeAll, sample } from "./exact-search.ts";
import { noted, type Row } from "./measure.ts";
import { type EncoderRecall, drawRecall, recallTables } from "./recall-document.ts";
import { type Findings, benchmarkCommand, say } from "./report.ts";

interface Options {
  readonly data: string;
  readonly sets: string;
  readonly encoder: readonly string[];
  readonly vectors?: string;
  readonly bits: readonly number[];
  readonly limit: number;
  readonly seed: number;
  readonly write?: string;
}

/** Binary vectors a code, at equal total bits. */
const LAYERS = [1, 2, 4];
/** Of vectors without questions every fifth asks for the others. */
const ASKING = 5;

/** What retrieval codes lose against the vectors they are made from. */
export function recallCommand(): Command {
  return benchmarkCommand("recall", "what codes find of what vectors find, on public question sets", runRecall)
    .requiredOption("--data <folder>", "where each set has its folder with corpus.jsonl, queries.jsonl and qrels.tsv")
    .option(
      "--sets <names>",
      "folders of sets, with commas between",
      "scifact,medquad-qa,pubmedqa,med,cranfield,tatqa,policyqa,xquad-en",
    )
    .option("--encoder <specs...>", "as in `sotto federation create`; several may follow each other", ["lexical"])
    .option("--vectors <file>", "besides, a float32 matrix as .npy, of which every fifth row asks for the others")
    .option("--bits <list>", "lengths of codes, with commas between", parseLengths, [64, 128, 256, 512, 1024])
    .option("--limit <count>", "queries of each set", wholeNumber(1, 1_000_000), 300)
    .option("--seed <number>", "of rotations and samples, 0 to 255", wholeNumber(0, 255), 1)
    .option("--write <folder>", "write codes-tables.md and codes.svg there");
}

function parseLengths(text: string): number[] {
  return text.split(",").map(wholeNumber(64, 1024));
}

async function runRecall(options: Options, signal: AbortSignal): Promise<Findings> {
  const { bits, limit, seed, vectors, write } = options;
  const all: EncoderRecall[] = [];
  for (const spec of options.encoder) {
    const encoder = await openEncoder(spec);
    try {
      all.push(await measureEncoder(encoder, options, signal));
    } finally {
      await encoder.close();
    }
  }
  if (vectors !== undefined) all.push(await measureFile(vectors, options, signal));
  if (write !== undefined) {
    writeFileSync(join(write, "codes-tables.md"), await recallTables(all));
    writeFileSync(join(write, "codes.svg"), await drawRecall(all));
  }
  const parameters = { encoders: all.map(({ encoder, dim }) => ({ encoder, dim })), bits, limit, seed };
  return { parameters, rows: all.flatMap(rowsOf) };
}

async function measureEncoder(encoder: Encoder, options: Options, signal: AbortSignal): Promise<EncoderRecall> {
  const sets: EncoderRecall["sets"][number][] = [];
  for (const name of options.sets.split(",")) {
    say(`${encoder.spec}: ${name}`);
    const vectors = await encodeSet(join(options.data, name), encoder, options.limit);
    sets.push({ name, results: await measureCodes(vectors, { ...options, layers: LAYERS, signal }) });
  }
  return { encoder: encoder.spec, dim: encoder.dim, sets };
}

async function encodeSet(folder: string, encoder: Encoder, limit: number): Promise<SearchedVectors> {
  const { documents, queries, qrels } = await loadBeirSet(folder);
  const asked = sample(queries, limit);
  const questions: Float32Array[] = [];
  for (const { text } of asked) questions.push(await encoder.encodeQuery(text));
  const rowOf = new Map(documents.map(({ id }, at) => [id, String(at)]));
  const grades = asked.map(({ id }) => new Map([...qrels.get(id)!].map(([of, grade]) => [rowOf.get(of) ?? of, grade])));
  const rows = matrixOf(await encodeAll(encoder, documents.map(encoderInput)), encoder.dim);
  return { rows, questions: matrixOf(questions, encoder.dim), grades };
}

async function measureFile(path: string, options: Options, signal: AbortSignal): Promise<EncoderRecall> {
  say(path);
  const all = readNpy(path);
  const indices = Array.from({ length: all.rows }, (_, i) => i);
  const rows = pick(
    all,
    indices.filter((i) => i % ASKING !== 0),
  );
  const questions = pick(
    all,
    sample(
      indices.filter((i) => i % ASKING === 0),
      options.limit,
    ),
  );
  const results = await measureCodes({ rows, questions, grades: null }, { ...options, layers: LAYERS, signal });
  return { encoder: path, dim: all.width, sets: [{ name: "its rows", results }] };
}

/** Means over the sets. */
function rowsOf({ encoder, sets }: EncoderRecall): Row[] {
  const first = sets[0]!.results;
  return first.figures.flatMap(({ bits, layers }, i) => {
    const name = `${encoder}, ${bits} bits${layers === 1 ? "" : ` in ${layers} layers`}`;
    const figures = sets.map(({ results }) => results.figures[i]!);
    const balanced = figures.flatMap(({ balance }) => (balance ? [balance.balanced] : []));
    return [
      noted(`${name}: recall@100`, mean(figures.map(({ recallAt100 }) => recallAt100)), "of the exact"),
      ...(balanced.length === 0 ? [] : [noted(`${name}: balanced bits`, mean(balanced), "of all")]),
    ];
  });
}
