import { buffer } from "node:stream/consumers";
import { Document, HeadingLevel, Packer, Paragraph, Table, TableCell, TableRow } from "docx";
import PDFDocument from "pdfkit";
import pptxgen from "pptxgenjs";
import writeExcelFile from "write-excel-file/node";
import { archiveOf } from "./archive-of.ts";

// Its types describe the CommonJS build, whose default export is one level further down.
const Pptx = pptxgen as unknown as typeof pptxgen.default;

/** A document of one format as its usual writer makes it. */
export interface DocumentFixture {
  readonly name: string;
  readonly bytes: Buffer;
  /** A sentence in it that no other has. */
  readonly says: string;
  /** Where a citation of the sentence points; not set where a format has no places. */
  readonly place?: string;
}

/** One document of every format that `sotto ingest` reads, .jsonl aside. */
export async function oneOfEach(): Promise<DocumentFixture[]> {
  const htmlOf = (says: string): string =>
    `<!doctype html><title>Wards</title><h1>Wards</h1><p>Rules.</p><h2>Visiting</h2><p>${says}</p>`;
  const drugs = "Colchicine eases an attack of gout.";
  const visits = "Grandparents visit the orchid ward on Sundays.";
  const xhtml = "Porcelain teapots are kept in cupboard nine.";
  return [
    {
      name: "plain.txt",
      bytes: Buffer.from("Lanterns hang above the harbour.\n"),
      says: "Lanterns hang above the harbour.",
    },
    {
      name: "handbook.md",
      bytes: Buffer.from(`# Handbook\n\nIntro.\n\n## Dosage\n\n### Gout\n\n${drugs}\n`),
      ...{ says: drugs, place: "Dosage > Gout" },
    },
    { name: "wards.html", bytes: Buffer.from(htmlOf(visits)), says: visits, place: "Visiting" },
    { name: "pottery.xhtml", bytes: Buffer.from(htmlOf(xhtml)), says: xhtml, place: "Visiting" },
    await pdf(),
    await docx(),
    await pptx(),
    await xlsx(),
    csv("stock.csv", ";", "Zeppelin ropes"),
    csv("stock.tsv", "\t", "Walnut oars"),
    await epub(),
    eml(),
  ];
}

/** A PDF whose pages hold these texts; an empty one gives a page with a drawing on it and no text. */
export async function pdfOf(pages: readonly string[], options: PDFKit.PDFDocumentOptions = {}): Promise<Buffer> {
  const document = new PDFDocument({ ...options, autoFirstPage: false });
  for (const text of pages) {
    document.addPage();
    if (text === "") document.rect(50, 50, 200, 200).fill("#336699");
    else document.text(text);
  }
  document.end();
  return await buffer(document);
}

async function pdf(): Promise<DocumentFixture> {
  const says = "The kestrel nests in the bell tower.";
  const bytes = await pdfOf(["Birds of the city, a survey.", "Sparrows are common.", says], {
    info: { Title: "Survey of birds" },
  });
  return { name: "survey.pdf", bytes, says, place: "page 3" };
}

/** A DOCX with a heading, a paragraph below it, and a table. */
export async function docxOf(heading: string, says: string): Promise<Buffer> {
  const cell = (text: string): TableCell => new TableCell({ children: [new Paragraph(text)] });
  const table = new Table({ rows: [new TableRow({ children: [cell("Bed"), cell("Nurse")] })] });
  const children = [
    new Paragraph({ text: "Protocols", heading: HeadingLevel.TITLE }),
    new Paragraph("What to do when."),
    new Paragraph({ text: heading, heading: HeadingLevel.HEADING_1 }),
    new Paragraph(says),
    table,
  ];
  return await Packer.toBuffer(new Document({ sections: [{ children }] }));
}

export type Heading = (typeof HeadingLevel)[keyof typeof HeadingLevel];

