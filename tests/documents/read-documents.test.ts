import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import type { Problem, SourceDocument } from "../../party-node/documents/index.ts";
import { LINE_BYTES_MAX, findRoots, readDocuments } from "../../party-node/documents/index.ts";
import { readMarkdown } from "../../party-node/documents/read-markdown.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

async function read(...paths: string[]) {
  const documents: SourceDocument[] = [];
  const { roots, problems } = await findRoots(paths);
  for await (const event of readDocuments(roots)) {
    if ("problem" in event) problems.push(event.problem);
    else documents.push(event.document);
  }
  return { documents, problems };
}

function write(folder: string, files: Record<string, string | Uint8Array>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
}

const texts = (documents: readonly SourceDocument[]) =>
  documents.flatMap(({ passages }) => passages.map(({ text }) => text));
const reasons = (problems: readonly Problem[]) => problems.map(({ reason, line }) => [reason, line]);
const line = (id: unknown, text: unknown = "text", title?: string) => JSON.stringify({ _id: id, title, text });

test("walks folders in order of names, hidden entries left out, and names documents by their path in the folder", async () => {
  using folder = temporaryFolder();
  write(folder.path, {
    "b.txt": "B",
    "a/z.md": "# Z\nz",
    "a/b.TXT": "AB",
    ".git/c.txt": "no",
    ".d.txt": "no",
    "C.htm": "<p>C",
  });
  const { documents, problems } = await read(folder.path);
  expect(documents.map(({ documentId }) => documentId)).toEqual(["C.htm", "a/b.TXT", "a/z.md", "b.txt"]);
  expect(documents.map(({ documentKey }) => documentKey)).toEqual(
    documents.map(({ documentId }) => join(folder.path, documentId)),
  );
  expect(problems).toEqual([]);
  const [file] = (await read(join(folder.path, "a/z.md"))).documents;
  expect([file?.documentId, file?.documentKey]).toEqual(["z.md", join(folder.path, "a/z.md")]);
});

test("the same keys and hashes from a link to the folder; a file under two roots is read once", async () => {
  using folder = temporaryFolder();
  write(folder.path, { "real/a.txt": "A", "real/c.jsonl": line("1") });
  symlinkSync(join(folder.path, "real"), join(folder.path, "link"));
  const direct = await read(join(folder.path, "real"));
  expect(await read(join(folder.path, "link"))).toEqual(direct);
  expect(await read(join(folder.path, "real"), join(folder.path, "real/a.txt"))).toEqual(direct);
  expect(direct.documents.map(({ documentKey }) => documentKey)).toEqual(
    ["real/a.txt", "real/c.jsonl#1"].map((name) => join(folder.path, name)),
  );
});

test("reports what it cannot read, and goes on", async () => {
  using folder = temporaryFolder();
  write(folder.path, {
    "outside.txt": "secret",
    "in/a.txt": "A",
    "in/b.doc": "%DOC",
    "in/c.txt": Uint8Array.of(0xff, 0xfe, 0x41),
    "in/d.md": " \n",
    "in/e.jsonl": "\n\n",
  });
  symlinkSync(join(folder.path, "outside.txt"), join(folder.path, "in/link.txt"));
  symlinkSync(join(folder.path, "in/a.txt"), join(folder.path, "in/inner.txt"));
  symlinkSync("/nowhere/at/all", join(folder.path, "in/broken.txt"));
  const { documents, problems } = await read(join(folder.path, "in"), join(folder.path, "missing"));
  expect(texts(documents)).toEqual(["A"]);
  expect(problems.map(({ file, reason }) => `${reason} ${file.slice(folder.path.length)}`)).toEqual([
    "UNREADABLE /missing",
    "UNKNOWN_TYPE /in/b.doc",
    "LINK_OUTSIDE /in/broken.txt",
    "NOT_UTF8 /in/c.txt",
    "EMPTY /in/d.md",
    "EMPTY /in/e.jsonl",
    "LINK_OUTSIDE /in/link.txt",
  ]);
});

