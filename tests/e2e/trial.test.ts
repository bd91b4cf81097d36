import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { VerticalReport } from "../../cli/trial-vertical.ts";
import type { TrialReport } from "../../cli/trial-report.ts";
import { expectRefusal, expectUsageError, repository, sotto } from "../support/cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { longTest } from "../support/long.ts";

const PARTIES = ["clinic", "lab", "library"];
const PASSAGES = 50;
const folder = temporaryFolder();
const at = (...path: string[]): string => join(folder.path, ...path);

/** Words of two syllables, chosen by a small linear congruential generator: the same corpus in every run. */
function* madeUpWords(seed: number): Generator<string, never> {
  const syllables = ["ba", "do", "fi", "gu", "ka", "lo", "me", "nu", "pi", "ra", "so", "ti", "va", "zu"];
  for (let state = seed; ;) {
    const syllable = (): string => {
      state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
      return syllables[Math.floor(state / 2 ** 16) % syllables.length] ?? "";
    };
    yield `${syllable()}${syllable()}n`;
  }
}

const jsonl = (objects: readonly object[]): string => objects.map((object) => `${JSON.stringify(object)}\n`).join("");

/** Ten queries, each of words from one passage; the parties take turns in holding it, and a second passage is half relevant. */
beforeAll(() => {
  const words = madeUpWords(1);
  const take = (count: number): string[] => Array.from({ length: count }, () => words.next().value);
  const corpora = PARTIES.map((party) =>
    Array.from({ length: PASSAGES }, (_, i) => ({
      _id: `${party}-${String(i)}`,
      title: take(2).join(" "),
      text: take(40).join(" "),
    })),
  );
  const gold = Array.from({ length: 10 }, (_, q) => corpora[q % 3]?.[5 * q] ?? { _id: "", text: "" });
  for (const [i, party] of PARTIES.entries()) {
    mkdirSync(at(party));
    writeFileSync(at(party, "corpus.jsonl"), jsonl(corpora[i] ?? []));
  }
  writeFileSync(
    at("queries.jsonl"),
    jsonl(gold.map(({ text }, q) => ({ _id: `q${String(q)}`, text: text.split(" ").slice(0, 6).join(" ") }))),
  );
  const judged = gold.flatMap(({ _id }, q) => [
    `q${String(q)}\t${_id}\t2`,
    `q${String(q)}\t${corpora[q % 3]?.[q + 1]?._id ?? ""}\t1`,
  ]);
  writeFileSync(at("qrels.tsv"), `query-id\tcorpus-id\tscore\n${judged.join("\n")}\n`);
});

afterAll(() => {
  folder[Symbol.dispose]();
});

const parties = PARTIES.flatMap((name) => ["--party", `${name}=${at(name)}`]);
const files = ["--queries", at("queries.jsonl"), "--qrels", at("qrels.tsv")];

async function trial(args: readonly string[]): Promise<TrialReport> {
  using tmp = temporaryFolder();
  const { code, stdout, stderr } = await sotto(["trial", ...args, "--json"], { env: { TMPDIR: tmp.path } });
  if (code !== 0) throw new Error(`the trial exited with ${String(code)}:\n${stdout}${stderr}`);
  expect(readdirSync(tmp.path).filter((name) => name.startsWith("sotto-"))).toEqual([]);
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as TrialReport;
}

function expectCloseToClear({ mode, ndcgAt10, recallAt10, overlapAtK, latencyMs, ingest }: TrialReport): void {
  for (const { [mode]: hidden = 0, clear, ...more } of [ndcgAt10, recallAt10]) {
    expect(more).toEqual({});
    expect(clear).toBeGreaterThan(0);
    expect(clear).toBeLessThanOrEqual(1);
    expect(Math.abs(hidden - clear)).toBeLessThanOrEqual(0.02);
  }
  expect(overlapAtK).toBeGreaterThan(0.95);
  expect(overlapAtK).toBeLessThanOrEqual(1);
  expect(latencyMs.p50).toBeGreaterThan(1);
  expect(latencyMs.p95).toBeGreaterThanOrEqual(latencyMs.p50);
  expect(ingest.passagesPerSecond).toBeGreaterThan(10);
}

