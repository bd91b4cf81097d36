import { type Command, Option } from "commander";
import { wholeNumber } from "../cli/options.ts";
import { federationLayout } from "../party-node/asking/index.ts";
import { openNode } from "../party-node/node-folder.ts";
import { fillFederation } from "./filled-federation.ts";
import type { Row } from "./measure.ts";
import { crowdRows } from "./query-crowd.ts";
import { compareModes } from "./query-modes.ts";
import { updateRows } from "./query-updates.ts";
import { type Findings, benchmarkCommand } from "./report.ts";

/** Identities of the queriers that ask at once; a party takes a few queries of each at a time. */
const IDENTITIES = 4;

const PARTS = ["modes", "crowd", "updates"] as const;

interface Options {
  readonly part?: (typeof PARTS)[number];
  readonly parties: number;
  readonly rows: number;
  readonly dim: number;
  readonly queries: number;
  readonly queriers: number;
  readonly seconds: number;
  readonly rate: number;
}

/** Whole queries through real processes: coordinator and parties on loopback, this process as the querier, precomputed vectors. */
export function queryCommand(): Command {
  return benchmarkCommand(
    "query",
    "whole queries through a local federation: against clear mode, many at once, and while a party's collection grows",
    runQuery,
  )
    .addOption(
      new Option("--part <name>", "only against clear mode, many at once, or while a collection grows").choices(PARTS),
    )
    .option("--parties <count>", "parties", wholeNumber(1, 16), 3)
    .option("--rows <count>", "vectors of each party", wholeNumber(10, 2_000_000), 100_000)
    .option("--dim <count>", "entries of a vector", wholeNumber(1, 8192), 384)
    .option("--queries <count>", "measured queries in each mode", wholeNumber(7, 1000), 21)
    .option("--queriers <count>", "queriers that ask at once", wholeNumber(1, 60), 32)
    .option("--seconds <count>", "how long the collection grows under load", wholeNumber(1, 600), 15)
    .option("--rate <count>", "rows added a second meanwhile", wholeNumber(1, 100_000), 1000)
    .addHelpText("after", "\nTakes a few minutes and about 0.6 GB on disk with the sizes given by default.");
}

async function runQuery(options: Options, signal: AbortSignal): Promise<Findings> {
  const { part, queries, queriers, seconds, rate, rows, dim } = options;
  const parties = Array.from({ length: options.parties }, (_, i) => `party-${i + 1}`);
  const identities = Array.from({ length: IDENTITIES }, (_, i) => `querier-${i + 1}`);
  const filled = await fillFederation({ parties, rows, dim, queriers: identities, signal });
  await using federation = filled.federation;
  const layout = federationLayout(openNode(federation.folderOf(identities[0]!)).federation);
  const measure = {
    modes: () => compareModes({ federation, rows: parties.length * rows, layout, queries, signal }),
    crowd: () => crowdRows({ federation, identities, parties, queriers, dim, signal }),
    updates: () => updateRows({ federation, party: parties[0]!, layout, queries, seconds, rate, signal }),
  };
  const measured: Row[] = [];
  for (const name of part ? [part] : PARTS) measured.push(...(await measure[name]()));
  return { parameters: { ...options }, rows: measured };
}
