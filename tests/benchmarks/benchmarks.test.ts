import { afterAll, describe, expect, test } from "@jest/globals";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { Cli, type Finished, repository } from "../support/cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { longTest } from "../support/long.ts";

const folder = temporaryFolder();
/** Where the benchmarks put what they need for the time being. */
const scratch = join(folder.path, "scratch");
mkdirSync(scratch);

afterAll(() => {
  folder[Symbol.dispose]();
});

function bench(args: readonly string[], { nodeOptions = "", ownGroup = false } = {}): Cli {
  const env = { TMPDIR: scratch, NODE_OPTIONS: nodeOptions };
  return new Cli(args, { main: join(repository, "benchmarks", "main.ts"), env, ownGroup });
}

const rowSchema = z.strictObject({
  name: z.string().min(1),
  value: z.number(),
  unit: z.string().min(1),
  opponent: z.string().nullable(),
  ratio: z.number().positive().nullable(),
  spread: z.number().nonnegative().nullable(),
  target: z
    .string()
    .regex(/^[<>]= \d+(\.\d+)?$/)
    .nullable(),
  met: z.boolean().nullable(),
});
const reportSchema = z.strictObject({
  benchmark: z.string(),
  parameters: z.record(z.string(), z.unknown()),
  machine: z.strictObject({
    cpu: z.string(),
    cores: z.int().positive(),
    memoryGiB: z.int().positive(),
    platform: z.string(),
  }),
  versions: z.record(z.string(), z.string()),
  rows: z.array(rowSchema).min(1),
});
type Report = z.infer<typeof reportSchema>;

/** The last line of a run that must have succeeded and left nothing behind. */
function reportOf({ code, stdout, stderr }: Finished): Report {
  if (code !== 0) throw new Error(`exited with ${String(code)}:\n${stdout}${stderr}`);
  expect(readdirSync(scratch)).toEqual([]);
  return reportSchema.parse(JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? ""));
}

/** The one row whose name begins so. */
function row({ rows }: Report, beginning: string): Report["rows"][number] {
  const found = rows.filter(({ name }) => name.startsWith(beginning));
  expect(found.map(({ name }) => name)).toHaveLength(1);
  return found[0]!;
}

describe("a name", () => {
  test("that is no benchmark's is refused, with the one that was meant", async () => {
    const { code, stderr } = await bench(["scorin"]).exited;
    expect(code).toBe(1);
    expect(stderr).toContain("Did you mean scoring?");
  });

  test("is listed by --help", async () => {
    const { code, stdout } = await bench(["--help"]).exited;
    expect(code).toBe(0);
    for (const name of [
      "scoring",
      "query",
      "ingest",
      "scale",
      "encoders",
      "sealed",
      "codes",
      "recall",
      "duplicates",
      "citations",
    ])
      expect(stdout).toMatch(new RegExp(`^  ${name} `, "m"));
  });
});

longTest("scoring without its opponent says so and gives no ratio", async () => {
  const hide = `import { registerHooks } from "node:module";
    registerHooks({ resolve: (name, context, next) => next(name === "usearch" ? "usearch-is-hidden" : name, context) });`;
  const nodeOptions = `--import data:text/javascript,${encodeURIComponent(hide)}`;
  const finished = await bench(["scoring", "--rows", "256", "--dim", "128", "--json"], { nodeOptions }).exited;
  const report = reportOf(finished);
  expect(finished.stderr).toContain("usearch does not load");
  expect(finished.stdout).toContain("opponent not found");
  expect(row(report, "one query, 256 x 128")).toMatchObject({ opponent: null, ratio: null, met: null });
  expect(row(report, "one query, 4096 x 128").ratio).not.toBeNull();
});

