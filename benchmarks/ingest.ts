import type { Command } from "commander";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { LocalFederation } from "../cli/local-federation.ts";
import { openNodeStore } from "../cli/node-store.ts";
import { wholeNumber } from "../cli/options.ts";
import { openEncoder } from "../party-node/encoders/index.ts";
import { openNode } from "../party-node/node-folder.ts";
import { madeUpCorpus } from "./corpus.ts";
import { indexCollection, indexingRow } from "./indexed-collection.ts";
import { type Row, median, noted, spread } from "./measure.ts";
import { type Findings, benchmarkCommand, say } from "./report.ts";
import { unitVectors } from "./vectors.ts";

const WARM_UPS = 1;
const PARTY = "party";
/** Rows for the indexing alone, in vectors of which dimension. */
const INDEXED = { rows: 25_600, dim: 384, chunk: 16 };

interface Options {
  readonly corpus?: string;
  readonly passages: number;
  readonly runs: number;
}

/** One ingest into an empty store. */
interface Ingested {
  readonly passages: number;
  /** As the command reports: reading, encoding, sealing and storing, without the process's start. */
  readonly passagesPerSecond: number;
  readonly storeBytesPerRow: number;
}

/** The real `sotto ingest` in a process of its own with the lexical encoder, each time into an empty store. */
export function ingestCommand(): Command {
  return benchmarkCommand("ingest", "reading, encoding and sealing documents; indexing vectors", runIngest)
    .option("--corpus <path>", "a file or folder to ingest instead of made-up passages")
    .option("--passages <count>", "made-up passages", wholeNumber(1, 1_000_000), 20_000)
    .option("--runs <count>", "measured runs", wholeNumber(1, 100), 7);
}

async function runIngest({ corpus, passages, runs }: Options, signal: AbortSignal): Promise<Findings> {
  const encoder = await openEncoder("lexical");
  const folder = mkdtempSync(join(tmpdir(), "sotto-corpus-"));
  try {
    const path = corpus === undefined ? join(folder, "corpus.jsonl") : resolve(corpus);
    if (corpus === undefined) writeFileSync(path, madeUpCorpus(passages));
    const ingested: Ingested[] = [];
    for (let run = 0; run < WARM_UPS + runs; run++) {
      say(`ingesting, run ${run + 1} of ${WARM_UPS + runs}`);
      signal.throwIfAborted();
      await using federation = new LocalFederation({ parties: [{ name: PARTY, paths: [path] }], encoder });
      const one = await ingestOnce(federation);
      if (run >= WARM_UPS) ingested.push(one);
    }
    say("indexing");
    const indexed = await indexCollection(unitVectors(INDEXED.rows, INDEXED.dim), INDEXED);
    return {
      parameters: {
        corpus: corpus ?? "made up",
        passages: ingested[0]!.passages,
        encoder: encoder.spec,
        dim: encoder.dim,
        runs,
        indexed: INDEXED,
      },
      rows: [...ingestRows(ingested, encoder.dim), indexingRow(indexed)],
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await encoder.close();
  }
}

async function ingestOnce(federation: LocalFederation): Promise<Ingested> {
  const report = { passages: 0, seconds: 0 };
  await federation.ingest((_, event) => {
    if (event.event === "ingested") Object.assign(report, { passages: event.passages, seconds: event.seconds });
  });
  const node = openNode(federation.folderOf(PARTY));
  const store = openNodeStore(node);
  const rows = store.rowCount;
  store.close();
  return {
    passages: report.passages,
    passagesPerSecond: report.passages / report.seconds,
    storeBytesPerRow: statSync(node.folder.storePath).size / rows,
  };
}

function ingestRows(ingested: readonly Ingested[], dim: number): Row[] {
  const rates = ingested.map(({ passagesPerSecond }) => passagesPerSecond);
  const bytes = ingested.map(({ storeBytesPerRow }) => storeBytesPerRow);
  const float32Bytes = 4 * dim;
  return [
    noted("sotto ingest, lexical encoder", median(rates), "passages a second", rates),
    {
      ...noted("store, sealed, with the text", median(bytes), "bytes a row"),
      spread: spread(bytes),
      opponent: `the float32 vector alone: ${float32Bytes} bytes`,
      ratio: median(bytes) / float32Bytes,
    },
  ];
}
