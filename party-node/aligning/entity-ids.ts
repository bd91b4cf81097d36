import { isUtf8 } from "node:buffer";
import { readFile } from "node:fs/promises";
import { CsvError, parse } from "csv-parse/sync";
import { Fault } from "../../crypto/index.ts";
import { ID_LENGTH_MAX } from "../documents/document.ts";

/**
 * - ENTITIES_MISSING: the file cannot be read.
 * - ENTITIES_MALFORMED: no CSV file, none with the column, or not UTF-8.
 * - ID_MISSING, ID_TOO_LONG, IDS_DUPLICATE: a row without an id, with one longer than a document's may be, or with one that an earlier row has.
 */
export type EntityIdsFaultCode =
  "ENTITIES_MISSING" | "ENTITIES_MALFORMED" | "ID_MISSING" | "ID_TOO_LONG" | "IDS_DUPLICATE";

/**
 * Reads the ids of a party's entities: a column of a CSV file with a header when the name ends in `.csv`, otherwise one id a line. Blanks around an id and
 * empty lines do not count.
 *
 * @param column - Of the CSV file.
 * @throws Fault of {@link EntityIdsFaultCode}; messages name lines, never an id.
 */
export async function readEntityIds(file: string, column = "id"): Promise<string[]> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new Fault<EntityIdsFaultCode>("ENTITIES_MISSING", `${file} cannot be read; check the path`, cause);
  });
  // Read leniently, ids that differ in a letter beyond ASCII would be one: at two parties, one entity.
  if (!isUtf8(bytes))
    throw new Fault<EntityIdsFaultCode>(
      "ENTITIES_MALFORMED",
      `${file} is not UTF-8; save it as UTF-8, as all parties do`,
    );
  const text = bytes.toString();
  const rows = file.toLowerCase().endsWith(".csv") ? csvColumn(file, text, column) : lines(text);
  const seen = new Map<string, number>();
  for (const { id, line } of rows) {
    const at = `${file}, line ${line}`;
    if (id === "") throw new Fault<EntityIdsFaultCode>("ID_MISSING", `${at} has no id; fill it in or remove the line`);
    if (id.length > ID_LENGTH_MAX)
      throw new Fault<EntityIdsFaultCode>(
        "ID_TOO_LONG",
        `${at} has an id of more than ${ID_LENGTH_MAX} characters; check that it is the column of ids`,
      );
    const before = seen.get(id);
    if (before !== undefined)
      throw new Fault<EntityIdsFaultCode>("IDS_DUPLICATE", `${at} repeats the id of line ${before}; keep one of them`);
    seen.set(id, line);
  }
  return rows.map(({ id }) => id);
}

interface Row {
  readonly id: string;
  readonly line: number;
}

function lines(text: string): Row[] {
  return text
    .replace(/^\uFEFF/, "")
    .split("\n")
    .map((line, i) => ({ id: line.trim(), line: i + 1 }))
    .filter(({ id }) => id !== "");
}

function csvColumn(file: string, text: string, column: string): Row[] {
  const malformed = (problem: string): Fault =>
    new Fault<EntityIdsFaultCode>("ENTITIES_MALFORMED", `${file} ${problem}; correct it or choose another column`);
  let records: { record: string[]; info: { lines: number } }[];
  try {
    records = parse(text, { bom: true, info: true, skip_empty_lines: true, trim: true }) as unknown as typeof records;
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw malformed(`is no CSV file (${error.code})`); // its own message quotes the line, so it is no cause
  }
  const [header, ...rows] = records;
  const index = header?.record.indexOf(column) ?? -1;
  if (index < 0) throw malformed(`has no column ${column}`);
  return rows.map(({ record, info }) => ({ id: record[index]!, line: info.lines }));
}
