import { join } from "node:path";
import type { Command } from "commander";
import { defaultChunk } from "../cli/default-chunk.ts";
import { wholeNumber } from "../cli/options.ts";
import { type BlockRow, type RingLayout, type ScoringIndex, ringLayout } from "../crypto/index.ts";
import { RlweAsker } from "../crypto/secret/index.ts";
import { encoderInput } from "../party-node/documents/passage.ts";
import { type Encoder, openEncoder } from "../party-node/encoders/index.ts";
import { openScoringIndex } from "../party-node/scoring/index.ts";
import { loadBeirSet } from "../simulations/beir.ts";
import { mean, ndcgAtK, overlapAtK } from "../simulations/metrics.ts";
import { K, encodeAll, nearest, sample } from "./exact-search.ts";
import { HINT_KEY } from "./indexed-collection.ts";
import type { Row } from "./measure.ts";
import { PARTY } from "./querier.ts";
import { type Findings, benchmarkCommand, say } from "./report.ts";

/** nDCG@10 that encrypting may cost. */
const COST_MAX = 0.005;

interface Options {
  readonly data: string;
  readonly sets: string;
  readonly encoder: string;
  readonly scoreBits: number;
  readonly limit: number;
}

/** What encrypted scores cost in ranking: each set's questions ranked by decrypted scores and by exact inner products of the same vectors. */
export function precisionCommand(): Command {
  return benchmarkCommand("precision", "what encrypting costs in ranking, on public question sets", runPrecision)
    .requiredOption("--data <folder>", "where each set has its folder with corpus.jsonl, queries.jsonl and qrels.tsv")
    .option(
      "--sets <names>",
      "folders of sets, with commas between",
      "scifact,medquad-qa,pubmedqa,med,cranfield,tatqa,policyqa,xquad-en",
    )
    .option("--encoder <spec>", "as in `sotto federation create`", "lexical")
    .option("--score-bits <p>", "bits of a score that the querier receives", wholeNumber(8, 31), 14)
    .option("--limit <count>", "queries of each set", wholeNumber(1, 1_000_000), 300);
}

async function runPrecision(options: Options, signal: AbortSignal): Promise<Findings> {
  const { data, sets, encoder: spec, scoreBits, limit } = options;
  const encoder = await openEncoder(spec);
  const rows: Row[] = [];
  try {
    for (const name of sets.split(",")) {
      say(name);
      rows.push(...(await measureSet(name, join(data, name), encoder, options)));
      signal.throwIfAborted();
    }
  } finally {
    await encoder.close();
  }
  return { parameters: { encoder: spec, dim: encoder.dim, scoreBits, limit, k: K }, rows };
}

async function measureSet(name: string, folder: string, encoder: Encoder, options: Options): Promise<Row[]> {
  const set = await loadBeirSet(folder);
  const passages = await encodeAll(encoder, set.documents.map(encoderInput));
  const { dim, normMax } = encoder;
  const seed = new Uint8Array(32).fill(1);
  const layout = ringLayout({ dim, chunk: defaultChunk(dim), normMax, scoreBits: options.scoreBits, seed });
  const search = await openEncryptedSearch(passages, layout);
  const figures: { readonly encrypted: number; readonly clear: number; readonly overlap: number }[] = [];
  try {
    for (const { id, text } of sample(set.queries, options.limit)) {
      const question = await encoder.encodeQuery(text);
      const [clear, encrypted] = [nearest(question, passages), await search.nearest(question)].map((rows) =>
        rows.map((row) => set.documents[row]!.id),
      ) as [string[], string[]];
      const grades = set.qrels.get(id)!;
      figures.push({
        encrypted: ndcgAtK(encrypted, grades, K),
        clear: ndcgAtK(clear, grades, K),
        overlap: overlapAtK(encrypted, clear, K),
      });
    }
  } finally {
    await search.close();
  }
  const [encrypted, clear] = [mean(figures.map((one) => one.encrypted)), mean(figures.map((one) => one.clear))];
  const same = mean(figures.map((one) => one.overlap));
  const of = `${passages.length.toLocaleString("en")} passages, ${figures.length} queries`;
  return [
    {
      name: `${name}: nDCG@${K} lost (${of})`,
      value: Math.abs(clear - encrypted),
      unit: `of ${clear.toFixed(4)}`,
      opponent: "exact inner products",
      ratio: encrypted / clear,
      spread: null,
      target: `<= ${COST_MAX}`,
      met: Math.abs(clear - encrypted) <= COST_MAX,
    },
    {
      name: `${name}: same top ${K}`,
      value: same,
      unit: "of them",
      opponent: null,
      ratio: null,
      spread: null,
      target: null,
      met: null,
    },
  ];
}

/** The whole encrypted path without a network. */
async function openEncryptedSearch(
  passages: readonly Float32Array[],
  layout: RingLayout,
): Promise<{ nearest(question: Float32Array): Promise<number[]>; close(): Promise<void> }> {
  const index = openScoringIndex({ layout, hintKey: HINT_KEY, cachePath: null });
  const { rowsPerBlock } = layout;
  for (let block = 0; block * rowsPerBlock < passages.length; block++) {
    const rows: BlockRow[] = passages
      .slice(block * rowsPerBlock, (block + 1) * rowsPerBlock)
      .map((vector, slot) => ({ slot, vector }));
    await index.stage(block, rows);
  }
  index.commit();
  const asker = new RlweAsker(layout, { poolSize: 0 });
  return {
    nearest: (question) => ask(asker, index, layout, question),
    close: () => {
      asker.close();
      return index.close();
    },
  };
}

/** @returns The K best rows, numbered as the passages are. */
async function ask(
  asker: RlweAsker,
  index: ScoringIndex,
  { rowsPerBlock, scoreBytesPerBlock: bytes }: RingLayout,
  question: Float32Array,
): Promise<number[]> {
  const { query, secrets } = await asker.ask(question);
  const { blocks, scores } = await index.answer(query);
  const scored = blocks.flatMap(({ block }, i) =>
    [...secrets.read(PARTY, index.describe(block)!, scores.subarray(i * bytes, (i + 1) * bytes))].map(
      (score, slot) => ({ row: block * rowsPerBlock + slot, score: Number.isNaN(score) ? -Infinity : score }),
    ),
  );
  secrets[Symbol.dispose]();
  return scored
    .sort((a, b) => b.score - a.score || a.row - b.row)
    .slice(0, K)
    .map(({ row }) => row);
}
