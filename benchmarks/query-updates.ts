import type { LocalFederation } from "../cli/local-federation.ts";
import type { RingLayout } from "../crypto/index.ts";
import { Querier } from "./asking.ts";
import { MARKED, MARKED_QUESTION, readMarked } from "./marked-passages.ts";
import { type Row, against, formatNumber, noted, versus } from "./measure.ts";
import { logLines } from "./process-figures.ts";
import { say } from "./report.ts";
import type { WriterArguments, WriterReply, WriterRequest } from "./update-writer.ts";
import { Worker } from "./worker.ts";

const WARM_UPS = 3;

export interface UpdateOptions {
  /** Not running; started in private mode here and stopped again. */
  readonly federation: LocalFederation;
  /** Whose collection grows. */
  readonly party: string;
  readonly layout: RingLayout;
  /** Measured while nothing changes. */
  readonly queries: number;
  readonly seconds: number;
  /** Rows added a second. */
  readonly rate: number;
  readonly signal: AbortSignal;
}

/** What was asked while the collection grew. */
interface Observed {
  readonly times: readonly number[];
  readonly seen: readonly (number | "gone" | "half")[];
  /** Codes of what the party did not answer, or not as it should. */
  readonly faults: readonly string[];
  readonly written: WriterReply;
  /** Blocks that the party encoded again meanwhile. */
  readonly blocks: number;
}

/** The same question over and over, first while nothing changes, then while another process adds rows and replaces the marked passages. */
export async function updateRows(options: UpdateOptions): Promise<Row[]> {
  const { federation, party, layout, queries, rate, signal } = options;
  const args: WriterArguments = { folder: federation.folderOf(party), dim: layout.dim, rate };
  await using writer = new Worker<WriterRequest, WriterReply>("./update-writer.ts", [JSON.stringify(args)]);
  await writer.request({ mark: true });
  await federation.start("private");
  using querier = await Querier.connect(federation, signal);
  say("asking while nothing changes");
  const quiet: number[] = [];
  for (let round = 0; round < WARM_UPS + queries; round++) {
    const { totalMs } = await querier.ask(MARKED_QUESTION, signal);
    if (round >= WARM_UPS) quiet.push(totalMs);
  }
  const observed = await askMeanwhile(querier, writer, options);
  await federation.stop();
  return rowsOf(quiet, observed, options);
}

async function askMeanwhile(
  querier: Querier,
  writer: Worker<WriterRequest, WriterReply>,
  { federation, party, seconds, rate, signal }: UpdateOptions,
): Promise<Observed> {
  say(`asking while ${rate} rows a second are added to ${party} for ${seconds} s`);
  const began = Date.now();
  const state: { written: WriterReply | null } = { written: null };
  const writing = writer.request({ seconds }).then((reply) => (state.written = reply));
  writing.catch(() => undefined); // awaited below, also when a question fails first
  const [times, seen, faults]: [number[], Observed["seen"][number][], string[]] = [[], [], []];
  while (!state.written) {
    const { totalMs, passages, fault } = await querier.ask(MARKED_QUESTION, signal, { tolerant: true });
    times.push(totalMs);
    // A passage that was replaced after it was scored cannot be fetched.
    if (fault === null || fault === "PASSAGES_MISSING") seen.push(readMarked(passages));
    else faults.push(fault);
  }
  const blocks = logLines(federation.logOf(party), "collection changed")
    .filter(({ time }) => time >= began)
    .reduce((sum, line) => sum + Number(line["blocks"] ?? 0), 0);
  return { times, seen, faults, written: await writing, blocks };
}

function rowsOf(
  quiet: readonly number[],
  { times, seen, faults, written, blocks }: Observed,
  { rate, layout }: UpdateOptions,
): Row[] {
  const count = (what: "gone" | "half"): number => seen.filter((one) => one === what).length;
  const versions = new Set(seen.filter((one) => typeof one === "number"));
  const blocksPerSecond = blocks / written.seconds;
  const filled = written.rows / written.seconds / layout.rowsPerBlock;
  return [
    against("rows added while queries run", written.rows / written.seconds, "a second", `>= ${0.98 * rate}`),
    versus("whole query meanwhile, p50", times, { name: "while nothing changes", times: quiet }, null),
    {
      ...noted("blocks encoded again", blocksPerSecond, "a second"),
      opponent: `blocks that the added rows fill: ${formatNumber(filled)}`,
      ratio: blocksPerSecond / filled,
    },
    {
      ...against("queries that a party did not answer", faults.length, `of ${times.length}`, "<= 0"),
      ...(faults.length > 0 && { opponent: [...new Set(faults)].join(", ") }),
    },
    against(
      `answers with half an update, ${MARKED} passages in ${written.markedBlocks} or more blocks`,
      count("half"),
      `of ${seen.length}`,
      "<= 0",
    ),
    noted("answers whose passages were replaced before they were fetched", count("gone"), `of ${seen.length}`),
    against("versions of the marked passages seen whole", versions.size, "versions", ">= 2"),
  ];
}