test("a known format without a reader, and a path that is not there, are named with what to do", async () => {
  using folder = temporaryFolder();
  write(folder.path, { "a.rtf": "x", "b.xls": "x", "c.ZIP": "x", "d.png": "x", "e.xyz": "x", f: "x" });
  const { problems } = await read(folder.path, join(folder.path, "missing"));
  expect(problems.map(({ message }) => message.slice(folder.path.length + 1))).toEqual([
    "missing: does not exist. Check the path.",
    "a.rtf: files ending in .rtf are not read. Save it as .docx or PDF in its own program.",
    "b.xls: files ending in .xls are not read. Save it as .xlsx or .csv in its own program.",
    "c.ZIP: files ending in .zip are not read. Unpack it, and ingest what was in it.",
    "d.png: files ending in .png are not read. Text in pictures is not read: make a PDF of it with a program that recognises text (OCR).",
    expect.stringMatching(/^e\.xyz: no reader for it; known are files ending in .*\.docx/),
    expect.stringMatching(/^f: no reader for it; known/),
  ]);
});

// A superuser reads everything: nothing to test there.
(process.getuid?.() === 0 ? test.skip : test)("a file without read permission is a problem", async () => {
  using folder = temporaryFolder();
  write(folder.path, { "a.txt": "A", "b.txt": "B" });
  chmodSync(join(folder.path, "a.txt"), 0);
  expect(reasons((await read(folder.path)).problems)).toEqual([["UNREADABLE", undefined]]);
});

test("Markdown: a rule at the beginning of a long text begins no front matter", () => {
  const lines = "a\n".repeat(2_000_000);
  expect(readMarkdown(`---\n${lines}`).sections[0]?.text.length).toBe(lines.length + 4);
  expect(readMarkdown("--- \ntitle: x\n...\ntext").sections).toEqual([{ text: "text" }]);
  expect(readMarkdown("---\nno end").sections[0]?.text).toBe("---\nno end");
});

test("Markdown: first heading is the title, sections are not joined, front matter and fences are understood", async () => {
  using folder = temporaryFolder();
  const source = [
    "---",
    "author: nobody",
    "---",
    "# The  handbook #",
    "## First",
    "First text.",
    "```sh",
    "# no heading",
    "```",
    "Second heading",
    "---",
    "Second text.",
    "",
    "- item",
    "---",
    "#hashtag",
  ].join("\r\n");
  write(folder.path, { "a.md": "\uFEFF" + source, "b.md": "plain" });
  const [a, b] = (await read(folder.path)).documents;
  expect(a?.passages.map(({ title, text, ordinal }) => [title, text, ordinal])).toEqual([
    ["The  handbook", "The  handbook\n\nFirst\n\nFirst text.\n```sh\n# no heading\n```", 0],
    ["The  handbook", "Second heading\n\nSecond text.\n\n- item\n---\n#hashtag", 1],
  ]);
  expect(b?.passages).toEqual([{ documentId: "b.md", title: "", text: "plain", ordinal: 0, offset: 0 }]);
});

test("Markdown: the first of several headings of one level keeps its place, the title of a whole document has none", async () => {
  using folder = temporaryFolder();
  write(folder.path, {
    "a.md": "# Dosage\n\nOne.\n\n## Renal\n\nTwo.\n\n# Storage\n\nThree.\n",
    "b.md": "# Warfarin\n\nOne.\n\n## Renal\n\nTwo.\n",
  });
  const places = (await read(folder.path)).documents.map(({ passages }) => passages.map(({ place }) => place));
  expect(places).toEqual([
    ["Dosage", "Dosage > Renal", "Storage"],
    [undefined, "Renal"],
  ]);
});

