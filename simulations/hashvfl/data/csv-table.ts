import { createReadStream, existsSync } from "node:fs";
import { CsvError, type Info, parse } from "csv-parse";
import type { DataFaultCode } from "./faults.ts";
import type { Column } from "./samples.ts";
import { Fault } from "../../../crypto/fault.ts";

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const NO_NUMBER = /^([+-]?(nan|inf|infinity)|na|n\/a|null|none|\?)?$/i;

interface TableRow {
  /** Where it ends in the file, from 1. */
  readonly line: number;
  readonly cells: readonly string[];
}

/** A CSV file with a header, as text. */
export interface CsvTable {
  readonly file: string;
  readonly columns: readonly string[];
  readonly rows: readonly TableRow[];
}

/** @throws Fault FILE_MISSING, BAD_CSV, COLUMN_TWICE. */
export async function readCsv(file: string): Promise<CsvTable> {
  if (!existsSync(file)) throw new Fault<DataFaultCode>("FILE_MISSING", `${file} does not exist; check the path.`);
  const [header, ...rows] = await readRows(file);
  if (!header || rows.length === 0)
    throw new Fault<DataFaultCode>("BAD_CSV", `${file} has no rows under a header; check the file.`);
  const columns = header.cells;
  const twice = columns.find((name, index) => columns.indexOf(name) !== index);
  if (twice !== undefined)
    throw new Fault<DataFaultCode>("COLUMN_TWICE", `${file} has two columns ${twice}; rename one.`);
  return { file, columns, rows };
}

async function readRows(file: string): Promise<TableRow[]> {
  const rows: TableRow[] = [];
  const parser = createReadStream(file).pipe(parse({ bom: true, info: true, skip_empty_lines: true, trim: true }));
  try {
    for await (const { info, record } of parser as AsyncIterable<{ info: Info; record: string[] }>)
      rows.push({ line: info.lines, cells: record });
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const at = `line ${String(error["lines"])}`; // its own message quotes the line, so it is no cause
    throw new Fault<DataFaultCode>("BAD_CSV", `${file}, ${at} is no CSV like its header (${error.code}); correct it.`);
  }
  return rows;
}

/** Cells of one column as they stand. @throws Fault UNKNOWN_COLUMN. */
export function readText(table: CsvTable, name: string): string[] {
  const index = table.columns.indexOf(name);
  if (index < 0)
    throw new Fault<DataFaultCode>(
      "UNKNOWN_COLUMN",
      `${table.file} has no column ${name}; it has ${table.columns.join(", ")}.`,
    );
  return table.rows.map(({ cells }) => cells[index]!);
}

/** @throws Fault UNKNOWN_COLUMN; NOT_FINITE for an empty cell, NaN and the infinite; NOT_A_NUMBER for other text. */
export function readNumbers(table: CsvTable, name: string): Column {
  const values = Float64Array.from(readText(table, name), (cell, row) => {
    const value = Number(cell);
    const isNumber = NUMBER.test(cell);
    if (!isNumber && !NO_NUMBER.test(cell))
      throw cellFault("NOT_A_NUMBER", table, row, name, "is no number; correct it, or name the column as categorical");
    if (!isNumber || !Number.isFinite(Math.fround(value)))
      throw cellFault(
        "NOT_FINITE",
        table,
        row,
        name,
        "has no finite number of 32 bits; fill it in, or remove the line",
      );
    return value;
  });
  return { kind: "numbers", name, values };
}

/** @throws Fault UNKNOWN_COLUMN; NOT_FINITE for an empty cell. */
export function readCategories(table: CsvTable, name: string): Column {
  const values = readText(table, name);
  const empty = values.indexOf("");
  if (empty >= 0) throw cellFault("NOT_FINITE", table, empty, name, "is empty; fill it in, or remove the line");
  return { kind: "categories", name, values };
}

/** @throws Fault UNKNOWN_COLUMN, LABEL_MISSING. */
export function readLabels(table: CsvTable, name: string): string[] {
  const labels = readText(table, name);
  const empty = labels.indexOf("");
  if (empty >= 0) throw cellFault("LABEL_MISSING", table, empty, name, "is empty; every row needs a label");
  return labels;
}

/** Says where a cell is and never what it holds. */
export function cellFault(code: DataFaultCode, table: CsvTable, row: number, column: string, problem: string): Fault {
  return new Fault<DataFaultCode>(code, `${table.file}, line ${table.rows[row]!.line}, column ${column} ${problem}.`);
}
