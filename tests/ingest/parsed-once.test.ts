import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, test } from "@jest/globals";
import { ParsedFiles, findRoots, readDocuments } from "../../party-node/documents/index.ts";
import { DocumentParser } from "../../party-node/documents/index.ts";
import type { ParsedText } from "../../party-node/documents/formats/parsed-text.ts";
import { ingest } from "../../party-node/ingest.ts";
import { openSqliteStore } from "../../party-node/store/index.ts";
import { bigramEncoder } from "../support/bigram-encoder.ts";
import { pdfOf } from "../support/document-fixtures.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** A parser that counts what it is given. */
class CountingParser extends DocumentParser {
  readonly parsed: string[] = [];

  override parse(...[format, bytes]: Parameters<DocumentParser["parse"]>): ReturnType<DocumentParser["parse"]> {
    this.parsed.push(format);
    return super.parse(format, bytes);
  }
}

function workplace() {
  const folder = temporaryFolder();
  const corpus = join(folder.path, "corpus");
  mkdirSync(corpus);
  const storePath = join(folder.path, "store.db");
  const store = openSqliteStore({ path: storePath, storeKey: new Uint8Array(32), rowsPerBlock: 16 });
  const { encoder } = bigramEncoder();
  return {
    corpus,
    store,
    storePath,
    write: (name: string, bytes: string | Uint8Array) => writeFileSync(join(corpus, name), bytes),
    run: (options: Partial<Parameters<typeof ingest>[0]> = {}) =>
      ingest({ paths: [corpus], store, encoder, ...options }),
    /** What a run would parse. */
    wouldParse: async (retry = false): Promise<string[]> => {
      const parser = new CountingParser();
      await using parsed = new ParsedFiles({ parser, kept: store.extractions, retry });
      for (let pass = 0; pass < 2; pass++)
        for await (const event of readDocuments((await findRoots([corpus])).roots, { parsed }))
          expect(event).toBeDefined();
      return parser.parsed;
    },
    [Symbol.dispose]: () => {
      store.close();
      folder[Symbol.dispose]();
    },
  };
}

test("a file is parsed once while it is the same, whether it can be read or not", async () => {
  using w = workplace();
  w.write("a.csv", "a\n1");
  w.write("b.pdf", "no PDF");
  expect(await w.wouldParse()).toEqual(["csv", "pdf"]);
  expect(await w.wouldParse()).toEqual([]);
  expect(await w.wouldParse(true)).toEqual(["pdf"]);
  w.write("b.pdf", await pdfOf(["now it is"]));
  expect(await w.wouldParse()).toEqual(["pdf"]);
  expect((await w.run()).documents).toMatchObject({ added: 2 });
  expect(w.store.passagesOfDocument(join(w.corpus, "b.pdf"))).toMatchObject([{ place: "page 1", offset: 0 }]);
});

test("what is extracted from a file goes with the file", async () => {
  using w = workplace();
  for (const name of ["a.csv", "b.csv", "c.csv"]) w.write(name, "a\n1");
  w.write("d.pdf", "no PDF");
  expect(await w.run()).toMatchObject({ problems: 1, reasons: { DAMAGED: 1 } });
  expect(w.store.extractions.paths("").length).toBe(4);
  rmSync(join(w.corpus, "a.csv"));
  rmSync(join(w.corpus, "d.pdf"));
  await w.run();
  expect(w.store.extractions.paths("")).toEqual(["b.csv", "c.csv"].map((name) => join(w.corpus, name)));
  rmSync(join(w.corpus, "b.csv"));
  const gone = await w.run({ within: w.corpus, paths: [join(w.corpus, "b.csv")] });
  expect(gone.documents).toMatchObject({ removed: 1, unchanged: 0 });
  expect(w.store.extractions.paths("")).toEqual([join(w.corpus, "c.csv")]);
});

test("within a folder only the paths that are named are looked at, under the names they have there", async () => {
  using w = workplace();
  mkdirSync(join(w.corpus, "sub"));
  for (const name of ["a.txt", "sub/b.txt", "sub/c.txt"]) w.write(name, name);
  await w.run();
  for (const name of ["a.txt", "sub/b.txt"]) w.write(name, `other ${name}`);
  const within = { within: w.corpus, paths: [join(w.corpus, "sub/b.txt"), "/etc/hostname"] };
  expect((await w.run(within)).documents).toMatchObject({ added: 0, changed: 1, unchanged: 0, removed: 0 });
  expect(w.store.passagesOfDocument(join(w.corpus, "sub/b.txt"))[0]?.documentId).toBe("sub/b.txt");
  rmSync(join(w.corpus, "sub"), { recursive: true });
  expect((await w.run({ within: w.corpus, paths: [join(w.corpus, "sub")] })).documents).toMatchObject({ removed: 2 });
  expect(w.store.documentKeys("")).toEqual([join(w.corpus, "a.txt")]);
});

test("an ingest that was killed goes on, and parses again nothing that it had parsed", async () => {
  using w = workplace();
  const names = Array.from({ length: 12 }, (_, i) => `${String(i).padStart(2, "0")}.csv`);
  for (const name of names) w.write(name, `name,number\nfile ${name},1`);
  const child = spawn(process.execPath, [join(import.meta.dirname, "ingest-child.ts"), w.storePath, w.corpus], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  for await (const line of createInterface({ input: child.stdout })) if (line.startsWith("reading 8")) break;
  child.kill("SIGKILL");
  await once(child, "exit");
  const parsed = w.store.extractions.paths("").length;
  expect(parsed).toBeGreaterThanOrEqual(8);
  expect((await w.wouldParse()).length).toBe(12 - parsed);
  expect((await w.run()).documents).toMatchObject({ added: 12 });
});

test("stopping does not wait for a parser, and what it did not finish is not called unreadable", async () => {
  using w = workplace();
  w.write("a.csv", "a\n1");
  w.write("b.html", "<div>".repeat(1e6));
  const stop = new AbortController();
  const run = w.run({
    signal: stop.signal,
    onProgress: () =>
      setTimeout(() => {
        stop.abort(new Error("enough"));
      }, 200),
  });
  await expect(run).rejects.toThrow("enough");
  expect(w.store.extractions.paths("")).toEqual([join(w.corpus, "a.csv")]);
});

test("what is kept is sealed, and found only as it was written", async () => {
  using w = workplace();
  const read: ParsedText = { title: "", sections: [{ text: "xylophone" }], unread: [] };
  w.store.extractions.write("/secret-name ", read);
  expect(w.store.extractions.read("/secret-name ")).toEqual(read);
  expect(w.store.extractions.read("/secret-name")).toBeNull();
  expect(w.store.extractions.paths("/secret")).toEqual(["/secret-name "]);
  const { readFileSync } = await import("node:fs");
  for (const file of [w.storePath, `${w.storePath}-wal`])
    expect(readFileSync(file).includes("xylophone") || readFileSync(file).includes("secret-name")).toBe(false);
});
