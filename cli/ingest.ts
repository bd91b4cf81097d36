import { Command, Option } from "commander";
import { Fault } from "../crypto/index.ts";
import { checkEncoder } from "../party-node/asking/index.ts";
import { type Encoder, openEncoder } from "../party-node/encoders/index.ts";
import { type IngestProgress, type IngestReport, ingest } from "../party-node/ingest.ts";
import { DOCUMENT_ENDINGS, type Problem, findRoots } from "../party-node/documents/index.ts";
import type { WatchedChange } from "../party-node/documents/watch-documents.ts";
import { type OpenedNode, openNode } from "../party-node/node-folder.ts";
import { type PublishReport, measureCollection } from "../party-node/outsourced/index.ts";
import { type Alignment, type AlignmentFaultCode, readAlignment } from "../party-node/vertical/alignment.ts";
import type { PassageStore } from "../party-node/store/index.ts";
import { publishWithProgress, publishedInWords } from "./collection-progress.ts";
import { openNodeStore } from "./node-store.ts";
import { dirOption } from "./options.ts";
import { OwnedCollection } from "./owned-collection.ts";
import { inNumber, jsonLine, printable } from "./printable.ts";
import { ProgressBars } from "./progress.ts";
import { EXIT_STOPPED, onStop, releaseParent, tellParent } from "./supervision.ts";

/** Exit code when some documents could not be read: the rest is in. */
const EXIT_PROBLEMS = 3;
/** Progress is told at most this often. */
const PROGRESS_MS = 100;

export function ingestCommand(): Command {
  return new Command("ingest")
    .description(
      "read documents (PDF, Office, web pages, e-mail, tables, text; folders of them) into this node's sealed store",
    )
    .argument("<path...>", "files and folders; what has vanished from a folder since the last time is removed")
    .option("--collection <name>", "into a collection of yours at a host, instead of what this node serves itself")
    .option(
      "--alignment <file>",
      "in a vertical federation: the ids of all parties' common entities, as `sotto align` writes it",
    )
    .addOption(
      new Option("--watch", "stay, and take up what is new, changed or gone in the folders as it happens")
        .default(false)
        .conflicts("alignment"),
    )
    .option("--retry", "try again to read what an earlier run could not read", false)
    .addOption(dirOption())
    .option("--json", "print the report as one JSON object; with --watch one a line", false)
    .action(runIngest)
    .addHelpText(
      "after",
      "\nRuns beside `sotto node`, which takes up the changes within a second. Stopped half way, the next run goes on.\nIn a vertical federation all nodes are started again when all parties have ingested.\nExit code 3: some documents, or parts of them, could not be read; they are named, the rest is in.\nFormats, places and limits: docs/documents.md.",
    );
}

interface Options {
  readonly dir: string;
  readonly json: boolean;
  readonly watch: boolean;
  readonly retry: boolean;
  readonly collection?: string;
  readonly alignment?: string;
}

async function runIngest(paths: string[], options: Options): Promise<void> {
  using resources = new DisposableStack();
  const collection =
    options.collection === undefined
      ? null
      : resources.use(await OwnedCollection.open(options.dir, options.collection));
  const node = collection?.node ?? openNode(options.dir);
  await using encoder = disposing(await openEncoder(node.encoderSpec));
  checkEncoder(encoder.value, node.federation);
  const alignment = alignmentFor(node, options);
  const store = collection?.ledger ?? resources.adopt(openNodeStore(node), (opened) => opened.close());
  const stop = new AbortController();
  onStop(() => {
    stop.abort();
  });
  const reading = { store, encoder: encoder.value, node, alignment, signal: stop.signal, retry: options.retry };
  const takeUp = async (change: WatchedChange): Promise<void> => {
    const { report, problems } = await readDocuments(change, reading);
    const published = collection && (await seal(collection, encoder.value, stop.signal));
    tellParent({ event: "ingested", passages: report.passages, problems: report.problems, seconds: report.seconds });
    if (change.within === undefined || isWorthTelling(report))
      printReport(report, problems, store.rowCount, options.json);
    if (change.within === undefined && isNothing(report) && !process.connected)
      process.stderr.write(
        `nothing to read in ${printable(paths.join(", "))}: no files ending in ${DOCUMENT_ENDINGS.join(", ")}\n`,
      );
    if (published && !process.connected) process.stderr.write(publishedInWords(published, collection.owner.entry.host));
  };
  try {
    if (options.watch) await watchAll(paths, takeUp, stop.signal);
    else await takeUp({ paths });
    if (alignment && !process.connected)
      process.stderr.write(
        "A node that is running takes this up when it is started again, after all parties have ingested.\n",
      );
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    process.stderr.write("stopped; what was stored stays, and the next run goes on from there\n");
    process.exitCode = EXIT_STOPPED;
  } finally {
    releaseParent();
  }
}

