import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { SecurityReport } from "../../simulations/security/report.ts";
import { Cli, expectRefusal, expectUsageError, sottoOutput } from "../support/cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/*
 * `sotto evaluate security` on somebody's own collection.
 */

const folder = temporaryFolder();
const at = (...path: string[]): string => join(folder.path, ...path);

beforeAll(() => {
  const words = ["heart", "liver", "fever", "dose", "trial", "virus", "nerve", "blood", "child", "scan", "tumour"];
  const sentence = (i: number): string =>
    Array.from({ length: 12 + i }, (_, j) => words[(i * (j + 3) + j * j) % words.length]!).join(" ");
  const lines = (count: number, line: (i: number) => object): string =>
    Array.from({ length: count }, (_, i) => `${JSON.stringify(line(i))}\n`).join("");
  mkdirSync(at("corpus"));
  writeFileSync(
    at("corpus", "corpus.jsonl"),
    lines(90, (i) => ({ _id: `d${String(i)}`, title: `case ${String(i)}`, text: sentence(i) })),
  );
  writeFileSync(
    at("queries.jsonl"),
    lines(20, (i) => ({ _id: `q${String(i)}`, text: sentence(4 * i) })),
  );
});
afterAll(() => {
  folder[Symbol.dispose]();
});

const evaluate = (...more: string[]): string[] => [
  ...["evaluate", "security", "--quick", "--corpus", at("corpus"), "--queries", at("queries.jsonl")],
  ...["--encoder", "lexical:256", ...more],
];

test("one seed gives one report, byte for byte but for times; another seed gives another", async () => {
  const run = async (out: string, seed: string): Promise<{ figures: string; text: string }> => {
    const only = ["--only", "cached-encryption,stolen-disk,question-probe"];
    const printed = await sottoOutput(evaluate(...only, "--json", "--seed", seed, "--out", at(out)));
    const { times, ...figures } = JSON.parse(printed) as SecurityReport;
    expect(Object.keys(times.secondsByAttack).sort()).toEqual(["cached-encryption", "question-probe", "stolen-disk"]);
    expect(JSON.parse(readFileSync(at(out, "report.json"), "utf8"))).toEqual({ times, ...figures });
    expect(readFileSync(at(out, "report.html"), "utf8")).toMatch(/^<!doctype html>/);
    return { figures: JSON.stringify(figures), text: readFileSync(at(out, "report.md"), "utf8") };
  };
  const [first, again, other] = [await run("a", "7"), await run("b", "7"), await run("c", "8")];
  expect(again).toEqual(first);
  expect(other.figures.replace('"seed":8', '"seed":7')).not.toBe(first.figures);
  const { collection, attacks, missing } = JSON.parse(first.figures) as SecurityReport;
  expect(collection).toEqual({ name: "your own", passages: 90, questions: 20 });
  expect(missing).toEqual([]);
  expect(attacks.filter(({ baselineSucceeded }) => !baselineSucceeded)).toEqual([]);
});

test("Ctrl-C ends it, its attackers too, and leaves no report", async () => {
  await using running = new Cli(evaluate("--only", "extraction,distinguishing", "--out", at("stopped")));
  await running.printed(/of 2 attacks.*distinguishing/);
  const { code, stderr } = await running.stop();
  expect({ code, stopped: /stopped/.test(stderr) }).toEqual({ code: 130, stopped: true });
  expect(existsSync(at("stopped"))).toBe(false);
});

test("what cannot be is refused before anything runs, with what to do", async () => {
  mkdirSync(at("taken"));
  writeFileSync(at("taken", "report.json"), "{}");
  await expectUsageError(evaluate("--only", "nothing"), /there is no attack nothing; there are stolen-disk/);
  await expectUsageError(evaluate("--full"), /cannot be used with/);
  await expectRefusal(["evaluate", "security", "--corpus", at("corpus")], {
    fault: "SETTINGS_INVALID",
    says: /--corpus and --queries go together/,
  });
  await expectRefusal(evaluate("--encoder", "none"), { fault: "UNKNOWN_SPEC", says: /write lexical/ });
  await expectRefusal(evaluate("--out", at("taken")), { fault: "OUT_TAKEN", says: /another --out/ });
});