test("HTML: title from <title> or <h1>, without navigation, scripts and styles", async () => {
  using folder = temporaryFolder();
  const body =
    "<nav><a href=x>Menu</a></nav><h1>Head<br>line</h1><p>One <b>two</b> <a href='http://x/'>link</a> &amp; more<style>p{}</style><script>alert(1)</script>";
  write(folder.path, { "a.html": `<title>The &lt;title&gt;\n</title>${body}`, "b.html": body });
  const { documents } = await read(folder.path);
  expect(documents.map(({ passages }) => passages[0]?.title)).toEqual(["The <title>", "Head line"]);
  expect(texts(documents)).toEqual(["Head\nline\n\nOne two link & more", "Head\nline\n\nOne two link & more"]);
});

test("a .jsonl line is one document and one passage, however long", async () => {
  using folder = temporaryFolder();
  const long = "A sentence. ".repeat(500).trim();
  write(folder.path, {
    "c.jsonl": `\uFEFF${line("x", long, "T")}\r\n\n${line(7, "seven\u2028still seven")}\n${line("last")}`,
  });
  const { documents, problems } = await read(join(folder.path, "c.jsonl"));
  expect(problems).toEqual([]);
  expect(documents.map(({ passages }) => passages)).toEqual([
    [{ documentId: "x", title: "T", text: long, ordinal: 0 }],
    [{ documentId: "7", title: "", text: "seven\u2028still seven", ordinal: 0 }],
    [{ documentId: "last", title: "", text: "text", ordinal: 0 }],
  ]);
});

test.each([
  { id: "not JSON", bytes: '{"_id": "2", "text": "topsecret', reason: "NOT_JSON" },
  { id: "an array", bytes: '["topsecret"]', reason: "NOT_JSON" },
  { id: "no _id", bytes: '{"text": "topsecret"}', reason: "NO_ID" },
  { id: "an object as _id", bytes: '{"_id": {}, "text": "topsecret"}', reason: "NO_ID" },
  { id: "an enormous _id", bytes: line("i".repeat(513), "topsecret"), reason: "NO_ID" },
  { id: "no text", bytes: '{"_id": "topsecret"}', reason: "NO_TEXT" },
  { id: "empty text", bytes: '{"_id": "topsecret", "text": "  "}', reason: "NO_TEXT" },
  { id: "an _id used before", bytes: line("first", "topsecret"), reason: "DUPLICATE_ID" },
  { id: "not UTF-8", bytes: Uint8Array.of(0x7b, 0xff, 0x7d), reason: "NOT_UTF8" },
  { id: "a line too long", bytes: line("2", "topsecret".padEnd(LINE_BYTES_MAX)), reason: "TOO_LARGE" },
])("a .jsonl line that is $id is named, not quoted, and the rest is read", async ({ bytes, reason }) => {
  using folder = temporaryFolder();
  const path = join(folder.path, "c.jsonl");
  writeFileSync(
    path,
    Buffer.concat([Buffer.from(line("first") + "\n\n"), Buffer.from(bytes), Buffer.from("\n" + line("after"))]),
  );
  const { documents, problems } = await read(path);
  expect(documents.map(({ documentId }) => documentId)).toEqual(["first", "after"]);
  expect(problems).toEqual([expect.objectContaining({ file: path, line: 3, reason })]);
  expect(problems[0]?.message.startsWith(`${path}, line 3: `)).toBe(true);
  expect(problems[0]?.message).not.toContain("topsecret");
});

test("the content hash follows text and title, not name or place", async () => {
  using folder = temporaryFolder();
  const lines = [line("1", "a", "b"), line("2", "a", "b"), line("3", "a", "c"), line("4", "ab", "")];
  write(folder.path, { "c.jsonl": lines.join("\n"), "d.jsonl": lines[0] ?? "" });
  const hashes = (await read(folder.path)).documents.map(({ contentHash }) => contentHash);
  expect(hashes.length).toBe(5);
  expect(new Set(hashes)).toEqual(new Set([hashes[0], hashes[2], hashes[3]]));
  expect(new Set([hashes[0], hashes[1], hashes[4]]).size).toBe(1);
});
