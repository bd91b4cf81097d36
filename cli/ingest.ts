import { Command } from "commander";
import { ingest, type IngestProgress } from "../party-node/ingest.ts";
import { checkEncoder } from "../party-node/asking/index.ts";
import { openEncoder } from "../party-node/encoders/index.ts";
import { openNode } from "../party-node/node-folder.ts";
import { openNodeStore } from "./node-store.ts";
import { dirOption } from "./options.ts";
import { printable } from "./printable.ts";
import { ProgressBars } from "./progress.ts";
import { onStop, releaseParent, tellParent } from "./supervision.ts";

/** Exit code when some documents could not be read: the rest is in. */
const EXIT_PROBLEMS = 3;
/** Progress is told at most this often. */
const PROGRESS_MS = 100;

export function ingestCommand(): Command {
  return new Command("ingest")
    .description("read documents (.jsonl .md .txt .html, folders of them) into this node's sealed store")
    .argument("<path...>", "files and folders; what has vanished from a folder since the last time is removed")
    .addOption(dirOption())
    .option("--json", "print the report as one JSON object", false)
    .action(runIngest)
    .addHelpText(
      "after",
      "\nRuns beside `sotto node`, which takes up the changes within a second. Stopped half way, the next run goes on.\nExit code 3: some documents could not be read; they are named, the rest is in.",
    );
}

async function runIngest(paths: string[], { dir, json }: { dir: string; json: boolean }): Promise<void> {
  const node = openNode(dir);
  const encoder = await openEncoder(node.encoderSpec);
  const stop = new AbortController();
  onStop(() => {
    stop.abort();
  });
  const name = node.identity.name;
  const bars = new ProgressBars({ names: [name], show: process.stderr.isTTY && !process.connected });
  try {
    checkEncoder(encoder, node.federation);
    using store = disposable(openNodeStore(node));
    const report = await ingest({
      paths,
      store: store.value,
      encoder,
      signal: stop.signal,
      onProgress: throttled((progress) => {
        bars.update(name, progress);
        tellParent({ event: "progress", ...progress });
      }),
      onProblem: ({ reason, message }) => {
        process.stderr.write(`${reason}: ${printable(message)}\n`);
      },
    });
    bars.stop();
    tellParent({ event: "ingested", passages: report.passages, problems: report.problems, seconds: report.seconds });
    const { added, changed, unchanged, removed } = report.documents;
    if (json) process.stdout.write(`${JSON.stringify({ ...report, stored: store.value.rowCount })}\n`);
    else if (!process.connected) {
      process.stdout.write(
        `${String(report.passages)} passages encoded in ${report.seconds.toFixed(1)} s; documents: ${String(added)} added, ${String(changed)} changed, ${String(unchanged)} unchanged, ${String(removed)} removed; ${String(store.value.rowCount)} passages in the store\n`,
      );
    }
    if (report.problems > 0) {
      process.stderr.write(
        `${String(report.problems)} of the documents could not be read and are named above; correct them and run the same command again\n`,
      );
      process.exitCode = EXIT_PROBLEMS;
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    process.stderr.write("stopped; what was stored stays, and the next run goes on from there\n");
    process.exitCode = 130;
  } finally {
    bars.stop();
    await encoder.close();
    releaseParent();
  }
}

function disposable<Value extends { close(): void }>(value: Value): { readonly value: Value } & Disposable {
  return {
    value,
    [Symbol.dispose]: () => {
      value.close();
    },
  };
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
