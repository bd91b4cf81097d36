import { HeadingLevel } from "docx";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "@jest/globals";
import type { DocumentEvent } from "../../party-node/documents/index.ts";
import { findRoots, readDocuments } from "../../party-node/documents/index.ts";
import { archiveOf, filesOf } from "../support/archive-of.ts";
import {
  type DocumentFixture,
  type Heading,
  docxOf,
  docxWith,
  oneOfEach,
  pdfOf,
} from "../support/document-fixtures.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

async function read(files: readonly { readonly name: string; readonly bytes: Uint8Array | string }[]) {
  using folder = temporaryFolder();
  for (const { name, bytes } of files) writeFileSync(join(folder.path, name), bytes);
  const events: DocumentEvent[] = [];
  for await (const event of readDocuments((await findRoots([folder.path])).roots)) events.push(event);
  const documents = events.flatMap((event) => ("document" in event ? [event.document] : []));
  return {
    documents,
    passages: documents.flatMap(({ passages }) => passages),
    problems: events.flatMap((event) =>
      "problem" in event ? [[event.problem.reason, event.problem.message.slice(folder.path.length + 1)]] : [],
    ),
  };
}

let fixtures: DocumentFixture[];
let all: Awaited<ReturnType<typeof read>>;
beforeAll(async () => {
  fixtures = await oneOfEach();
  all = await read(fixtures);
});

const ofFile = (name: string) => all.passages.filter(({ documentId }) => documentId === name);

test("every format is read, and what it says is found at its place", () => {
  expect(all.problems).toEqual([]);
  const found = fixtures.map(({ name, says }) => {
    const passage = all.passages.find(({ text }) => text.replace(/\s+/g, " ").includes(says));
    return [name, passage?.documentId, passage?.place];
  });
  expect(found).toEqual(fixtures.map(({ name, place }) => [name, name, place]));
});

test("titles are those that the documents have", () => {
  const titles = ["survey.pdf", "protocols.docx", "tide.epub", "regatta.eml"].map((name) => ofFile(name)[0]?.title);
  expect(titles).toEqual(["Survey of birds", "Protocols", "The Tide", "Regatta: the time"]);
});

test("the first of several headings of one height keeps its place; the title's style, or a heading alone, is the title", async () => {
  const { TITLE, HEADING_1 } = HeadingLevel;
  const places = async (...headings: (readonly [string, Heading])[]): Promise<unknown> => {
    const { passages } = await read([{ name: "a.docx", bytes: await docxWith(headings) }]);
    return passages.map(({ title, place, text }) => [title, place, text]);
  };
  expect(await places(["Dosage", HEADING_1], ["Renal", HEADING_1])).toEqual([
    ["Dosage", "Dosage", "Dosage\n\nBelow Dosage."],
    ["Dosage", "Renal", "Renal\n\nBelow Renal."],
  ]);
  expect(await places(["Warfarin", TITLE], ["Dosage", HEADING_1])).toEqual([
    ["Warfarin", undefined, "Warfarin\n\nBelow Warfarin."],
    ["Warfarin", "Dosage", "Dosage\n\nBelow Dosage."],
  ]);
  expect(await places(["Warfarin", HEADING_1])).toEqual([["Warfarin", undefined, "Warfarin\n\nBelow Warfarin."]]);
});

test("a presentation's notes, a document's tables and a letter's head are read", () => {
  expect(ofFile("spices.pptx").map(({ place, text }) => [place, text])).toContainEqual([
    "slide 2, notes",
    "Thank the growers.",
  ]);
  expect(ofFile("protocols.docx").at(-1)?.text).toMatch(/Bed\s+Nurse/);
  expect(ofFile("regatta.eml")[0]?.text).toContain("From: Ada Marsh <ada@harbour.example>\nTo: Crew");
  expect(ofFile("tide.epub").map(({ place }) => place)).toEqual(["part 1 of 2", "Spring > Birds"]);
});

test("a table's rows are as many to a passage as fit, with their numbers", async () => {
  const rows = Array.from({ length: 60 }, (_, i) => `item ${String(i)},"${"word ".repeat(10)}\nend"`);
  const { passages } = await read([{ name: "a.csv", bytes: ["name,what", "", ...rows].join("\n") }]);
  expect(passages[0]).toMatchObject({ place: expect.stringMatching(/^rows 3-\d+$/) });
  expect(passages[0]?.text).toMatch(/^name: item 0; what: word /);
  const spans = passages.map(({ place = "" }) => /^rows? (\d+)(?:-(\d+))?$/.exec(place)?.slice(1).map(Number));
  expect(spans.at(-1)?.[1]).toBe(62);
  spans.slice(1).forEach((span, i) => expect(span?.[0]).toBe((spans[i]?.[1] ?? NaN) + 1));
});

