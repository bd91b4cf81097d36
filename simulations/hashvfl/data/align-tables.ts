import { type CsvTable, cellFault, readText } from "./csv-table.ts";
import type { DataFaultCode } from "./faults.ts";
import { Fault } from "../../../crypto/fault.ts";

/** `exact`: every table must have the same ids; `intersect`: only rows whose id all tables have are used. */
export type Alignment = "exact" | "intersect";

/**
 * Joins rows by id, in whatever order the files have them.
 *
 * @returns The same tables with their rows in the order of the sorted ids, which are the same in all of them.
 * @throws Fault UNKNOWN_COLUMN, ID_MISSING, IDS_DUPLICATE, IDS_MISALIGNED.
 */
export function alignTables(
  tables: readonly CsvTable[],
  idColumn: string,
  alignment: Alignment,
): { ids: string[]; tables: CsvTable[] } {
  const rowsOf = tables.map((table) => rowsById(table, idColumn));
  const [first, ...others] = rowsOf;
  const ids = [...first!.keys()].filter((id) => others.every((rows) => rows.has(id))).sort();
  const isExact = rowsOf.every((rows) => rows.size === ids.length);
  if (ids.length === 0 || (alignment === "exact" && !isExact)) {
    const sizes = tables.map(({ file }, i) => `${file} has ${rowsOf[i]!.size} ids`).join(", ");
    const next =
      ids.length === 0 ? "check the column of ids" : "align the files, or use the common ones (`--intersect`)";
    throw new Fault<DataFaultCode>("IDS_MISALIGNED", `${sizes}, and ${ids.length} are in all of them; ${next}.`);
  }
  const aligned = tables.map((table, i) => ({ ...table, rows: ids.map((id) => table.rows[rowsOf[i]!.get(id)!]!) }));
  return { ids, tables: aligned };
}

function rowsById(table: CsvTable, column: string): Map<string, number> {
  const rows = new Map<string, number>();
  readText(table, column).forEach((id, row) => {
    if (id === "") throw cellFault("ID_MISSING", table, row, column, "is empty; every row needs an id");
    const before = rows.get(id);
    if (before !== undefined) {
      const problem = `repeats the id of line ${table.rows[before]!.line}; keep one of the two`;
      throw cellFault("IDS_DUPLICATE", table, row, column, problem);
    }
    rows.set(id, row);
  });
  return rows;
}
