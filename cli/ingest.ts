import { Command } from "commander";
import { Fault } from "../crypto/index.ts";
import { checkEncoder } from "../party-node/asking/index.ts";
import { type Encoder, openEncoder } from "../party-node/encoders/index.ts";
import { type IngestProgress, type IngestReport, ingest } from "../party-node/ingest.ts";
import { type OpenedNode, openNode } from "../party-node/node-folder.ts";
import { type PublishReport, measureCollection } from "../party-node/outsourced/index.ts";
import { type Alignment, type AlignmentFaultCode, readAlignment } from "../party-node/vertical/alignment.ts";
import type { PassageStore } from "../party-node/store/index.ts";
import { publishWithProgress, publishedInWords } from "./collection-progress.ts";
import { openNodeStore } from "./node-store.ts";
import { dirOption } from "./options.ts";
import { OwnedCollection } from "./owned-collection.ts";
import { printable } from "./printable.ts";
import { ProgressBars } from "./progress.ts";
import { EXIT_STOPPED, onStop, releaseParent, tellParent } from "./supervision.ts";

/** Exit code when some documents could not be read: the rest is in. */
const EXIT_PROBLEMS = 3;
/** Progress is told at most this often. */
const PROGRESS_MS = 100;

export function ingestCommand(): Command {
  return new Command("ingest")
    .description("read documents (.jsonl .md .txt .html, folders of them) into this node's sealed store")
    .argument("<path...>", "files and folders; what has vanished from a folder since the last time is removed")
    .option("--collection <name>", "into a collection of yours at a host, instead of what this node serves itself")
    .option(
      "--alignment <file>",
      "in a vertical federation: the ids of all parties' common entities, as `sotto align` writes it",
    )
    .addOption(dirOption())
    .option("--json", "print the report as one JSON object", false)
    .action(runIngest)
    .addHelpText(
      "after",
      "\nRuns beside `sotto node`, which takes up the changes within a second. Stopped half way, the next run goes on.\nIn a vertical federation all nodes are started again when all parties have ingested.\nExit code 3: some documents could not be read; they are named, the rest is in.",
    );
}

interface Options {
  readonly dir: string;
  readonly json: boolean;
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
  try {
    const report = await readDocuments(paths, {
      store,
      encoder: encoder.value,
      node,
      alignment,
      signal: stop.signal,
    });
    const published = collection && (await seal(collection, encoder.value, stop.signal));
    tellParent({ event: "ingested", passages: report.passages, problems: report.problems, seconds: report.seconds });
    printReport(report, store.rowCount, options.json);
    if (alignment && !process.connected)
      process.stderr.write(
        "A node that is running takes this up when it is started again, after all parties have ingested.\n",
      );
    if (published && !process.connected) process.stderr.write(publishedInWords(published, collection.owner.entry.host));
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    process.stderr.write("stopped; what was stored stays, and the next run goes on from there\n");
    process.exitCode = EXIT_STOPPED;
  } finally {
    releaseParent();
  }
}

interface Reading {
  readonly store: PassageStore;
  readonly encoder: Encoder;
  readonly node: OpenedNode;
  readonly alignment: Alignment | undefined;
  readonly signal: AbortSignal;
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
  paths: string[],
  { store, encoder, node, alignment, signal }: Reading,
): Promise<IngestReport> {
  const { name } = node.identity;
  const bars = new ProgressBars({ names: [name], show: process.stderr.isTTY && !process.connected });
  try {
    return await ingest({
      paths,
      store,
      encoder,
      alignment,
      signal,
      onProgress: throttled((progress) => {
        bars.update(name, progress);
        tellParent({ event: "progress", ...progress });
      }),
      onProblem: ({ reason, message }) => {
        process.stderr.write(`${reason}: ${printable(message)}\n`);
      },
    });
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

function printReport(report: IngestReport, stored: number, json: boolean): void {
  const { added, changed, unchanged, removed } = report.documents;
  if (json) process.stdout.write(`${JSON.stringify({ ...report, stored })}\n`);
  else if (!process.connected) {
    process.stdout.write(
      `${String(report.passages)} passages encoded in ${report.seconds.toFixed(1)} s; documents: ${String(added)} added, ${String(changed)} changed, ${String(unchanged)} unchanged, ${String(removed)} removed; ${String(stored)} passages in the store\n`,
    );
  }
  if (report.problems === 0) return;
  process.stderr.write(
    `${String(report.problems)} of the documents could not be read and are named above; correct them and run the same command again\n`,
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