test("query measures whole queries, many at once, and under updates", async () => {
  const sizes = ["--parties", "2", "--rows", "300", "--dim", "128"];
  const load = ["--queries", "7", "--queriers", "6", "--seconds", "4"];
  const report = reportOf(await bench(["query", ...sizes, ...load, "--json"]).exited);
  expect(report.benchmark).toBe("query");
  expect(report.parameters).toMatchObject({ parties: 2, rows: 300, dim: 128, queriers: 6 });
  const p50 = row(report, "whole query, passages fetched, p50");
  expect(p50.opponent).toMatch(/clear mode, a plain JavaScript scan: [\d.]+ ms$/);
  expect(p50.ratio).toBeGreaterThan(0);
  // How fast the writer is says something about the machine, not about what is guarded here.
  expect(row(report, "rows added while queries run").value).toBeGreaterThan(0);
  // Seven questions over random vectors: one row that the rounding of scores lifts across the tenth place is already more than the target of a full run allows.
  expect(row(report, "same top 10 as in clear").value).toBeGreaterThan(0.9);
  for (const name of [
    "query up, its ciphertext",
    "queries lost",
    "queries that a party did not answer",
    "answers with half an update",
    "versions of the marked passages",
  ])
    expect([name, row(report, name).met]).toEqual([name, true]);
});

test("psi measures what a party of an intersection does, against a second implementation", async () => {
  const report = reportOf(await bench(["psi", "--ids", "4", "--json"]).exited);
  expect(row(report, "raise 4 elements").opponent).toMatch(/^noble-curves: [\d.,]+ ms$/);
  expect(row(report, "own ids hashed and raised").unit).toBe("ids/s");
});

longTest("ingest runs the real command", async () => {
  const report = reportOf(await bench(["ingest", "--passages", "300", "--runs", "1", "--json"]).exited);
  expect(report.parameters).toMatchObject({ passages: 300 });
  expect(row(report, "sotto ingest").value).toBeGreaterThan(0);
  expect(row(report, "indexing, one thread").target).toBe("<= 15");
});

longTest("sealed measures collections at a host against the same rows in clear", async () => {
  const sizes = ["--rows", "400", "--dim", "64", "--queries", "7"];
  const report = reportOf(await bench(["sealed", ...sizes, "--json"]).exited);
  expect(report.parameters).toMatchObject({ rows: 400, dim: 64, beta: 1, epsilon: 256 });
  expect(row(report, "CAPRISE encryption")).toMatchObject({ unit: "vectors/s", target: ">= 30000" });
  expect(row(report, "host search, k' 10").target).toBe("<= 1.1");
  for (const name of ["outsourced query, beta 1, epsilon 256", "outsourced query, beta 1, no epsilon"]) {
    const query = row(report, name);
    expect(query).toMatchObject({ unit: "ms", target: "<= 1.5", opponent: expect.stringContaining("in clear") });
    expect(query.ratio).toBeGreaterThan(0);
  }
  // Of so few rows every one is looked at, here and there, and k' candidates hold the true best.
  for (const name of ["outsourced query with epsilon", "outsourced query without", "double query"])
    expect([name, row(report, `${name}, share of the true top 10`).value > 0.9]).toEqual([name, true]);
  expect(row(report, "publishing").ratio).toBeGreaterThan(0);
});

test("codes finds what usearch finds, and says how much sooner", async () => {
  const report = reportOf(await bench(["codes", "--rows", "20000", "--json"]).exited);
  expect(report.parameters).toMatchObject({ rows: 20_000, bits: 256, k: 100 });
  const search = row(report, "top 100 of 20000 codes of 256 bits");
  expect(search).toMatchObject({ unit: "ms", target: "<= 1.5", opponent: expect.stringContaining("usearch") });
  expect(search.ratio).toBeGreaterThan(0);
  expect(row(report, "of the top 100, distances other than usearch's")).toMatchObject({ value: 0, met: true });
});

