import { type Command, InvalidArgumentError } from "commander";
import { mkdirSync, statSync } from "node:fs";
import { wholeNumber } from "../cli/options.ts";
import { openNode } from "../party-node/node-folder.ts";
import { Querier } from "./asking.ts";
import { type FilledFederation, fillFederation } from "./filled-federation.ts";
import { type Row, median, noted } from "./measure.ts";
import { logLines, memoryOf } from "./process-figures.ts";
import { type Findings, benchmarkCommand, say } from "./report.ts";
import { writeScale } from "./scale-document.ts";
import type { ScalePoint } from "./scale-results.ts";

const PARTY = "party";
const QUERIER = "querier";
const WARM_UPS = 3;
/** Starts with everything prepared. */
const RESTARTS = 3;

interface Options {
  readonly sizes: readonly number[];
  readonly dim: number;
  readonly queries: number;
  readonly write?: string;
}

export function scaleCommand(): Command {
  return benchmarkCommand("scale", "what one party node costs as its collection grows", runScale)
    .option("--sizes <counts>", "rows, several with commas between", parseSizes, [1000, 10_000, 100_000, 1_000_000])
    .option("--dim <count>", "entries of a vector", wholeNumber(1, 8192), 384)
    .option("--queries <count>", "measured queries at each size", wholeNumber(7, 1000), 11)
    .option("--write <folder>", "write scale.md and scale.svg there")
    .addHelpText("after", "\nA million rows take about 2 GB on disk, 4 GB of memory and several minutes.");
}

function parseSizes(text: string): readonly number[] {
  const sizes = text.split(",").map(Number);
  if (sizes.some((size) => !Number.isInteger(size) || size < 1 || size > 4_000_000))
    throw new InvalidArgumentError("expected whole numbers from 1 to 4000000 with commas between");
  return sizes.toSorted((a, b) => a - b);
}

async function runScale({ sizes, dim, queries, write }: Options, signal: AbortSignal): Promise<Findings> {
  const began = performance.now();
  if (write !== undefined) mkdirSync(write, { recursive: true });
  const points: ScalePoint[] = [];
  for (const rows of sizes) points.push(await measureSize({ rows, dim, queries, signal }));
  const parameters = { sizes, dim, queries };
  if (write !== undefined)
    await writeScale(write, { ...parameters, points, minutes: (performance.now() - began) / 60_000 });
  return { parameters, rows: points.flatMap(rowsOf) };
}

async function measureSize(options: {
  readonly rows: number;
  readonly dim: number;
  readonly queries: number;
  readonly signal: AbortSignal;
}): Promise<ScalePoint> {
  const { rows, signal } = options;
  const began = performance.now();
  const filled = await fillFederation({ ...options, parties: [PARTY], queriers: [QUERIER] });
  const fillSeconds = (performance.now() - began) / 1000;
  await using federation = filled.federation;
  say(`${rows} rows: starting for the first time`);
  await federation.start();
  const firstStartMs = startMs(filled);
  const asked = await askAll(filled, options);
  await federation.stop();
  const restartMs: number[] = [];
  for (let i = 0; i < RESTARTS; i++) {
    signal.throwIfAborted();
    say(`${rows} rows: starting again`);
    await federation.start();
    restartMs.push(startMs(filled));
    await federation.stop();
  }
  const cacheBytes = statSync(openNode(federation.folderOf(PARTY)).folder.cachePath).size;
  const storeBytes = rows * filled.storeBytesPerRow;
  return { rows, firstStartMs, restartMs, ...asked, storeBytes, cacheBytes, fillSeconds };
}

async function askAll(
  { federation }: FilledFederation,
  { queries, signal }: { readonly queries: number; readonly signal: AbortSignal },
): Promise<Pick<ScalePoint, "memory" | "queryMs" | "partyMs" | "bytesUp" | "bytesDown" | "hintBytes">> {
  using querier = await Querier.connect(federation, signal);
  for (let round = 0; round < WARM_UPS; round++) await querier.ask(round, signal);
  const asked = [];
  for (let round = 0; round < queries; round++) asked.push(await querier.ask(WARM_UPS + round, signal));
  return {
    memory: memoryOf(nodeOf(federation.processes).pid),
    queryMs: asked.map(({ totalMs }) => totalMs),
    partyMs: logLines(federation.logOf(PARTY), "answered a query")
      .slice(-queries)
      .map((line) => Number(line["ms"])),
    bytesUp: median(asked.map(({ bytesUp }) => bytesUp)),
    bytesDown: median(asked.map(({ bytesDown }) => bytesDown)),
    hintBytes: querier.hintBytes,
  };
}

function startMs({ federation }: FilledFederation): number {
  return nodeOf(federation.processes).readyMs ?? NaN;
}

function nodeOf<Process extends { readonly name: string }>(processes: readonly Process[]): Process {
  return processes.find(({ name }) => name === PARTY)!;
}

function rowsOf(point: ScalePoint): Row[] {
  const { rows, firstStartMs, restartMs, memory, queryMs, partyMs } = point;
  const { bytesUp, bytesDown, hintBytes, storeBytes, cacheBytes } = point;
  const of = `${rows.toLocaleString("en")} rows: `;
  return [
    noted(`${of}start, the first time`, firstStartMs / 1000, "s"),
    noted(`${of}start, again`, median(restartMs) / 1000, "s", restartMs),
    ...(memory
      ? [
          noted(`${of}resident memory`, memory.nowBytes / 1e6, "MB"),
          noted(`${of}resident memory, the most ever`, memory.peakBytes / 1e6, "MB"),
        ]
      : []),
    noted(`${of}whole query, p50`, median(queryMs), "ms", queryMs),
    noted(`${of}the party's part of it, p50`, median(partyMs), "ms"),
    noted(`${of}query, up`, bytesUp / 1000, "KB"),
    noted(`${of}query, down`, bytesDown / 1000, "KB"),
    noted(`${of}hints, down once`, hintBytes / 1000, "KB"),
    noted(`${of}store on disk`, storeBytes / 1e6, "MB"),
    noted(`${of}cache on disk`, cacheBytes / 1e6, "MB"),
  ];
}
