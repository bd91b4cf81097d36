import { parentPort, workerData } from "node:worker_threads";
import { corpusOf } from "./corpus-files.ts";
import { instrumentModules } from "./coverage.ts";
import { type FuzzReport, fuzz } from "./fuzzer.ts";
import type { Watched, WorkerSettings, WorkerTask } from "./fuzz-worker.ts";

/** Fuzzes one decoder after the other, as it is told, in a thread that may hang or run out of memory. */
const { folder, watched } = workerData as WorkerSettings;
const port = parentPort!;
const coverage = instrumentModules();
// Only now, so that what it imports is instrumented.
const { fuzzTargets } = await import("./registry.ts");
const targets = new Map(fuzzTargets(folder).map((target) => [target.name, target]));
const tell = telling(watched);

port.on("message", ({ name, ...task }: WorkerTask) => {
  const options = { ...task, corpus: corpusOf(name), coverage, tell };
  void fuzz(targets.get(name)!, options).then((report: FuzzReport) => {
    port.postMessage(report);
  });
});

/** Writes each input where the main thread finds it when this one no longer answers. */
function telling({ turn, length, input }: Watched): (next: Uint8Array) => void {
  return (next) => {
    input.set(next.subarray(0, input.length));
    Atomics.store(length, 0, Math.min(next.length, input.length));
    Atomics.add(turn, 0, 1);
  };
}
