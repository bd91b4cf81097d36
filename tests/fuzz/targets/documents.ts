import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { PASSAGE_LENGTH_MAX, findRoots, readDocuments, split } from "../../../party-node/documents/index.ts";
import type { Section } from "../../../party-node/documents/document.ts";
import { type ParsedFormat, parseDocument } from "../../../party-node/documents/formats/parse.ts";
import { UnreadError } from "../../../party-node/documents/formats/unread.ts";
import { readHtml } from "../../../party-node/documents/read-html.ts";
import { readMarkdown } from "../../../party-node/documents/read-markdown.ts";
import { pptxOf } from "../../support/hostile-documents.ts";
import { terms } from "../../../party-node/encoders/tokenize.ts";
import { Defect, type FuzzTarget, bytesOf, text } from "../target.ts";

const MARKDOWN =
  "---\nauthor: a\n---\n# Title #\n\nA paragraph.\n\nSecond\n======\n- item\n\n```js\n# no heading\n```\n";
const HTML =
  '<!doctype html><title>T</title><nav>x</nav><h1>Head</h1><p>One <a href="u">link</a> &amp; <b>b</b></p><table><tr><th>a</th><td>1</td></tr></table><ul><li>i</ul><script>x()</script>';
const JSONL =
  '{"_id":"1","title":"T","text":"what it says"}\n{"_id":2,"text":"second"}\n\n{"_id":"1","text":"again"}\n';

const MAIL =
  'From: A <a@b.example>\r\nSubject: =?utf-8?q?s?=\r\nContent-Type: multipart/mixed; boundary="x"\r\n\r\n--x\r\nContent-Type: text/html\r\n\r\n<h2>M</h2><p>text</p>\r\n--x\r\nContent-Disposition: attachment\r\n\r\nx\r\n--x--\r\n';
const SLIDE =
  '<p:sp><p:nvPr><p:ph type="title"/></p:nvPr><a:p><a:r><a:t>A &amp; b</a:t></a:r><a:br/></a:p></p:sp><a:tc><![CDATA[x]]></a:tc>';

/** Passages are short, trimmed and well formed, whatever the document. */
function splits(sections: readonly Section[]): void {
  for (const passage of sections.flatMap((section) => split(section.text)))
    if (passage === "" || passage !== passage.trim() || passage.length > PASSAGE_LENGTH_MAX)
      throw new Defect("a passage is empty, too long or has blanks around it");
}

async function readFile(path: string, input: Uint8Array): Promise<void> {
  writeFileSync(path, input);
  const { roots } = await findRoots([path]);
  for await (const event of readDocuments(roots)) {
    if (!("document" in event)) continue;
    const { passages, contentHash } = event.document;
    if (passages.length === 0 || !/^[0-9a-f]{64}$/.test(contentHash)) throw new Defect("a document has no passages");
    if (passages.some((passage) => passage.text === "")) throw new Defect("a passage is empty");
  }
}

/** A format that is parsed in a process of its own, here in this one. @param wrap - Puts the input inside a document that is well formed. */
function parsed(
  name: string,
  format: ParsedFormat,
  form: FuzzTarget["form"],
  seed: () => Uint8Array | Promise<Uint8Array>,
  wrap: (input: string) => Promise<Uint8Array> | null = () => null,
): FuzzTarget {
  const run = async (input: Uint8Array): Promise<void> => {
    try {
      const { sections } = await parseDocument(format, (await wrap(text(input))) ?? input);
      splits(sections);
      if (sections.some(({ place }) => place === "")) throw new Defect("a place is empty");
    } catch (error) {
      if (!(error instanceof UnreadError)) throw error;
    }
  };
  return { name, form, seeds: async () => [await seed()], faults: [], bytesMax: 16_384, run };
}

/** Documents that are ingested: no fault at all, whatever is in them. */
export function documentTargets(folder: string): FuzzTarget[] {
  const document = (name: string, seed: string, run: FuzzTarget["run"]): FuzzTarget => ({
    name,
    form: "text",
    seeds: () => [bytesOf(seed)],
    faults: [],
    bytesMax: 16_384,
    run,
  });
  return [
    document("document-markdown", MARKDOWN, (input) => {
      splits(readMarkdown(text(input)).sections);
    }),
    document("document-html", HTML, (input) => {
      splits(readHtml(text(input)).sections);
    }),
    document("document-text", "One. Two!\n\nThree, and more\r\nof it.", (input) => {
      splits([{ text: text(input) }]);
    }),
    document("document-file", MARKDOWN, (input) => readFile(join(folder, "document.md"), input)),
    document("document-jsonl", JSONL, (input) => readFile(join(folder, "lines.jsonl"), input)),
    parsed("document-csv", "csv", "text", () => bytesOf('drug;dose\n"warfarin";5 mg\n\nother;"7\n8"\n')),
    parsed("document-eml", "eml", "text", () => bytesOf(MAIL)),
    parsed("document-pptx", "pptx", "bytes", () => pptxOf("<sp><p><t>text</t></p></sp>")),
    parsed(
      "document-slide",
      "pptx",
      "text",
      () => bytesOf(SLIDE),
      (slide) => pptxOf(`<x>${slide}</x>`),
    ),
    document("terms", "What is the dose of warfarin, 5 mg?", (input) => terms(text(input))),
  ];
}
