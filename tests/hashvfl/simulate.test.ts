import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { HashvflReport } from "../../cli/simulate-hashvfl.ts";
import { Cli, expectRefusal, expectUsageError, sotto } from "../support/cli.ts";
import { longTest } from "../support/long.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { separableData } from "./separable-data.ts";

const folder = temporaryFolder();
const at = (...path: string[]): string => join(folder.path, ...path);
const { train } = separableData({ classes: 2, rows: 400 });

beforeAll(() => {
  const lines = (party: number, head: string, labelled: boolean): string =>
    [
      head,
      ...train.ids.map((id, row) => {
        const label = labelled ? [train.labels[row]!] : [];
        return [id, ...label, ...train.features[party]!.subarray(row * 3, row * 3 + 3)].join(",");
      }),
    ].join("\n");
  writeFileSync(at("guest.csv"), lines(0, "id,y,a,b,c", true));
  writeFileSync(at("host.csv"), lines(1, "id,d,e,f", false));
});
afterAll(() => {
  folder[Symbol.dispose]();
});

const simulate = (...more: string[]): string[] => [
  ...["simulate", "hashvfl", "--guest", at("guest.csv"), "--host", at("host.csv"), "--bits", "8", "--batch", "64"],
  ...["--out", at("out"), "--hidden", "8", ...more],
];
const long = ["--epochs", "40", "--baselines", "alone", "--json"];
const figures = (text: string): unknown =>
  JSON.parse(text, (key, value: unknown) => (key === "seconds" || key === "out" ? undefined : value));

// Going on from a checkpoint is in hashvfl-wire/processes.test.ts, in few epochs.
longTest("Ctrl-C leaves what --resume goes on from, to the figures of a run that was not interrupted", async () => {
  await using interrupted = new Cli(simulate(...long));
  const deadline = performance.now() + 20_000;
  const checkpoint = at("out", "server", "hashed", "top-model.cbor");
  while (!existsSync(checkpoint) && performance.now() < deadline) await new Promise((wake) => setTimeout(wake, 10));
  const { code, stdout, stderr } = await interrupted.stop();
  expect({ code, stdout }).toEqual({ code: 130, stdout: "" });
  expect(stderr).toMatch(/with --resume goes on from there/);
  const resumed = await sotto(simulate(...long, "--resume"));
  expect(resumed.code).toBe(0);
  expect(resumed.stderr).toMatch(/left/);
  const whole = await sotto(simulate(...long, "--out", at("whole")));
  expect(figures(resumed.stdout)).toEqual(figures(whole.stdout));
  const report = JSON.parse(whole.stdout) as HashvflReport;
  expect(report.hashed.accuracy).toBeGreaterThan(0.9);
  expect(Object.keys(report.baselines)).toEqual(["alone-guest"]);
  expect(report).toMatchObject({ settings: { bits: 8, epochs: 40, seed: 1 }, transport: "memory" });
  expect(JSON.parse(readFileSync(at("whole", "results.json"), "utf8"))).toEqual(report);
  expect(readFileSync(at("whole", "curves.svg"), "utf8")).toMatch(/^<svg.*Balance.*alone-guest/s);
  expect(existsSync(at("whole", "parties", "host", "hashed", "bottom-model.onnx"))).toBe(true);
  await expectRefusal(simulate("--epochs", "41", "--baselines", "none", "--resume"), {
    fault: "SETTINGS_CHANGED",
    says: /other epochs.*without --resume/,
  });
});

test("prints a table", async () => {
  const { stdout } = await sotto(simulate("--epochs", "1", "--baselines", "none", "--out", at("table")));
  expect(stdout).toMatch(/320 training rows, 80 test rows, 2 classes.*guest \(3 features\), host \(3 features\)/);
  expect(stdout).toMatch(/hashed.*%/);
});

test("rows that one party lacks are refused, and left out with --intersect", async () => {
  const lines = readFileSync(at("host.csv"), "utf8").split("\n");
  writeFileSync(at("short.csv"), lines.slice(0, -20).join("\n"));
  const short = ["simulate", "hashvfl", "--guest", at("guest.csv"), "--host", at("short.csv"), "--epochs", "1"];
  const more = ["--hidden", "8", "--baselines", "none", "--out", at("short")];
  await expectRefusal([...short, ...more], { fault: "IDS_MISALIGNED", says: /380 are in all of them.*--intersect/ });
  const { stdout } = await sotto([...short, ...more, "--intersect"]);
  expect(stdout).toMatch(/304 training rows, 76 test rows/);
});

test("refuses what does not go together", async () => {
  await Promise.all([
    expectRefusal(["simulate", "hashvfl"], { fault: "SETTINGS_INVALID", says: /--preset, or --images/ }),
    expectUsageError(simulate("--baselines", "hashed"), /no baseline hashed; there are unhashed/),
    expectUsageError(simulate("--bits", "65"), /from 1 to 64/),
  ]);
});