describe("of public question sets", () => {
  const data = join(folder.path, "sets");
  /** Every passage is asked for by its own first words. */
  function writeSet(name: string): void {
    mkdirSync(join(data, name), { recursive: true });
    const words = Array.from({ length: 2000 }, (_, i) => `${name}${String((i * i * 31 + 7 * i) % 397)}`);
    const texts = Array.from({ length: 120 }, (_, i) => `${words.slice(i * 16, i * 16 + 30).join(" ")}.`);
    const jsonl = (lines: readonly object[]): string => lines.map((line) => `${JSON.stringify(line)}\n`).join("");
    writeFileSync(join(data, name, "corpus.jsonl"), jsonl(texts.map((text, i) => ({ _id: `d${String(i)}`, text }))));
    const queries = texts.map((text, i) => ({ _id: `q${String(i)}`, text: text.split(" ").slice(0, 8).join(" ") }));
    writeFileSync(join(data, name, "queries.jsonl"), jsonl(queries));
    writeFileSync(join(data, name, "qrels.tsv"), texts.map((_, i) => `q${String(i)}\td${String(i)}\t1\n`).join(""));
  }
  writeSet("one");
  writeSet("two");
  const small = ["--data", data, "--sets", "one,two", "--encoder", "lexical:128", "--limit", "20", "--json"];

  test("recall compares codes with vectors, and writes tables and a plot", async () => {
    const report = reportOf(await bench(["recall", ...small, "--bits", "64,256", "--write", data]).exited);
    expect(report.parameters).toMatchObject({ bits: [64, 256], limit: 20 });
    expect(row(report, "lexical:128, 256 bits: recall@100").value).toBeGreaterThan(0.8);
    expect(row(report, "lexical:128, 256 bits in 4 layers: recall@100").value).toBeGreaterThan(0.8);
    expect(row(report, "lexical:128, 64 bits: balanced bits").value).toBeGreaterThan(0);
    const tables = readFileSync(join(data, "codes-tables.md"), "utf8");
    expect(tables.split("\n").filter((line) => /^\| 256 /.test(line))).toHaveLength(4);
    const plot = readFileSync(join(data, "codes.svg"), "utf8");
    expect(plot).toContain(">recall@100<");
    expect(plot).not.toContain("NaN");
  });

  test("duplicates tells copies from different passages", async () => {
    const report = reportOf(await bench(["duplicates", ...small]).exited);
    expect(row(report, "capitals and white space (40 pairs): median").value).toBe(0);
    expect(row(report, "nearest different passage of all (40 pairs): median").value).toBeGreaterThan(16);
  });

  test("citations tells right ones from those that are drawn by chance", async () => {
    const report = reportOf(
      await bench(["citations", "--data", data, "--sets", "one", "--limit", "20", "--json"]).exited,
    );
    expect(row(report, "one: right citations flagged, of 20").value).toBe(0);
    expect(row(report, "one: citations of passages drawn by chance flagged, of 20").value).toBeGreaterThan(0.5);
  });
});

describe("scale", () => {
  longTest("measures each size, and writes a table and a plot", async () => {
    const docs = join(folder.path, "docs");
    const args = ["--sizes", "600,200", "--dim", "128", "--queries", "7", "--write", docs, "--json"];
    const report = reportOf(await bench(["scale", ...args]).exited);
    expect(report.parameters).toMatchObject({ sizes: [200, 600], dim: 128 });
    expect(row(report, "600 rows: hints").value).toBeGreaterThan(2 * row(report, "200 rows: hints").value);
    expect(row(report, "200 rows: start, again").spread).not.toBeNull();
    const table = readFileSync(join(docs, "scale.md"), "utf8").split("\n");
    expect(table.filter((line) => /^\| +(200|600) \|/.test(line))).toHaveLength(2);
    expect(table).toContain("npm run bench -- scale --sizes 200,600 --dim 128 --queries 7 --write docs");
    const plot = readFileSync(join(docs, "scale.svg"), "utf8");
    for (const text of ["<svg ", ">Time<", ">Memory of the node<", ">Bytes at the querier<", "</svg>"])
      expect(plot).toContain(text);
    expect(plot).not.toContain("NaN");
  });

  test("stopped by Ctrl-C leaves no process and no file", async () => {
    const run = bench(["scale", "--sizes", "200", "--dim", "128"], { ownGroup: true });
    await run.printed(/starting again/);
    run.kill("SIGINT", { group: true });
    const { code, stderr } = await run.exited;
    expect(stderr).toMatch(/stopped\n$/);
    expect(code).toBe(130);
    expect(readdirSync(scratch)).toEqual([]);
  });
});
