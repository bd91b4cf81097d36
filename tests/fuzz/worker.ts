import { parentPort, workerData } from "node:worker_threads";
import { corpusOf } from "./corpus-files.ts";
import { noCoverage } from "./coverage.ts";
import { fuzz } from "./fuzzer.ts";
import { instrumentModules } from "./instrumented-modules.ts";
import type { Watched, WorkerSettings, WorkerTask } from "./fuzz-worker.ts";

/** Fuzzes one decoder after the other, as it is told, in a thread that may hang or run out of memory. */
const { folder, watched, registry, instrumented } = workerData as WorkerSettings;
const port = parentPort!;
const coverage = instrumentModules(instrumented);
// Only now, so that what it imports is instrumented.
const { fuzzTargets } = (await import(registry)) as typeof import("./registry.ts");
const targets = new Map(fuzzTargets(folder).map((target) => [target.name, target]));
const tell = telling(watched);

port.on("message", ({ name, blind, ...task }: WorkerTask) => {
  const options = { ...task, corpus: corpusOf(name), coverage: blind ? noCoverage : coverage, tell };
  void fuzz(targets.get(name)!, options).then((report) => {
    port.postMessage(report);
  });
});
port.postMessage([...targets.keys()]);

/** Writes each input where the main thread finds it when this one no longer answers. */
function telling({ turn, length, input }: Watched): (next: Uint8Array) => void {
  return (next) => {
    input.set(next.subarray(0, input.length));
    Atomics.store(length, 0, Math.min(next.length, input.length));
    Atomics.add(turn, 0, 1);
  };
}