/** Takes up what changes until Ctrl-C, which is the ordinary end of it. */
async function watchAll(
  paths: string[],
  takeUp: (change: WatchedChange) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { watchDocuments } = await import("../party-node/documents/watch-documents.ts");
  const { roots, problems } = await findRoots(paths);
  for (const { message } of problems) process.stderr.write(`${printable(message)}\n`);
  if (roots.length === 0) throw new Fault("NOTHING_TO_WATCH", "none of the paths is there; name a folder that exists");
  let isFirst = true;
  for await (const change of watchDocuments(roots, signal)) {
    await takeUp(change);
    if (isFirst && !process.connected) process.stderr.write("watching for changes; Ctrl-C ends it\n");
    isFirst = false;
  }
  process.exitCode = 0;
}

/** An empty folder, or one in which everything is hidden. */
function isNothing({ documents, problems }: IngestReport): boolean {
  return problems + Object.values(documents).reduce((sum, count) => sum + count, 0) === 0;
}

function isWorthTelling({ documents, problems }: IngestReport): boolean {
  return problems + documents.added + documents.changed + documents.removed + documents.reencoded > 0;
}

interface Reading {
  readonly store: PassageStore;
  readonly encoder: Encoder;
  readonly node: OpenedNode;
  readonly alignment: Alignment | undefined;
  readonly signal: AbortSignal;
  readonly retry: boolean;
}

/** @throws Fault ALIGNMENT_NEEDED, ALIGNMENT_NOT_WANTED and those of the file. */
function alignmentFor({ federation }: OpenedNode, { alignment: path, collection }: Options): Alignment | undefined {
  const vertical = federation.terms.vertical !== undefined && collection === undefined;
  if (vertical && path === undefined)
    throw new Fault<AlignmentFaultCode>(
      "ALIGNMENT_NEEDED",
      "this federation is vertical: name the file of the parties' common entities with --alignment FILE (`sotto align` makes it)",
    );
  if (!vertical && path !== undefined)
    throw new Fault<AlignmentFaultCode>(
      "ALIGNMENT_NOT_WANTED",
      "--alignment is for what a party of a vertical federation serves itself; leave it out",
    );
  return path === undefined ? undefined : readAlignment(path);
}

async function readDocuments(
  change: WatchedChange,
  { node, ...reading }: Reading,
): Promise<{ readonly report: IngestReport; readonly problems: readonly Problem[] }> {
  const { name } = node.identity;
  const problems: Problem[] = [];
  const bars = new ProgressBars({ names: [name], show: process.stderr.isTTY && !process.connected });
  try {
    const report = await ingest({
      ...change,
      ...reading,
      onProgress: throttled((progress) => {
        bars.update(name, progress);
        tellParent({ event: "progress", ...progress });
      }),
      onProblem: (problem) => {
        problems.push(problem);
        process.stderr.write(`${problem.reason}: ${printable(problem.message)}\n`);
      },
    });
    return { report, problems };
  } finally {
    bars.stop();
  }
}

/** Brings a collection's host up to date; a change of keys that was interrupted is gone on with. */
async function seal(collection: OwnedCollection, encoder: Encoder, signal: AbortSignal): Promise<PublishReport> {
  const { owner, ledger } = collection;
  owner.keepProfile(await measureCollection(ledger, encoder));
  const report = await publishWithProgress(collection, "publish", signal);
  if (owner.entry.next) await publishWithProgress(collection, "rotate", signal);
  await owner.eraseRetired();
  return report;
}

function printReport(report: IngestReport, named: readonly Problem[], stored: number, json: boolean): void {
  const { added, changed, unchanged, removed } = report.documents;
  if (json) process.stdout.write(jsonLine({ ...report, named, stored }));
  else if (!process.connected) {
    process.stdout.write(
      `${inNumber(report.passages, "passage")} encoded in ${report.seconds.toFixed(1)} s; documents: ${String(added)} added, ${String(changed)} changed, ${String(unchanged)} unchanged, ${String(removed)} removed; ${inNumber(stored, "passage")} in the store\n`,
    );
  }
  if (report.problems === 0) return;
  const counts = Object.entries(report.reasons).map(([reason, count]) => `${String(count)} ${reason}`);
  process.stderr.write(
    `not everything could be read: ${counts.join(", ")}; named above. Correct them and run the same command again\n`,
  );
  process.exitCode = EXIT_PROBLEMS;
}

function disposing(encoder: Encoder): { readonly value: Encoder } & AsyncDisposable {
  return { value: encoder, [Symbol.asyncDispose]: () => encoder.close() };
}

/** Calls through at most every {@link PROGRESS_MS}, and for the last of a phase. */
function throttled(report: (progress: IngestProgress) => void): (progress: IngestProgress) => void {
  let last = 0;
  return (progress) => {
    const now = performance.now();
    if (now - last < PROGRESS_MS && progress.done !== progress.total) return;
    last = now;
    report(progress);
  };
}