function expectSane(report: TrialReport): void {
  const { bytesPerQuery } = report;
  expectCloseToClear(report);
  expect(report).toMatchObject({ mode: "private", sealing: null });
  // 1,024 dimensions at c = 32 are 32 ring elements of 2,048 residues of 31 bits.
  expect(bytesPerQuery.up).toBeGreaterThan((32 * 2048 * 31) / 8);
  expect(bytesPerQuery.up).toBeLessThan(500_000);
  expect(bytesPerQuery.down).toBeGreaterThan(1000);
  expect(bytesPerQuery.down).toBeLessThan(1_000_000);
}

test("a trial over three made-up corpora reports everything, and privacy costs no quality", async () => {
  const report = await trial([...parties, ...files, "-k", "10", "--encoder", "lexical:1024", "--route", "1,3"]);
  expect(report.parties).toEqual(PARTIES.map((name) => ({ name, passages: PASSAGES })));
  expect(report.queries).toBe(10);
  // The two runs come from one process each: both find the passage that a query was cut from.
  expect(report.ndcgAt10.clear).toBeGreaterThan(0.6);
  expectSane(report);
  const [one, all] = report.routing;
  expect(one).toMatchObject({ route: 1, partiesAsked: 1 });
  expect(one?.partiesShare).toBeCloseTo(1 / 3);
  expect(one?.topKept).toBeGreaterThan(0);
  expect(one?.topKept).toBeLessThan(1);
  expect(all).toMatchObject({ route: 3, partiesAsked: 3, partiesShare: 1 });
  expect(all?.topKept).toBeGreaterThan(0.95);
  expect(Math.abs((all?.ndcgAt10 ?? 0) - (report.ndcgAt10.private ?? 1))).toBeLessThanOrEqual(0.02);
});

const sealed = [...parties, ...files, "-k", "10", "--encoder", "lexical:1024"];

longTest("a trial of outsourced collections says how they were sealed, and finds what a clear one finds", async () => {
  const report = await trial([...sealed, "--mode", "outsourced", "--beta", "0.5"]);
  expectCloseToClear(report);
  expect(report.mode).toBe("outsourced");
  expect(report.parties).toEqual(PARTIES.map((name) => ({ name, passages: PASSAGES })));
  expect(report.ndcgAt10.clear).toBeGreaterThan(0.6);
  const { beta, epsilon, candidates, missShare } = report.sealing ?? {};
  expect(beta).toBe(0.5);
  expect(epsilon).toBeNull();
  expect(candidates?.min).toBeGreaterThanOrEqual(10);
  expect(candidates?.mean).toBeGreaterThanOrEqual(candidates?.min ?? NaN);
  expect(candidates?.max).toBeGreaterThanOrEqual(candidates?.mean ?? NaN);
  expect(candidates?.max).toBeLessThanOrEqual(PASSAGES);
  expect(missShare).toBeGreaterThanOrEqual(0);
  expect(missShare).toBeLessThan(0.05);
  // Up goes one vector of 1,025 float32 a collection, and the encrypted question of the host's own documents; down come whole rows.
  expect(report.bytesPerQuery.up).toBeGreaterThan(3 * 4 * 1025);
  expect(report.bytesPerQuery.up).toBeLessThan(3 * 4 * 1025 + 300_000);
  expect(report.bytesPerQuery.down).toBeGreaterThan(3 * 10 * 4 * 1025);
});

