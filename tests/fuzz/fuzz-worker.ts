import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { FuzzReport } from "./fuzzer.ts";

/** The input that a worker is trying. */
export interface Watched {
  /** Another number for every input. */
  readonly turn: Int32Array;
  readonly length: Int32Array;
  readonly input: Uint8Array;
}

export interface WorkerSettings {
  /** For decoders that read files; the worker's own. */
  readonly folder: string;
  readonly watched: Watched;
  /** URL of the module with the decoders, and what beside the project's folders is instrumented. */
  readonly registry: string;
  readonly instrumented: readonly string[];
}

export interface WorkerTask {
  readonly name: string;
  readonly seed: number;
  readonly inputsMax: number;
  readonly millisecondsMax: number;
  readonly keep?: boolean;
  readonly findingsMax?: number;
  /** Without coverage. */
  readonly blind?: boolean;
}

export interface FuzzWorkerOptions {
  /** For decoders that read files. */
  readonly folder: string;
  /** Default: `registry.ts`, and nothing more that is instrumented. */
  readonly registry?: string;
  readonly instrumented?: readonly string[];
  /** How long one input may take; default a minute, which nothing takes, making keys included. */
  readonly hungMs?: number;
  /** Default 1024. */
  readonly memoryMbMax?: number;
}

const HUNG_MS = 60_000;
const MEMORY_MB_MAX = 1024;
const INPUT_BYTES_MAX = 1 << 17;

/** A thread that fuzzes, and a new one when an input has ended it. */
export class FuzzWorker {
  readonly #options: FuzzWorkerOptions;
  readonly #watched: Watched = {
    turn: new Int32Array(new SharedArrayBuffer(4)),
    length: new Int32Array(new SharedArrayBuffer(4)),
    input: new Uint8Array(new SharedArrayBuffer(INPUT_BYTES_MAX)),
  };
  #worker: Worker | null = null;
  #names: readonly string[] = [];

  constructor(options: FuzzWorkerOptions) {
    this.#options = options;
  }

  /** The decoders that it knows. */
  async names(): Promise<readonly string[]> {
    await this.#started();
    return this.#names;
  }

  /** Fuzzes one decoder. An input that hangs it, or takes all memory, is the report's one finding. */
  async fuzz(task: WorkerTask): Promise<FuzzReport> {
    const { hungMs = HUNG_MS } = this.#options;
    const worker = await this.#started();
    const hung = new AbortController();
    const turnBefore = Atomics.load(this.#watched.turn, 0);
    let [turn, since] = [turnBefore, performance.now()];
    const watch = setInterval(() => {
      const now = Atomics.load(this.#watched.turn, 0);
      if (now !== turn) [turn, since] = [now, performance.now()];
      else if (performance.now() - since > hungMs) hung.abort();
    }, hungMs / 10);
    try {
      worker.postMessage(task);
      const [report] = (await once(worker, "message", { signal: hung.signal })) as [FuzzReport];
      return report;
    } catch (error) {
      await this.close();
      const kind = hung.signal.aborted ? "Hung" : errorCode(error);
      return this.#ended(task, kind, error, Atomics.load(this.#watched.turn, 0) - turnBefore);
    } finally {
      clearInterval(watch);
    }
  }

  async #started(): Promise<Worker> {
    if (this.#worker) return this.#worker;
    const { folder, registry = new URL("./registry.ts", import.meta.url).href, instrumented = [] } = this.#options;
    const workerData: WorkerSettings = { folder, registry, instrumented, watched: this.#watched };
    this.#worker = new Worker(new URL("./worker.ts", import.meta.url), {
      workerData,
      execArgv: ["--disable-warning=ExperimentalWarning"],
      resourceLimits: { maxOldGenerationSizeMb: this.#options.memoryMbMax ?? MEMORY_MB_MAX },
    });
    [this.#names] = (await once(this.#worker, "message")) as [readonly string[]];
    return this.#worker;
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
    this.#worker = null;
  }

  #ended({ name, seed }: WorkerTask, kind: string, error: unknown, inputs: number): FuzzReport {
    const { input, length } = this.#watched;
    const message = error instanceof Error ? error.message : String(error);
    const finding = { target: name, seed, kind, message, where: "", input: input.slice(0, length[0]) };
    return {
      target: name,
      seed,
      inputs,
      accepted: 0,
      refused: 0,
      blocks: 0,
      reasons: 0,
      seconds: 0,
      findings: [finding],
      corpus: [],
    };
  }
}

function errorCode(error: unknown): string {
  const { code, name } = error as NodeJS.ErrnoException;
  return code === "ERR_WORKER_OUT_OF_MEMORY" ? "OutOfMemory" : name;
}
