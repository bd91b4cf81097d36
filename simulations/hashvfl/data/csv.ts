import { basename } from "node:path";
import { type Alignment, alignTables } from "./align-tables.ts";
import { type CsvTable, readCategories, readCsv, readLabels, readNumbers } from "./csv-table.ts";
import type { DataFaultCode } from "./faults.ts";
import { SPLIT_OPTIONS, type SplitOptions, checkOptions } from "./options.ts";
import type { Column, PartyColumns } from "./samples.ts";
import { splitColumns } from "./split-columns.ts";
import { verticalDataOf } from "./vertical-data-of.ts";
import { Fault } from "../../../crypto/fault.ts";
import type { VerticalData } from "../vertical-data.ts";

interface CsvOptions extends SplitOptions {
  /** What a person calls the set; the first file's name by default. */
  readonly name?: string;
  /** Columns whose text is a category; all others hold numbers. */
  readonly categorical?: readonly string[];
  /** Parties in all; as many as files or lists by default. More: {@link splitColumns}. */
  readonly parties?: number;
}

export interface CsvPartiesOptions extends CsvOptions {
  /** File of the party with the labels, which is called `guest`. Every column but id and label is a feature. */
  readonly guest: string;
  /** Files of the others: `host`, or `host-a`, `host-b`... when there are several. Every column but the id is a feature. */
  readonly hosts: readonly string[];
  /** `id` by default. */
  readonly idColumn?: string;
  /** `y` by default. */
  readonly labelColumn?: string;
  /** What to do when ids are missing at a party; `exact` by default, which refuses. */
  readonly align?: Alignment;
}

export interface CsvColumnsOptions extends CsvOptions {
  readonly file: string;
  readonly labelColumn: string;
  /** Column with each row's id; without, rows are numbered from 0. */
  readonly idColumn?: string;
  /** Name of each party and the columns it holds; columns that no list names are not used. */
  readonly columns: Readonly<Record<string, readonly string[]>>;
}

const OPTIONS = ["name", "categorical", "parties", "idColumn", "labelColumn", ...SPLIT_OPTIONS];

/**
 * Loads one CSV file for each party and joins their rows by id.
 *
 * @throws Fault of {@link DataFaultCode}; TypeError for options.
 */
export async function loadCsvParties(options: CsvPartiesOptions): Promise<VerticalData> {
  checkOptions("loadCsvParties", options, ["guest", "hosts", "align", ...OPTIONS]);
  const { guest, hosts, idColumn = "id", labelColumn = "y", align = "exact", categorical = [] } = options;
  const files = await Promise.all([guest, ...hosts].map(readCsv));
  const { ids, tables } = alignTables(files, idColumn, align);
  const labels = readLabels(tables[0]!, labelColumn);
  const isOther = (name: string): boolean => name !== idColumn && name !== labelColumn;
  checkKnown(tables, categorical);
  const parties = tables.map((table, i): PartyColumns => {
    const name = i === 0 ? "guest" : hosts.length === 1 ? "host" : `host-${String.fromCharCode(96 + i)}`;
    return { name, columns: readColumns(table, table.columns.filter(isOther), categorical), scaling: "columns" };
  });
  return dataOf(options, basename(guest, ".csv"), ids, labels, parties);
}

/**
 * Loads one CSV file whose columns are dealt out to parties.
 *
 * @throws Fault of {@link DataFaultCode}; TypeError for options.
 */
export async function loadCsvColumns(options: CsvColumnsOptions): Promise<VerticalData> {
  checkOptions("loadCsvColumns", options, ["file", "columns", ...OPTIONS]);
  const { file, idColumn, labelColumn, columns, categorical = [] } = options;
  const read = await readCsv(file);
  const { ids, tables } = idColumn
    ? alignTables([read], idColumn, "exact")
    : { ids: read.rows.map((_, row) => String(row)), tables: [read] };
  const table = tables[0]!;
  checkKnown([table], categorical);
  checkDealtOnce(file, [labelColumn, ...(idColumn ? [idColumn] : []), ...Object.values(columns).flat()]);
  const parties = Object.entries(columns).map(([name, names]): PartyColumns => ({
    name,
    columns: readColumns(table, names, categorical),
    scaling: "columns",
  }));
  return dataOf(options, basename(file, ".csv"), ids, readLabels(table, labelColumn), parties);
}

function dataOf(
  options: CsvOptions,
  fileName: string,
  ids: readonly string[],
  labels: readonly string[],
  parties: readonly PartyColumns[],
): VerticalData {
  const { name = fileName, parties: count = parties.length } = options;
  return verticalDataOf({ name, ids, labels, parties: splitColumns(parties, count) }, options);
}

function readColumns(table: CsvTable, names: readonly string[], categorical: readonly string[]): Column[] {
  return names.map((name) => (categorical.includes(name) ? readCategories : readNumbers)(table, name));
}

function checkKnown(tables: readonly CsvTable[], names: readonly string[]): void {
  const unknown = names.filter((name) => !tables.some(({ columns }) => columns.includes(name)));
  if (unknown.length > 0)
    throw new Fault<DataFaultCode>(
      "UNKNOWN_COLUMN",
      `Named as categorical, but a column of no file: ${unknown.join(", ")}. Check the names.`,
    );
}

/** A column at two parties, or a label among the features, would make the figures worthless. */
function checkDealtOnce(file: string, names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw new Fault<DataFaultCode>("COLUMN_TWICE", `Column ${twice} of ${file} is dealt out twice; name it once.`);
}