describe("what cannot be read is named with its reason", () => {
  test.each<[string, string, () => Promise<Uint8Array | string> | Uint8Array | string, string]>([
    ["a PDF with a password", "a.pdf", () => pdfOf(["secret"], { userPassword: "x", pdfVersion: "1.7" }), "ENCRYPTED"],
    ["an Office file with a password", "a.docx", () => ole("EncryptedPackage"), "ENCRYPTED"],
    ["an old Office file", "a.xlsx", () => ole("Workbook"), "UNSUPPORTED"],
    ["a scanned PDF", "a.pdf", () => pdfOf(["", ""]), "SCANNED"],
    ["a PDF that is none", "a.pdf", () => "hello", "DAMAGED"],
    ["a picture named .docx", "a.docx", () => Uint8Array.of(0x89, 0x50, 0x4e, 0x47), "DAMAGED"],
    ["a DOCX named .xlsx", "a.xlsx", () => docxOf("a", "b"), "DAMAGED"],
    ["a DOCX named .pptx", "a.pptx", () => docxOf("a", "b"), "DAMAGED"],
    ["a DOCX named .epub", "a.epub", () => docxOf("a", "b"), "DAMAGED"],
    ["a picture named .csv", "a.csv", () => Uint8Array.of(0x89, 0x50, 0, 0x47), "DAMAGED"],
    ["a PDF named .eml", "a.eml", () => pdfOf(["hello"]), "DAMAGED"],
    ["a CSV in Latin 1", "a.csv", () => Buffer.from("caf\xe9,1", "latin1"), "NOT_UTF8"],
    ["an empty CSV", "a.csv", () => "\n\n", "EMPTY"],
  ])("%s", async (_, name, bytes, reason) => {
    const good = { name: "z.txt", bytes: "good" };
    const { problems, passages } = await read([{ name, bytes: await bytes() }, good]);
    expect(problems).toEqual([[reason, expect.stringMatching(new RegExp(`^${name}: `))]]);
    expect(passages.map(({ text }) => text)).toEqual(["good"]);
  });

  test("a book whose chapters its shop has locked", async () => {
    const { bytes } = fixtures.find(({ name }) => name === "tide.epub")!;
    const chapter = "<CipherData><CipherReference URI='OPS/text/a.xhtml'/></CipherData>";
    const { problems } = await read([
      { name: "a.epub", bytes: await withFile(bytes, "META-INF/encryption.xml", chapter) },
    ]);
    expect(problems).toEqual([["ENCRYPTED", expect.any(String)]]);
    const font = chapter.replace("text/a.xhtml", "font.otf");
    const open = await read([{ name: "a.epub", bytes: await withFile(bytes, "META-INF/encryption.xml", font) }]);
    expect(open.problems).toEqual([]);
  });

  test("pages without text and attachments, while the rest is read", async () => {
    const mail = [
      "From: a@b.example",
      "Subject: s",
      'Content-Type: multipart/mixed; boundary="x"',
      "",
      "--x",
      "Content-Type: text/html",
      "",
      "<h2>Minutes</h2><p>We met.</p>",
      "--x",
      'Content-Type: application/pdf; name="secret-name.pdf"',
      'Content-Disposition: attachment; filename="secret-name.pdf"',
      "",
      "x",
      "--x--",
    ].join("\r\n");
    const { problems, passages } = await read([
      { name: "a.eml", bytes: mail },
      { name: "b.pdf", bytes: await pdfOf(["one", "", "three", "", "", "six"]) },
    ]);
    expect(problems).toEqual([
      ["ATTACHMENTS", "a.eml: has 1 attachment, which are not read. Save them as files beside it."],
      ["SCANNED", expect.stringContaining("b.pdf: is read without pages 2, 4-5: ")],
    ]);
    expect(passages.map(({ place, text }) => [place, text.slice(-7)])).toEqual([
      ["Minutes", "We met."],
      ["page 1", "one"],
      ["page 3", "three"],
      ["page 6", "six"],
    ]);
  });
});

function ole(stream: string): Buffer {
  return Buffer.concat([
    Buffer.from([0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]),
    Buffer.alloc(504),
    Buffer.from(stream, "utf16le"),
  ]);
}

async function withFile(archive: Uint8Array, name: string, content: string): Promise<Buffer> {
  return await archiveOf({ ...(await filesOf(archive)), [name]: content });
}
