import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { repository } from "../support/cli.ts";
import { SOAK_DEFAULTS } from "./options.ts";
import { soak } from "./soak.ts";

test("real processes, one kill of each role and a broken wire: nothing is lost, nothing is wrong", async () => {
  const lines: string[] = [];
  const options = {
    ...SOAK_DEFAULTS,
    ...{ minutes: 0.1, queriers: 4, querierProcesses: 1, documents: 20, deadlineMs: 20_000, pauseMsMax: 50 },
    faults: [
      { kind: "kill", role: "party", name: "beta" },
      { kind: "cut", role: "party", name: "alpha" },
      { kind: "kill", role: "coordinator", name: "coordinator" },
      { kind: "kill", role: "queriers", name: "queriers-1" },
    ],
  } as const;
  const report = await soak(options, new AbortController().signal, (line) => lines.push(line));
  expect(report.problems).toEqual([]);
  // Too short to say anything of memory.
  const broken = report.invariants.filter(({ what, holds }) => !holds && !what.includes("bytes of a question"));
  expect(broken).toEqual([]);
  expect(report.recoveries.map(({ fault, times }) => [fault, times])).toEqual([
    ["cut party", 1],
    ["kill coordinator", 1],
    ["kill party", 1],
    ["kill queriers", 1],
  ]);
  const { answeredByAll, checked, lost, wrong } = report.questions;
  expect(answeredByAll).toBeGreaterThan(10);
  expect(checked).toBeGreaterThan(10);
  expect([lost, wrong]).toEqual([0, 0]);
  // While beta was dead, the others answered, and the result said so.
  expect(report.partyCodes["PARTY_OFFLINE"]).toBeGreaterThan(0);
});

test("unknown options are refused", () => {
  const { status, stderr } = spawnSync(process.execPath, [join("tests", "soak", "main.ts"), "--minuets", "5"], {
    cwd: repository,
    encoding: "utf8",
  });
  expect([status, stderr]).toEqual([2, expect.stringContaining("--minuets")]);
});
