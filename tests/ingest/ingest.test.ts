import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, test } from "@jest/globals";
import type { Problem } from "../../party-node/documents/index.ts";
import type { IngestOptions, IngestProgress } from "../../party-node/ingest.ts";
import { ingest } from "../../party-node/ingest.ts";
import type { PassageStore } from "../../party-node/store/index.ts";
import { openSqliteStore } from "../../party-node/store/index.ts";
import { bigramEncoder } from "../support/bigram-encoder.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const ROWS_PER_BLOCK = 16;

function workplace() {
  const folder = temporaryFolder();
  const corpus = join(folder.path, "corpus");
  const storePath = join(folder.path, "store.db");
  mkdirSync(corpus);
  const store = openSqliteStore({ path: storePath, storeKey: new Uint8Array(32), rowsPerBlock: ROWS_PER_BLOCK });
  const { encoder, counted } = bigramEncoder();
  return {
    corpus,
    store,
    storePath,
    counted,
    write: (name: string, content: string) => writeFileSync(join(corpus, name), content),
    remove: (name: string) => rmSync(join(corpus, name), { recursive: true }),
    run: (options: Partial<IngestOptions> = {}) => ingest({ paths: [corpus], store, encoder, ...options }),
    [Symbol.dispose]: () => {
      store.close();
      folder[Symbol.dispose]();
    },
  };
}

const lines = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) =>
    JSON.stringify({ _id: `d${(from + i).toString()}`, text: `Document number ${(from + i).toString()}.` }),
  ).join("\n") + "\n";

/** Every text in the store with its vector, in order of text; each row read through its block, as the scoring index does. */
function contents(store: PassageStore): [string, number[]][] {
  const rows = [...store.blockRevisions().keys()].flatMap((block) => store.vectorsOfBlock(block));
  return rows
    .map(({ rowId, vector }): [string, number[]] => [store.passages([rowId])[0]?.text ?? "", [...vector]])
    .sort();
}

const touched = (before: Map<number, number>, after: Map<number, number>) =>
  [...after.keys()].filter((block) => after.get(block) !== before.get(block));

test("stores every passage with its vector, and reports", async () => {
  using w = workplace();
  w.write("a.md", "# Title\nText of a.");
  w.write("c.jsonl", lines(0, 30));
  const progress: IngestProgress[] = [];
  const report = await w.run({ batchSize: 8, onProgress: (each) => progress.push(each) });
  expect(report).toMatchObject({
    documents: { added: 31, changed: 0, reencoded: 0, unchanged: 0, removed: 0 },
    passages: 31,
    problems: 0,
  });
  expect([w.store.rowCount, w.store.documentCount, contents(w.store).length]).toEqual([31, 31, 31]);
  expect(progress[0]).toEqual({
    ...{ phase: "reading", done: 1, total: null, passagesPerSecond: 0 },
    ...{ files: { done: 1, total: 2 }, secondsLeft: null },
  });
  expect(progress.at(-1)).toEqual({
    ...{ phase: "encoding", done: 31, total: 31, passagesPerSecond: expect.any(Number) },
    ...{ files: null, secondsLeft: 0 },
  });
  expect(progress.at(-1)?.passagesPerSecond).toBeGreaterThan(0);
});

test("a second run changes nothing and encodes nothing", async () => {
  using w = workplace();
  w.write("c.jsonl", lines(0, 40));
  await w.run();
  const [before, encoded] = [w.store.blockRevisions(), w.counted.passages];
  expect((await w.run()).documents).toEqual({ added: 0, changed: 0, reencoded: 0, unchanged: 40, removed: 0 });
  expect(w.store.blockRevisions()).toEqual(before);
  expect(w.counted.passages).toBe(encoded);
});

test("a bad line is named by file and line, and the rest is ingested", async () => {
  using w = workplace();
  w.write("c.jsonl", lines(0, 3) + '{"_id": "broken\n' + lines(3, 5));
  const problems: Problem[] = [];
  const report = await w.run({ onProblem: (problem) => problems.push(problem) });
  expect(problems).toEqual([expect.objectContaining({ file: join(w.corpus, "c.jsonl"), line: 4, reason: "NOT_JSON" })]);
  expect([report.problems, report.documents.added, w.store.rowCount]).toEqual([1, 5, 5]);
});

