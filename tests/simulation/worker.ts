import { installDisk } from "./disk.ts";
import type { RunReport } from "./run-record.ts";
import { replaceEntropy } from "./seeded-entropy.ts";
import { installVirtualTime } from "./virtual-time.ts";

/** What a worker is told. */
export interface SimulationTask {
  readonly seed: number;
  /** Whether every line of the trace is sent as well. */
  readonly trace: boolean;
}

/** What a worker says. */
export type SimulationMessage = { readonly line: string } | { readonly report: RunReport };

// Before anything of ours is loaded: libraries take their timers and their entropy when they are.
replaceEntropy();
installVirtualTime();
installDisk();
const { runSeed } = await import("./run-seed.ts");

const say = (message: SimulationMessage): void => void process.send?.(message);

process.on("message", ({ seed, trace }: SimulationTask) => {
  const tell = (line: string): void => {
    say({ line });
  };
  void runSeed(seed, trace ? tell : null).then((report) => {
    say({ report });
  });
});
