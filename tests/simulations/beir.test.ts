import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { loadBeirCorpus, loadBeirQueries, loadBeirSet, loadQrels } from "../../simulations/beir.ts";

const CRANFIELD = "../shared/data/beir/cranfield";
let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "sotto-beir-"));
});
afterAll(() => rm(root, { recursive: true }));

async function write(name: string, content: string): Promise<string> {
  const file = join(root, name);
  await writeFile(file, content);
  return file;
}

describe("BEIR loaders", () => {
  test("read a set; queries without a relevant document are left out", async () => {
    await write(
      "corpus.jsonl",
      '{"_id":"d1","title":"T","text":"one","metadata":{}}\r\n\n{"_id":"d2","text":"two\\nlines"}\n',
    );
    await write(
      "queries.jsonl",
      '{"_id":"q2","text":"second"}\n{"_id":"q1","text":"first"}\n{"_id":"q3","text":"unjudged"}\n{"_id":"q4","text":"none"}\n',
    );
    await write("qrels.tsv", "query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t0\nq2\td2\t1\r\nq4\td1\t-1\n");
    const set = await loadBeirSet(root);
    expect(set.documents).toEqual([
      { id: "d1", title: "T", text: "one" },
      { id: "d2", title: "", text: "two\nlines" },
    ]);
    expect(set.queries.map(({ id }) => id)).toEqual(["q2", "q1"]);
    expect(set.qrels.get("q1")).toEqual(
      new Map([
        ["d1", 2],
        ["d2", 0],
      ]),
    );
  });

  test("qrels need no header", async () => {
    expect(await loadQrels(await write("bare.tsv", "q1\td1\t1\n"))).toEqual(new Map([["q1", new Map([["d1", 1]])]]));
  });

  const bad: { id: string; load: (file: string) => Promise<unknown>; content: string }[] = [
    { id: "corpus line that is no JSON", load: loadBeirCorpus, content: '{"_id":"a","text":"b"}\nsecret words\n' },
    {
      id: "corpus line without _id",
      load: loadBeirCorpus,
      content: '{"_id":"a","text":"b"}\n{"text":"secret words"}\n',
    },
    { id: "corpus line that is a list", load: loadBeirCorpus, content: '{"_id":"a","text":"b"}\n["secret words"]\n' },
    { id: "query without text", load: loadBeirQueries, content: '{"_id":"a","text":"b"}\n{"_id":"secret words"}\n' },
    { id: "qrels line with four columns", load: loadQrels, content: "q\td\t1\nq\td\t1\tsecret words\n" },
    { id: "qrels line with no number", load: loadQrels, content: "q\td\tgrade\nq\td\tsecret words\n" },
  ];
  test.each(bad)("$id is named by file and line, not quoted", async ({ load, content }) => {
    const file = await write("bad", content);
    const error: Error = await load(file).then(
      () => new Error("loaded"),
      (reason: unknown) => reason as Error,
    );
    expect(error).toMatchObject({ code: "BAD_LINE" });
    expect(error.message).toContain(`${file}, line 2`);
    expect(`${error.message}${String(error.cause)}`).not.toContain("secret words");
  });

  test("a missing file is named", async () => {
    await expect(loadBeirSet(join(root, "nowhere"))).rejects.toMatchObject({ code: "FILE_MISSING" });
  });

  (existsSync(CRANFIELD) ? test : test.skip)(`cranfield (skipped where ${CRANFIELD} is absent)`, async () => {
    const set = await loadBeirSet(CRANFIELD);
    expect([set.documents.length, set.queries.length]).toEqual([1400, 225]);
  });
});
