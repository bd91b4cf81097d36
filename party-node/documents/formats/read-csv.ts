import { CsvError, parse } from "csv-parse/sync";
import { decodeUtf8 } from "./decode-utf8.ts";
import type { ParsedText } from "./parsed-text.ts";
import { parseLimits } from "./parse-limits.ts";
import { TableSections } from "./table-sections.ts";
import { damaged, tooCostly } from "./unread.ts";

/** CSV: comma, semicolon or tab between fields, whichever the first line has most of. */
export function readCsv(bytes: Uint8Array): ParsedText {
  const source = decode(bytes);
  const [firstLine = ""] = source.slice(0, parseLimits.recordLengthMax).split("\n", 1);
  const count = (delimiter: string): number => firstLine.split(delimiter).length;
  const delimiter = [",", ";", "\t"].reduce((best, one) => (count(one) > count(best) ? one : best));
  return read(source, delimiter);
}

/** TSV: a tab between fields. */
export function readTsv(bytes: Uint8Array): ParsedText {
  return read(decode(bytes), "\t");
}

function read(source: string, delimiter: string): ParsedText {
  const table = new TableSections();
  let row = 0;
  try {
    parse(source, {
      delimiter,
      relax_column_count: true,
      relax_quotes: true,
      max_record_size: parseLimits.recordLengthMax,
      on_record: (record: string[]) => {
        table.add(++row, record);
        return null;
      },
    });
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    if (error.code === "CSV_MAX_RECORD_SIZE")
      throw tooCostly(`has a row of more than ${String(parseLimits.recordLengthMax)} characters; a quote may be open`);
    throw damaged(`is no table that can be read after row ${String(row)}: a quote may be open`, error);
  }
  table.finish();
  return { title: "", sections: table.sections, unread: [] };
}

function decode(bytes: Uint8Array): string {
  if (bytes.includes(0)) throw damaged("is no text");
  return decodeUtf8(bytes);
}