/** A DOCX with these headings, each with a sentence below it. */
export async function docxWith(headings: readonly (readonly [text: string, heading: Heading])[]): Promise<Buffer> {
  const children = headings.flatMap(([text, heading]) => [
    new Paragraph({ text, heading }),
    new Paragraph(`Below ${text}.`),
  ]);
  return await Packer.toBuffer(new Document({ sections: [{ children }] }));
}

async function docx(): Promise<DocumentFixture> {
  const says = "Tourniquets hang beside the blue door.";
  return { name: "protocols.docx", bytes: await docxOf("Bleeding", says), says, place: "Bleeding" };
}

async function pptx(): Promise<DocumentFixture> {
  const says = "Saffron prices doubled in Lisbon.";
  const deck = new Pptx();
  deck.addSlide().addText("Spices of the world", { x: 1, y: 1, w: 6, h: 1 });
  const slide = deck.addSlide();
  slide.addText(says, { x: 1, y: 1, w: 6, h: 1 });
  slide.addNotes("Thank the growers.");
  return {
    name: "spices.pptx",
    bytes: Buffer.from((await deck.write({ outputType: "nodebuffer" })) as Uint8Array),
    says,
    place: "slide 2",
  };
}

async function xlsx(): Promise<DocumentFixture> {
  const rows = [
    ["Instrument", "Tuned", "Strings"].map((value) => ({ value })),
    [{ value: "Viola" }, { value: new Date("2026-03-01T00:00:00Z"), format: "yyyy-mm-dd" }, { value: 4 }],
    [{ value: "Theorbo" }, { value: new Date("2026-04-02T00:00:00Z"), format: "yyyy-mm-dd" }, { value: 14 }],
  ];
  const bytes = await writeExcelFile([{ data: rows, sheet: "Lutes" }]).toBuffer();
  const says = "Instrument: Theorbo; Tuned: 2026-04-02; Strings: 14";
  return { name: "instruments.xlsx", bytes, says, place: "sheet Lutes, rows 2-3" };
}

function csv(name: string, delimiter: string, item: string): DocumentFixture {
  const rows = [
    ["item", "shelf"],
    ["Candles", "4"],
    [item, "7"],
  ];
  const bytes = Buffer.from(rows.map((row) => row.join(delimiter)).join("\r\n"));
  return { name, bytes, says: `item: ${item}; shelf: 7`, place: "rows 2-3" };
}

async function epub(): Promise<DocumentFixture> {
  const says = "The lighthouse keeper counted forty herons.";
  const chapter = (body: string): string =>
    `<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title>c</title></head><body>${body}</body></html>`;
  const bytes = await archiveOf({
    mimetype: "application/epub+zip",
    "META-INF/container.xml":
      '<?xml version="1.0"?><container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0"><rootfiles><rootfile full-path="OPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>',
    "OPS/book.opf":
      '<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/" version="3.0"><metadata><dc:title>The Tide</dc:title></metadata><manifest><item id="two" href="text/b%20two.xhtml" media-type="application/xhtml+xml"/><item id="one" href="text/a.xhtml" media-type="application/xhtml+xml"/></manifest><spine><itemref idref="one"/><itemref idref="two"/></spine></package>',
    "OPS/text/a.xhtml": chapter("<p>It was a long winter.</p>"),
    "OPS/text/b two.xhtml": chapter(`<h1>Spring</h1><h2>Birds</h2><p>${says}</p>`),
  });
  return { name: "tide.epub", bytes, says, place: "Spring > Birds" };
}

function eml(): DocumentFixture {
  const says = "The regatta starts at noon by the old pier.";
  const lines = [
    "From: Ada Marsh <ada@harbour.example>",
    "To: Crew <crew@harbour.example>",
    "Subject: =?utf-8?Q?Regatta=3A_the_time?=",
    "Date: Mon, 02 Mar 2026 09:00:00 +0000",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: base64",
    "",
    Buffer.from(says).toString("base64"),
  ];
  return { name: "regatta.eml", bytes: Buffer.from(lines.join("\r\n")), says };
}
