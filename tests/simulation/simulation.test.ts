import { existsSync } from "node:fs";
import { afterAll, expect, test } from "@jest/globals";
import { SimulationWorker } from "./simulation-worker.ts";
import { simulate } from "./simulate.ts";

const RUNS = 200;
/** Half a minute on two idle cores. */
const TIMEOUT_MS = 600_000;
const MEMORY_FOLDER = "/dev/shm";

const before = process.env["TMPDIR"];
if (existsSync(MEMORY_FOLDER)) process.env["TMPDIR"] ??= MEMORY_FOLDER;
afterAll(() => {
  if (before === undefined) delete process.env["TMPDIR"];
});

test(
  `in ${RUNS} federations on a bad network nothing happens that never may`,
  async () => {
    const { failed, runs, faults, questions, parties } = await simulate({ from: 1, runs: RUNS, jobs: 2 });
    expect(failed).toEqual([]);
    expect(runs).toBe(RUNS);
    // What was simulated was worth it.
    for (const kind of [
      "process killed",
      "machine lost",
      "coordinator killed",
      "partition",
      "clock jump",
      "connection reset",
      "connection silent",
      "connection stalled",
    ])
      expect([kind, faults[kind]]).toEqual([kind, expect.any(Number)]);
    for (const ending of ["answered", "answered in part", "cancelled", "failed"])
      expect([ending, questions[ending]]).toEqual([ending, expect.any(Number)]);
    for (const outcome of ["answered", "missing QUERY_BUDGET_SPENT", "answered PASSAGES_MISSING"])
      expect([outcome, parties[outcome]]).toEqual([outcome, expect.any(Number)]);
  },
  TIMEOUT_MS,
);

test("one seed is one run, event by event, whatever ran before it in the process", async () => {
  const [one, other] = [new SimulationWorker(), new SimulationWorker()];
  try {
    const first = await one.run(7);
    await other.run(3);
    const second = await other.run(7);
    expect(second).toEqual(first);
    expect(first.events).toBeGreaterThan(50);
    expect((await other.run(8)).trace).not.toBe(first.trace);
  } finally {
    one.close();
    other.close();
  }
});
