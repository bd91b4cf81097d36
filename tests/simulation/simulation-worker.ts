import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import type { RunReport } from "./run-record.ts";
import { SIMULATION_PROCESS } from "./seeded-entropy.ts";
import type { SimulationMessage, SimulationTask } from "./worker.ts";

/** Real time after which a run hangs: none takes a hundredth of it. */
const HUNG_MS = 120_000;
/** A process is replaced after so many runs: WebAssembly memories of dead hosts go when the collector gets to them. */
const RUNS_PER_PROCESS = 500;

/** Runs seeds in a process of its own, whose entropy and time are not the machine's. */
export class SimulationWorker {
  #child: ChildProcess | null = null;
  #runs = 0;

  /** A process that dies or hangs gives a report too. */
  async run(seed: number, tell: ((line: string) => void) | null = null): Promise<RunReport> {
    if (this.#runs++ >= RUNS_PER_PROCESS) this.close();
    const child = (this.#child ??= start());
    try {
      return await new Promise<RunReport>((resolve, reject) => {
        const timer = setTimeout(() => {
          reject(new Error(`no end after ${HUNG_MS / 1000} s`));
        }, HUNG_MS);
        const settled = (settle: () => void): void => {
          clearTimeout(timer);
          child.removeAllListeners();
          settle();
        };
        child.on("message", (message: SimulationMessage) => {
          if ("line" in message) tell?.(message.line);
          else settled(() => resolve(message.report));
        });
        child.on("exit", (code, signal) =>
          settled(() => reject(new Error(`the process ended: ${String(code ?? signal)}`))),
        );
        child.send({ seed, trace: tell !== null } satisfies SimulationTask);
      });
    } catch (error) {
      this.close();
      const what = error instanceof Error ? error.message : String(error);
      return { ...EMPTY, seed, violations: [{ invariant: "crash", what }] };
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  close(): void {
    this.#child?.removeAllListeners();
    this.#child?.kill("SIGKILL");
    this.#child = null;
    this.#runs = 0;
  }
}

/** Types are stripped once, not at every start. */
const COMPILED = join(import.meta.dirname, "..", "..", "node_modules", ".cache", "compiled");

const EMPTY = { trace: "", events: 0, virtualMs: 0, questions: {}, parties: {}, faults: {} };

function start(): ChildProcess {
  return fork(join(import.meta.dirname, "worker.ts"), {
    env: { NODE_COMPILE_CACHE: COMPILED, ...process.env, NODE_OPTIONS: "", [SIMULATION_PROCESS]: "1" },
    // A simulated machine makes and drops a WebAssembly memory at every start: without the handler it reserves no gigabytes.
    execArgv: ["--disable-warning=ExperimentalWarning", "--disable-wasm-trap-handler"],
  });
}
