import readXlsxFile from "read-excel-file/universal";
import type { Section } from "../document.ts";
import { Archive } from "./archive.ts";
import type { ParsedText } from "./parsed-text.ts";
import { TableSections } from "./table-sections.ts";
import { unreadBy } from "./unread.ts";

/** XLSX: every sheet as a table, formulas as the values they had when the file was saved. */
export async function readXlsx(bytes: Uint8Array): Promise<ParsedText> {
  await (await Archive.open(bytes)).check();
  const sections: Section[] = [];
  for (const { sheet, data } of await sheetsOf(bytes)) {
    const table = new TableSections(`sheet ${sheet}, `);
    for (const [index, cells] of data.entries()) table.add(index + 1, cells.map(written));
    table.finish();
    for (const section of table.sections) sections.push(section);
  }
  return { title: "", sections, unread: [] };
}

async function sheetsOf(bytes: Uint8Array): ReturnType<typeof readXlsxFile> {
  try {
    return await readXlsxFile(Uint8Array.from(bytes).buffer);
  } catch (error) {
    throw unreadBy(error, "is damaged, or no XLSX file");
  }
}

/** A cell as text; a date without a time of day as the date alone. */
function written(value: unknown): string {
  if (value instanceof Date)
    return Number.isNaN(value.getTime()) ? "" : value.toISOString().replace(/T00:00:00.000Z$|\.000Z$/, "");
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? String(value) : "";
}
