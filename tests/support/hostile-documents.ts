import { docxOf, pdfOf } from "./document-fixtures.ts";
import { archiveOf, filesOf } from "./archive-of.ts";

const CONTENT_TYPES =
  '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>';
const OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

/** A real DOCX in which one file unpacks to far more than it has. */
export async function docxBomb(bytes: number): Promise<Buffer> {
  const files = await filesOf(await docxOf("Heading", "Text."));
  return await archiveOf({ ...files, "word/styles.xml": Buffer.alloc(bytes, " ") });
}

/** Archives in an archive, each of which unpacks to a hundred times its size. */
export async function nestedBomb(): Promise<Buffer> {
  let inner = await archiveOf({ "zeros.xml": Buffer.alloc(900_000) });
  for (let level = 0; level < 4; level++)
    inner = await archiveOf(Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`${String(i)}.zip`, inner])));
  return await archiveOf({ ...(await filesOf(await docxOf("Heading", "Text."))), "word/media/inner.zip": inner });
}

/** A DOCX whose paragraphs are nested in each other. */
export async function deepDocx(depth: number): Promise<Buffer> {
  const files = await filesOf(await docxOf("Heading", "Text."));
  const body = `${"<w:sdt><w:sdtContent>".repeat(depth)}<w:p/>${"</w:sdtContent></w:sdt>".repeat(depth)}`;
  return await archiveOf({
    ...files,
    "word/document.xml": `<?xml version="1.0"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>${body}</w:body></w:document>`,
  });
}

/** A presentation of one slide whose XML is this. */
export async function pptxOf(slide: string): Promise<Buffer> {
  return await archiveOf({
    "[Content_Types].xml": CONTENT_TYPES,
    "ppt/presentation.xml": `<?xml version="1.0"?><p:presentation xmlns:p="p" xmlns:r="${OFFICE}"><p:sldIdLst><p:sldId id="256" r:id="one"/></p:sldIdLst></p:presentation>`,
    "ppt/_rels/presentation.xml.rels": `<?xml version="1.0"?><Relationships><Relationship Id="one" Type="${OFFICE}/slide" Target="slides/slide1.xml"/></Relationships>`,
    "ppt/slides/slide1.xml": slide,
  });
}

/** Entities that double with every level: a billion of them, were they expanded. */
export function billionLaughs(): string {
  const levels = Array.from({ length: 30 }, (_, i) => `<!ENTITY l${String(i + 1)} "&l${String(i)};&l${String(i)};">`);
  return `<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "ha">${levels.join("")}]><sp><p><t>&l30;</t></p></sp>`;
}

/** A workbook with one cell, in the last row and column there can be, and a row of many. */
export async function sparseXlsx(xlsx: Uint8Array): Promise<Buffer> {
  const files = await filesOf(xlsx);
  const sheet = Object.keys(files).find((name) => /worksheets\/sheet.*\.xml$/.test(name)) ?? "";
  const row = (number: number): string =>
    `<row r="${String(number)}"><c r="XFD${String(number)}" t="inlineStr"><is><t>x</t></is></c></row>`;
  return await archiveOf({
    ...files,
    [sheet]: `<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>${row(1)}${row(1_048_576)}</sheetData></worksheet>`,
  });
}

/** A PDF that says it has two thousand million pages. */
export async function manyPagesPdf(): Promise<Buffer> {
  return Buffer.from((await pdfOf(["one"])).toString("latin1").replace("/Count 1", "/Count 2000000000"), "latin1");
}

/** A PDF whose page is drawn by a program that draws itself, over and over. */
export function slowPdf(operators: number): Buffer {
  const content = "q Q ".repeat(operators);
  const objects = [
    "<< /Type /Catalog /Pages 2 0 R >>",
    "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R >>",
    `<< /Length ${String(content.length)} >>\nstream\n${content}\nendstream`,
  ];
  const body = objects.map((object, i) => `${String(i + 1)} 0 obj\n${object}\nendobj\n`).join("");
  return Buffer.from(`%PDF-1.4\n${body}trailer << /Root 1 0 R >>\n%%EOF\n`, "latin1");
}

/** Mail whose parts are in each other. */
export function deepMail(depth: number): Buffer {
  const parts = Array.from(
    { length: depth },
    (_, i) => `Content-Type: multipart/mixed; boundary=b${String(i)}\n\n--b${String(i)}\n`,
  );
  return Buffer.from(`From: a@b.example\n${parts.join("")}\ntext`);
}
