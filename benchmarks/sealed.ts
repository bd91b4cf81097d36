import { type Command, Option } from "commander";
import { positiveNumber, wholeNumber } from "../cli/options.ts";
import { openNode } from "../party-node/node-folder.ts";
import { type Row, formatNumber, noted } from "./measure.ts";
import { type Findings, benchmarkCommand, say } from "./report.ts";
import { ClusteredRows } from "./sealed-data.ts";
import { encryptionRows } from "./sealed-encryption.ts";
import { type HostedSearch, type SealedFederation, fillSealedFederation } from "./sealed-federation.ts";
import { sealedQueryRows } from "./sealed-queries.ts";
import { storeRows } from "./sealed-store.ts";

interface Options {
  readonly rows: number;
  readonly dim: number;
  readonly beta: number;
  readonly search: HostedSearch;
  readonly epsilon?: number;
  readonly queries: number;
}

/** Collections at a host, against the same rows in clear at the same host. */
export function sealedCommand(): Command {
  return benchmarkCommand(
    "sealed",
    "sealed collections at a host: encryption, search, whole queries, against the same rows in clear",
    runSealed,
  )
    .option("--rows <count>", "rows of the collection", wholeNumber(100, 1_000_000), 100_000)
    .option("--dim <count>", "entries of a vector", wholeNumber(8, 8191), 384)
    .option("--beta <distance>", "noise on vectors, as a share of their largest norm", positiveNumber, 1)
    .addOption(
      new Option("--search <how>", "how the host searches: exact is for encoders whose vectors differ in norm")
        .choices(["approximate", "exact"])
        .default("approximate"),
    )
    .option(
      "--epsilon <per-distance>",
      "DistanceDP on questions; default: 4 x dim, noise a quarter as long as the question",
      positiveNumber,
    )
    .option("--queries <count>", "measured queries in each way", wholeNumber(7, 1000), 41)
    .addHelpText(
      "after",
      "\nTakes a quarter of an hour and 1.5 GB on disk with the sizes given by default, three minutes with --search exact.",
    );
}

async function runSealed(options: Options, signal: AbortSignal): Promise<Findings> {
  const { rows: rowCount, dim, beta, search, queries, epsilon = 4 * dim } = options;
  say("encrypting on one thread");
  const encryption = await encryptionRows();
  const data = new ClusteredRows(rowCount, dim);
  await using stack = new AsyncDisposableStack();
  const filled = await fillSealedFederation({ data, beta, search, signal }, stack);
  const asked = await sealedQueryRows({ filled, data, queries, epsilon, signal });
  await filled.federation.stop();
  const { hostedPath } = openNode(filled.federation.folderOf(filled.entry.host)).folder;
  const store = await storeRows(hostedPath, { filled, data, candidates: asked.candidates });
  const rows = [...encryption, ...store, ...asked.rows, publishRow(filled, rowCount)];
  return { parameters: { ...options, epsilon }, rows };
}

function publishRow({ filledMs }: SealedFederation, rowCount: number): Row {
  const perSecond = (ms: number): number => (1000 * rowCount) / ms;
  return {
    ...noted("publishing, the host's index with it", perSecond(filledMs.sealed), "rows/s"),
    opponent: `sending them in clear: ${formatNumber(perSecond(filledMs.plain))} rows/s`,
    ratio: filledMs.sealed / filledMs.plain,
  };
}
