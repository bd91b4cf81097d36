import { type RunReport, count } from "./run-record.ts";
import { SimulationWorker } from "./simulation-worker.ts";

export interface SimulateOptions {
  /** The first seed. */
  readonly from: number;
  readonly runs: number;
  /** Processes. */
  readonly jobs: number;
  /** Whether a failure ends the others; default true. */
  readonly stopsAtFailure?: boolean;
  /** Called after every run. */
  readonly onReport?: (report: RunReport, done: number) => void;
}

/** What many runs come to. */
export interface Totals {
  readonly runs: number;
  readonly events: number;
  readonly virtualHours: number;
  readonly questions: Readonly<Record<string, number>>;
  readonly parties: Readonly<Record<string, number>>;
  readonly faults: Readonly<Record<string, number>>;
  readonly faultsInjected: number;
  /** Runs in which something happened that never may. */
  readonly failed: readonly Pick<RunReport, "seed" | "violations">[];
}

/** Runs seeds one after the other, in as many processes as there are jobs. */
export async function simulate({
  from,
  runs,
  jobs,
  stopsAtFailure = true,
  onReport,
}: SimulateOptions): Promise<Totals> {
  const counts = (): Map<string, number> => new Map();
  const totals = { questions: counts(), parties: counts(), faults: counts() };
  let [next, done, events, virtualMs] = [from, 0, 0, 0];
  const failed: Pick<RunReport, "seed" | "violations">[] = [];
  const work = async (): Promise<void> => {
    using worker = new SimulationWorker();
    while (next < from + runs && !(stopsAtFailure && failed.length > 0)) {
      const report = await worker.run(next++);
      const { seed, violations } = report;
      if (violations.length > 0) failed.push({ seed, violations });
      events += report.events;
      virtualMs += report.virtualMs;
      for (const name of ["questions", "parties", "faults"] as const)
        for (const [kind, times] of Object.entries(report[name])) count(totals[name], kind, times);
      done++;
      onReport?.(report, done);
    }
  };
  await Promise.all(Array.from({ length: Math.min(jobs, runs) }, work));
  const sorted = (unsorted: ReadonlyMap<string, number>) =>
    Object.fromEntries([...unsorted].sort(([, a], [, b]) => b - a));
  return {
    runs: done,
    events,
    virtualHours: Math.round(virtualMs / 36_000) / 100,
    questions: sorted(totals.questions),
    parties: sorted(totals.parties),
    faults: sorted(totals.faults),
    faultsInjected: [...totals.faults.values()].reduce((sum, times) => sum + times, 0),
    failed,
  };
}
