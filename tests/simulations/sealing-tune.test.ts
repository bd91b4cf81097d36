import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TuneReport } from "../../cli/seal.ts";
import { seededRandom } from "../../simulations/seeded-random.ts";
import { Cli, expectRefusal, expectUsageError, sotto, sottoOutput } from "../support/cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const DOCUMENTS = 240;
const folder = temporaryFolder();
const at = (...path: string[]): string => join(folder.path, ...path);
const jsonl = (objects: readonly object[]): string => objects.map((object) => `${JSON.stringify(object)}\n`).join("");

/** Eight topics of fifty words; every twelfth passage is asked for by its first six words. */
beforeAll(() => {
  const random = seededRandom(4);
  const texts = Array.from({ length: DOCUMENTS }, (_, i) =>
    Array.from({ length: 30 }, () => `t${String(i % 8)}w${String(Math.floor(50 * random()))}`).join(" "),
  );
  const asked = texts.map((_, i) => i).filter((i) => i % 12 === 0);
  mkdirSync(at("corpus"));
  writeFileSync(at("corpus", "corpus.jsonl"), jsonl(texts.map((text, i) => ({ _id: `d${String(i)}`, text }))));
  const queries = asked.map((i) => ({ _id: `q${String(i)}`, text: texts[i]?.split(" ").slice(0, 6).join(" ") }));
  writeFileSync(at("queries.jsonl"), jsonl(queries));
  writeFileSync(at("qrels.tsv"), asked.map((i) => `q${String(i)}\td${String(i)}\t1\n`).join(""));
});

afterAll(() => {
  folder[Symbol.dispose]();
});

const tune = (...more: string[]): string[] => [
  ...["seal", "tune", "--corpus", at("corpus"), "--queries", at("queries.jsonl"), "--qrels", at("qrels.tsv")],
  ...more,
];
const small = ["--encoder", "lexical:128", "--beta", "20,0.02,0.2", "--epsilon", "700,none"];

test("prints one JSON object, and draws", async () => {
  const { code, stdout, stderr } = await sotto(
    tune(...small, "--json", "--svg", at("plot.svg"), "--rotation", "--recall-loss", "0.02"),
  );
  expect({ code, lines: stdout.trimEnd().split("\n").length }).toEqual({ code: 0, lines: 1 });
  expect(stderr).toMatch(/sealing/);
  const report = JSON.parse(stdout) as TuneReport;
  expect(report).toMatchObject({
    encoder: { spec: "lexical:128", device: "js" },
    rows: DOCUMENTS,
    queries: 20,
    dim: 128,
    recallLossMax: 0.02,
    candidatesMax: 24,
    rotation: true,
    seed: 1,
  });
  expect(report.betas.map(({ beta }) => beta)).toEqual([0.02, 0.2, 20]);
  expect(report.betas[0]?.cells.map(({ epsilon }) => epsilon)).toEqual([null, 700]);
  expect(report.best?.beta).toBeGreaterThanOrEqual(0.02);
  expect(report.best?.cell.reranked.recallAt10).toBeGreaterThanOrEqual(0.98);
  expect(report.openLeakage).toMatchObject({ neighbourOverlap: 1 });
  expect(report.words[0]).toMatch(/^Recommended: beta/);
  await expectAccepted(report.words[1]!.replace("To use them: ", ""), report.best);
  const svg = readFileSync(at("plot.svg"), "utf8");
  expect(svg).toMatch(/^<svg/);
  expect(svg).toMatch(/recommended/);
  expect(svg).toMatch(/What rows show to their host/);
});

/** As far as the missing node: past the checks of its options. */
async function expectAccepted(command: string, best: TuneReport["best"]): Promise<void> {
  expect(command).toContain(` --beta ${String(best?.beta)}`);
  expect(command.includes(" --epsilon 700")).toBe(best?.cell.epsilon === 700);
  const args = command.replace("NAME", "notes").replace("HOST", "host").split(" ").slice(1);
  await expectRefusal([...args, "--dir", at("nowhere")], { fault: "CONFIG_MISSING", says: /nowhere/ });
}

test("prints tables and says what remains visible", async () => {
  const text = await sottoOutput(tune(...small, "--limit", "5", "--rows", "100"));
  expect(text).toMatch(/^lexical:128: 128 dimensions, norms up to 24\.0; 100 passages, 5 queries, nDCG@10 in the open/);
  expect(text).toMatch(/Recommended: /);
  expect(text).toMatch(/in the open │/);
});

describe("refuses", () => {
  test("options that mean nothing", async () => {
    await Promise.all([
      expectUsageError(tune("--beta", "1,0"), /numbers above 0 with commas between/),
      expectUsageError(tune("--epsilon", "none,x"), /numbers above 0 with commas between/),
      expectUsageError(tune("--recall-loss", "1"), /above 0 and below 1/),
      expectUsageError(["seal", "tune"], /required option '--corpus/),
    ]);
  });

  test("files that are missing or do not belong together", async () => {
    writeFileSync(at("other.tsv"), "elsewhere\tnothing\t1\n");
    const [corpus, queries] = [at("corpus"), at("queries.jsonl")];
    await Promise.all([
      expectRefusal(["seal", "tune", "--corpus", at("none"), "--queries", queries, "--qrels", at("qrels.tsv")], {
        fault: "FILE_MISSING",
        says: /corpus\.jsonl does not exist; check the path/,
      }),
      expectRefusal(["seal", "tune", "--corpus", corpus, "--queries", queries, "--qrels", at("other.tsv")], {
        fault: "NOTHING_TO_ASK",
        says: /do the three files belong together/,
      }),
    ]);
  });
});

test("Ctrl-C ends it with code 130", async () => {
  await using cli = new Cli(tune("--encoder", "lexical:4096"));
  await cli.printed(/sealing/);
  expect(await cli.stop("SIGINT")).toMatchObject({ code: 130, signal: null, stdout: "" });
});