longTest("a trial of double collections prints its table for people", async () => {
  const { code, stdout } = await sotto(["trial", ...sealed, "--mode", "double", "--beta", "0.5", "--limit", "6"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/clinic: 50 passages, lab: 50 passages, library: 50 passages; 6 queries, lexical on js/);
  expect(stdout).toMatch(/│ +│ double +│ clear +│/);
  const [, hidden = "", clear = ""] = /nDCG@10 +│ (\S+) +│ (\S+)/.exec(stdout) ?? [];
  expect(Number(clear)).toBeGreaterThan(0.6);
  expect(Math.abs(Number(hidden) - Number(clear))).toBeLessThanOrEqual(0.02);
  expect(stdout).toMatch(/sealed with beta 0\.5, epsilon none; k' \d+ to \d+, mean \S+; expected/);
});

test("a vertical trial divides a corpus, and equals what one place gives", async () => {
  const report = (await trial([
    "--vertical",
    "--corpus",
    at("clinic"),
    ...files,
    "--limit",
    "4",
  ])) as unknown as VerticalReport;
  const { parties: halves, entities, queries, ndcgAt10, recallAt10, scoreError } = report;
  expect(halves).toEqual([
    { name: "title", passages: PASSAGES },
    { name: "text", passages: PASSAGES },
  ]);
  expect([entities, queries, report.equalWithinError]).toEqual([PASSAGES, 4, 1]);
  for (const { vertical, centralised } of [ndcgAt10, recallAt10])
    expect(Math.abs(vertical - centralised)).toBeLessThan(0.05);
  expect(ndcgAt10.centralised).toBeGreaterThan(0);
  expect(report.overlapAtK).toBeGreaterThan(0.9);
  expect(scoreError.max).toBeGreaterThan(0);
  expect(scoreError.max).toBeLessThan(6 * scoreError.stated);
});

describe("a trial refuses", () => {
  test("a party that it cannot make sense of", async () => {
    await Promise.all([
      expectUsageError(["trial", "--party", at("clinic"), ...files], /expected NAME=DIR/),
      expectUsageError(["trial", "--party", `clinic=${at("none")}`, ...files], /none\/corpus\.jsonl does not exist/),
      expectUsageError(["trial", "--party", `Clinic!=${at("clinic")}`, ...files], /lower-case letters/),
      expectUsageError(["trial", ...parties, "--party", `lab=${at("lab")}`, ...files], /two parties called lab/),
      expectUsageError(["trial", ...files], /required option '--party/),
      expectUsageError(["trial", ...files, "--vertical"], /takes '--corpus/),
      expectUsageError(["trial", ...parties, ...files, "--corpus", at("lab")], /belongs to '--vertical'/),
      expectUsageError(
        ["trial", ...parties, ...files, "--mode", "clear"],
        /Allowed choices are private, outsourced, double/,
      ),
      expectUsageError(["trial", ...parties, ...files, "--route", "1,0"], /--route.*whole number/),
      expectUsageError(["trial", ...parties, ...files, "--mode", "double", "--beta", "0"], /--beta.*above 0/),
    ]);
  });

  test("queries and judgements that do not belong together, or are not there", async () => {
    writeFileSync(at("other.tsv"), "elsewhere\tnothing\t1\n");
    await Promise.all([
      expectRefusal(["trial", ...parties, "--queries", at("queries.jsonl"), "--qrels", at("other.tsv")], {
        fault: "NOTHING_TO_ASK",
        says: /do the two files belong together/,
      }),
      expectRefusal(["trial", ...parties, "--queries", at("none.jsonl"), "--qrels", at("qrels.tsv")], {
        fault: "FILE_MISSING",
        says: /none\.jsonl does not exist; check the path/,
      }),
    ]);
  });
});

const pubmedqa = join(repository, "..", "shared", "data", "beir", "pubmedqa");
const testWithData = existsSync(pubmedqa) ? longTest : test.skip;

testWithData(
  "a trial over the first 20 questions of ../shared/data/beir/pubmedqa (skipped where that is absent)",
  async () => {
    const judged = [
      "--queries",
      join(pubmedqa, "queries.jsonl"),
      "--qrels",
      join(pubmedqa, "qrels.tsv"),
      "--limit",
      "20",
    ];
    const report = await trial(["--party", `library=${pubmedqa}`, ...judged]);
    expect(report.parties[0]?.name).toBe("library");
    expect(report.parties[0]?.passages).toBeGreaterThanOrEqual(1000);
    expect(report.queries).toBe(20);
    expect(report.ndcgAt10.clear).toBeGreaterThan(0.8);
    expectSane(report);
  },
);