test("a file of bad lines is counted exactly, beyond what is remembered too, and whoever else waits has a turn", async () => {
  using w = workplace();
  const bad = 100_050;
  w.write("bad.jsonl", "x\n".repeat(bad));
  let told = 0;
  let [last, longest] = [performance.now(), 0];
  const turns = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 5);
  const report = await w.run({ onProblem: () => told++ });
  clearInterval(turns);
  expect([told, report.problems, report.reasons]).toEqual([bad, bad, { NOT_JSON: bad }]);
  expect(longest).toBeLessThan(1000);
}, 60_000);

test("changed, deleted and added documents touch only their blocks", async () => {
  using w = workplace();
  w.write("c.jsonl", lines(0, 160));
  for (const name of ["x.txt", "y.txt"]) w.write(name, `Text of ${name}.`);
  await w.run();
  const blockOf = (name: string): number => {
    const id = w.store.passagesOfDocument(join(w.corpus, name))[0]?.rowId;
    return (
      [...w.store.blockRevisions().keys()].find((block) =>
        w.store.rowIdsOfBlock(block).some(({ rowId }) => rowId === id),
      ) ?? -1
    );
  };
  let before = w.store.blockRevisions();
  expect([before.size, new Set(before.values()).size]).toEqual([11, 1]); // one transaction wrote all
  const [x, y] = [blockOf("x.txt"), blockOf("y.txt")];

  w.remove("y.txt");
  expect((await w.run()).documents).toMatchObject({ unchanged: 161, removed: 1 });
  expect(touched(before, w.store.blockRevisions())).toEqual([y]);

  before = w.store.blockRevisions();
  w.write("x.txt", "Another text of x.");
  expect((await w.run()).documents).toMatchObject({ unchanged: 160, changed: 1 });
  const blocks = new Set([x, blockOf("x.txt")]);
  expect(new Set(touched(before, w.store.blockRevisions()))).toEqual(blocks);
  expect(w.store.passagesOfDocument(join(w.corpus, "x.txt")).map(({ text }) => text)).toEqual(["Another text of x."]);

  before = w.store.blockRevisions();
  w.write("z.txt", "New.");
  expect((await w.run()).documents).toMatchObject({ unchanged: 161, added: 1 });
  expect(touched(before, w.store.blockRevisions())).toEqual([blockOf("z.txt")]);
});

test("lines, files and folders that are gone are removed; what was not ingested now stays", async () => {
  using w = workplace();
  mkdirSync(join(w.corpus, "sub"));
  w.write("sub/a.txt", "A");
  w.write("sub-b.txt", "B");
  w.write("c.jsonl", lines(0, 4));
  await w.run();
  w.write("c.jsonl", lines(0, 2));
  expect((await w.run({ paths: [join(w.corpus, "sub")] })).documents).toMatchObject({ unchanged: 1, removed: 0 });
  expect((await w.run({ paths: [join(w.corpus, "c.jsonl")] })).documents).toMatchObject({ unchanged: 2, removed: 2 });
  w.remove("sub");
  expect((await w.run({ paths: [join(w.corpus, "sub")] })).documents.removed).toBe(0); // a missing path is a mistake, not a deletion
  expect((await w.run()).documents).toMatchObject({ unchanged: 3, removed: 1 });
  expect(w.store.documentKeys("")).toEqual(
    ["c.jsonl#d0", "c.jsonl#d1", "sub-b.txt"].map((name) => join(w.corpus, name)),
  );
});

test("nothing is removed where something could not be read", async () => {
  using w = workplace();
  w.write("a.txt", "A");
  w.write("b.txt", "B");
  await w.run();
  w.remove("a.txt");
  w.remove("b.txt");
  const missing = join(w.corpus, "a.txt");
  expect(await w.run({ paths: [w.corpus, missing] })).toMatchObject({ documents: { removed: 1 }, problems: 1 });
  expect(w.store.documentKeys("")).toEqual([missing]);
});

