import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "@jest/globals";
import { type PassageStore, openSqliteStore } from "../../party-node/store/index.ts";
import { alignmentOf, makeAlignment, readAlignment } from "../../party-node/vertical/index.ts";
import { type Problem } from "../../party-node/documents/index.ts";
import { ingest } from "../../party-node/ingest.ts";
import { fault } from "../crypto/support.ts";
import { unitBigramEncoder } from "../support/bigram-encoder.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
afterAll(() => {
  folder[Symbol.dispose]();
});
let counter = 0;
let path = "";
beforeEach(() => {
  path = join(folder.path, String(counter++));
});

describe("an alignment file", () => {
  test("gives each id its position", () => {
    writeFileSync(path, JSON.stringify({ version: 1, ids: ["c", "a", "b"] }));
    const { count, digest, positionOf } = readAlignment(path);
    expect([count, positionOf("c"), positionOf("b"), positionOf("z")]).toEqual([3, 0, 2, undefined]);
    expect(digest).toEqual(makeAlignment(["c", "a", "b"]).digest);
    expect(digest).not.toEqual(makeAlignment(["a", "c", "b"]).digest);
  });

  test.each([
    ["an empty file", ""],
    ["a cut one", '{"version":1,"ids":["a"'],
    ["a list", '["a"]'],
    ["another version", '{"version":2,"ids":["a"]}'],
    ["no ids", '{"version":1,"ids":[]}'],
    ["an empty id", '{"version":1,"ids":["a",""]}'],
    ["an id that is a number", '{"version":1,"ids":[7]}'],
    ["an id too long", JSON.stringify({ version: 1, ids: ["x".repeat(513)] })],
    ["an id twice", '{"version":1,"ids":["a","b","a"]}'],
    ["an unknown field", '{"version":1,"ids":["a"],"more":1}'],
  ])("is not %s, and is not quoted", (_id, content) => {
    writeFileSync(path, content);
    expect(() => readAlignment(path)).toThrow(fault("ALIGNMENT_MALFORMED"));
  });

  test("is missed by name", () => {
    expect(() => readAlignment(path)).toThrow(fault("ALIGNMENT_MISSING"));
  });
});

describe("ingest by an alignment", () => {
  const encoder = unitBigramEncoder();
  const open = (): PassageStore =>
    openSqliteStore({ path: `${path}.db`, storeKey: new Uint8Array(32).fill(1), rowsPerBlock: 4 });
  const write = (name: string, documents: Readonly<Record<string, string>>): string => {
    const lines = Object.entries(documents).map(([_id, text]) => `${JSON.stringify({ _id, text })}\n`);
    writeFileSync(`${path}-${name}`, lines.join(""));
    return `${path}-${name}`;
  };
  /** Position -> id, as the rows lie. */
  const rows = (store: PassageStore): Record<number, string> =>
    Object.fromEntries(
      [...store.blockRevisions().keys()].flatMap((block) =>
        store
          .rowIdsOfBlock(block)
          .flatMap(({ rowId, slot }) =>
            store.passages([rowId]).map(({ documentId }) => [4 * block + slot, documentId] as const),
          ),
      ),
    );

  test("puts rows at their positions, leaves out what is not common, and follows changes", async () => {
    using store = disposing(open());
    const alignment = makeAlignment(["a", "b", "c", "d", "e", "f", "g", "h", "i"]);
    const paths = [write("corpus.jsonl", { i: "ninth", b: "second", x: "not common", e: "fifth", a: "first" })];
    const problems: Problem[] = [];
    const report = await ingest({ paths, store: store.value, encoder, alignment, onProblem: (p) => problems.push(p) });
    expect([report.passages, problems]).toEqual([4, []]);
    expect(rows(store.value)).toEqual({ 0: "a", 1: "b", 4: "e", 8: "i" });
    write("corpus.jsonl", { i: "another ninth", c: "third", a: "first" });
    await ingest({ paths, store: store.value, encoder, alignment });
    expect(rows(store.value)).toEqual({ 0: "a", 2: "c", 8: "i" });
    expect(alignmentOf(store.value)).toEqual({ count: 9, digest: alignment.digest });
  });

  test("by another alignment moves every row, and by none is refused", async () => {
    using store = disposing(open());
    const paths = [write("corpus.jsonl", { a: "first", b: "second", c: "third" })];
    await ingest({ paths, store: store.value, encoder, alignment: makeAlignment(["a", "b", "c"]) });
    await ingest({ paths, store: store.value, encoder, alignment: makeAlignment(["c", "a", "z"]) });
    expect(rows(store.value)).toEqual({ 0: "c", 1: "a" });
    await expect(ingest({ paths, store: store.value, encoder })).rejects.toThrow(fault("ALIGNMENT_NEEDED"));
    expect(rows(store.value)).toEqual({ 0: "c", 1: "a" });
  });

  test("takes one document an id: a second of the run is named, one of an earlier run refused", async () => {
    using store = disposing(open());
    const alignment = makeAlignment(["a", "b"]);
    const [first, second] = [write("one.jsonl", { a: "first" }), write("two.jsonl", { a: "again", b: "second" })];
    const problems: Problem[] = [];
    const onProblem = (problem: Problem): void => void problems.push(problem);
    await ingest({ paths: [first, second], store: store.value, encoder, alignment, onProblem });
    expect(problems.map(({ reason }) => reason)).toEqual(["DUPLICATE_ID"]);
    expect(rows(store.value)).toEqual({ 0: "a", 1: "b" });
    await expect(ingest({ paths: [second], store: store.value, encoder, alignment })).rejects.toThrow(
      fault("POSITION_TAKEN"),
    );
    expect(rows(store.value)).toEqual({ 0: "a", 1: "b" });
  });

  test("keeps a document that would be split as one passage", async () => {
    using store = disposing(open());
    const paragraphs = Array.from({ length: 4 }, (_, i) => `Paragraph ${String(i)}. ${"word ".repeat(120).trim()}`);
    const file = `${path}-report.txt`;
    writeFileSync(file, paragraphs.join("\n\n"));
    const id = file.split("/").at(-1) ?? "";
    await ingest({ paths: [file], store: store.value, encoder, alignment: makeAlignment([id]) });
    const [passage] = store.value.passages([1]);
    expect(store.value.rowCount).toBe(1);
    expect(passage?.text.split(/\s+/)).toEqual(readFileSync(file, "utf8").split(/\s+/));
  });
});

function disposing(store: PassageStore): { readonly value: PassageStore } & Disposable {
  return {
    value: store,
    [Symbol.dispose]: () => {
      store.close();
    },
  };
}