test("a run killed in the middle loses at most a batch, and the next one completes it", async () => {
  using w = workplace();
  w.write("c.jsonl", lines(0, 200));
  const child = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", join(import.meta.dirname, "ingest-child.ts"), w.storePath, w.corpus],
    {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, NODE_OPTIONS: "" },
    },
  );
  const ended = once(child, "exit");
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === "encoding 50") child.kill("SIGKILL");
  }
  expect(await ended).toEqual([null, "SIGKILL"]);
  const rows = w.store.rowCount;
  expect(rows).toBeGreaterThanOrEqual(50);
  expect(rows).toBeLessThan(200);
  expect(rows % 10).toBe(0);
  expect(contents(w.store).length).toBe(rows);

  const report = await w.run({ batchSize: 10 });
  expect(report.documents).toEqual({ added: 200 - rows, changed: 0, reencoded: 0, unchanged: rows, removed: 0 });
  using clean = workplace();
  clean.write("c.jsonl", lines(0, 200));
  await clean.run();
  expect(contents(w.store)).toEqual(contents(clean.store));
});

test("statistics are taken anew when the corpus has grown by more than half, over all of it", async () => {
  using w = workplace();
  using clean = workplace();
  for (const each of [w, clean]) {
    each.write("c.jsonl", lines(0, 20));
    each.write("d.jsonl", lines(20, 29));
  }
  await w.run({ paths: [join(w.corpus, "c.jsonl")] });
  expect((await w.run({ paths: [join(w.corpus, "d.jsonl")] })).documents).toMatchObject({ added: 9, reencoded: 0 });
  w.write("e.txt", "x".repeat(900));
  w.write("f.txt", "y".repeat(900));
  expect((await w.run({ paths: [join(w.corpus, "e.txt"), join(w.corpus, "f.txt")] })).documents).toMatchObject({
    added: 2,
    reencoded: 29,
  });
  clean.write("e.txt", "x".repeat(900));
  clean.write("f.txt", "y".repeat(900));
  await clean.run();
  expect(contents(w.store)).toEqual(contents(clean.store));
  expect((await w.run()).documents).toEqual({ added: 0, changed: 0, reencoded: 0, unchanged: 31, removed: 0 });
});

test("an encoder that uses no statistics encodes nothing again, however much the corpus grows", async () => {
  using w = workplace();
  const encoder = { ...bigramEncoder().encoder, usesStatistics: false };
  w.write("c.jsonl", lines(0, 5));
  await w.run({ encoder });
  w.write("d.jsonl", lines(5, 25));
  expect((await w.run({ encoder })).documents).toMatchObject({ added: 20, reencoded: 0, unchanged: 5 });
});

test("a passage out of the encoder's range is named and left out", async () => {
  using w = workplace();
  w.write("c.jsonl", lines(0, 5) + JSON.stringify({ _id: "loud", text: "aaaa".repeat(100) }));
  const problems: Problem[] = [];
  const { encoder } = bigramEncoder({ normMax: 200 });
  const report = await w.run({ encoder, onProblem: (problem) => problems.push(problem) });
  expect(problems).toEqual([expect.objectContaining({ file: join(w.corpus, "c.jsonl#loud"), reason: "OUT_OF_RANGE" })]);
  expect([report.passages, report.problems, w.store.rowCount]).toEqual([5, 1, 5]);
});

test("refuses another encoder once there are documents", async () => {
  using w = workplace();
  const { encoder } = bigramEncoder({ seed: "another" });
  await w.run({ encoder });
  w.write("a.txt", "A");
  await w.run();
  await expect(w.run({ encoder })).rejects.toMatchObject({ code: "ENCODER_MISMATCH" });
  expect((await w.run()).documents.unchanged).toBe(1);
});

test("can be stopped between batches, and keeps what it has", async () => {
  using w = workplace();
  w.write("c.jsonl", lines(0, 100));
  const controller = new AbortController();
  const onProgress = ({ phase, done }: IngestProgress): void => {
    if (phase === "encoding" && done === 30) controller.abort(new Error("enough"));
  };
  await expect(w.run({ batchSize: 10, onProgress, signal: controller.signal })).rejects.toThrow("enough");
  expect(w.store.rowCount).toBe(30);
});

test("refuses options it does not know", async () => {
  using w = workplace();
  await expect(w.run({ batchsize: 3 } as Partial<IngestOptions>)).rejects.toThrow(TypeError);
  await expect(w.run({ batchSize: 0 })).rejects.toThrow(TypeError);
});
