import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { json } from "node:stream/consumers";

/*
 * Whoever has stolen all that a host has: reads a question from standard input, searches the folders it names byte by byte, and prints what it found. Holds no
 * key and knows none of our modules, only the shape of the host's tables.
 */

export interface SnoopQuestion {
  /** Read with all that is below them. Of `*.transcript` the messages are read too. */
  readonly folders: readonly string[];
  /** Any eight letters of them in a row count, in UTF-8, UTF-16, base64 and hexadecimal. */
  readonly planted: readonly string[];
  /** Files of rows to be compared, each pair. */
  readonly pairs: readonly (readonly [string, string])[];
  /** Files of rows to be listed. */
  readonly listed: readonly string[];
}

export interface SnoopedRow {
  readonly id: string;
  readonly version: number;
  readonly vectorBytes: number;
  readonly passageBytes: number;
}

export interface SnoopReport {
  readonly bytes: number;
  /** File and what was found of a planted string, as it was before it was encoded. */
  readonly found: readonly { readonly file: string; readonly planted: string; readonly encoding: string }[];
  /** Of each pair of files: the rows, one of each, that have 16 bytes in a row in common, and in which columns. */
  readonly alike: readonly (readonly { readonly ids: readonly [string, string]; readonly columns: string }[])[];
  readonly rows: readonly (readonly SnoopedRow[])[];
}

const WINDOW_LETTERS = 8;
/** Of base64: at least eight letters, or " given" would be found wherever it is written. */
const WINDOW_DIGITS = 12;
const ALIKE_BYTES = 16;

interface Needle {
  readonly planted: string;
  readonly encoding: string;
}

/** What to look for, by its bytes as Latin-1; by length. */
function needles(planted: readonly string[]): Map<number, Map<string, Needle>> {
  const all = new Map<number, Map<string, Needle>>();
  const add = (bytes: string, needle: Needle): void => {
    const ofLength = all.get(bytes.length) ?? new Map<string, Needle>();
    all.set(bytes.length, ofLength.set(bytes, needle));
  };
  for (const text of planted.flatMap((one) => [one, one.toLowerCase()])) {
    for (let at = 0; at + WINDOW_LETTERS <= text.length; at++) {
      const part = text.slice(at, at + WINDOW_LETTERS);
      const wide = Buffer.from(part, "utf16le");
      add(Buffer.from(part).toString("latin1"), { planted: part, encoding: "utf-8" });
      add(wide.toString("latin1"), { planted: part, encoding: "utf-16le" });
      add(Buffer.from(wide).swap16().toString("latin1"), { planted: part, encoding: "utf-16be" });
      add(Buffer.from(part).toString("hex"), { planted: part, encoding: "hex" });
      add(Buffer.from(part).toString("hex").toUpperCase(), { planted: part, encoding: "hex" });
    }
    // Wherever the text begins within a group of three bytes: the digits that depend on nothing around it.
    for (const lead of [0, 1, 2]) {
      const digits = Buffer.from("-".repeat(lead) + text)
        .toString("base64")
        .replaceAll("=", "")
        .slice(lead === 0 ? 0 : 4, -2);
      for (let at = 0; at + WINDOW_DIGITS <= digits.length; at++)
        add(digits.slice(at, at + WINDOW_DIGITS), { planted: text, encoding: "base64" });
    }
  }
  return all;
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
}

/** A file's bytes, and of a transcript those of its messages. */
function contents(path: string): Buffer[] {
  const bytes = readFileSync(path);
  if (!path.endsWith(".transcript")) return [bytes];
  const lines = bytes.toString().trim().split("\n");
  return [bytes, ...lines.map((line) => Buffer.from((JSON.parse(line) as { payload: string }).payload, "base64"))];
}

function search(bytes: Buffer, wanted: ReadonlyMap<number, ReadonlyMap<string, Needle>>): Needle[] {
  const text = bytes.toString("latin1");
  const found = new Set<Needle>();
  for (const [length, ofLength] of wanted) {
    for (let at = 0; at + length <= text.length; at++) {
      const needle = ofLength.get(text.slice(at, at + length));
      if (needle) found.add(needle);
    }
  }
  return [...found];
}

interface Row {
  readonly row_id: Uint8Array;
  readonly version: number;
  readonly vector: Uint8Array;
  readonly passage: Uint8Array;
}

function rowsOf(path: string): Row[] {
  const database = new DatabaseSync(path);
  const rows = database.prepare("SELECT row_id, version, vector, passage FROM rows ORDER BY row_id").all();
  database.close();
  return rows as unknown as Row[];
}

function alike(before: readonly Row[], after: readonly Row[]): SnoopReport["alike"][number] {
  return before.flatMap((one) => {
    const windows = new Map<string, string>();
    for (const [column, bytes] of Object.entries(blobs(one)))
      for (const window of windowsOf(bytes)) windows.set(window, column);
    return after.flatMap((other) => {
      const columns = new Set<string>();
      for (const [column, bytes] of Object.entries(blobs(other)))
        for (const window of windowsOf(bytes))
          if (windows.has(window)) columns.add(`${windows.get(window) ?? ""}=${column}`);
      const ids: [string, string] = [hex(one.row_id), hex(other.row_id)];
      return columns.size === 0 ? [] : [{ ids, columns: [...columns].sort().join(" ") }];
    });
  });
}

const blobs = ({ row_id: id, vector, passage }: Row): Record<string, Uint8Array> => ({ id, vector, passage });
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

function* windowsOf(bytes: Uint8Array): Generator<string> {
  const text = Buffer.from(bytes).toString("latin1");
  for (let at = 0; at + ALIKE_BYTES <= text.length; at++) yield text.slice(at, at + ALIKE_BYTES);
}

const { folders, planted, pairs, listed } = (await json(process.stdin)) as SnoopQuestion;
const wanted = needles(planted);
let bytes = 0;
const found = folders.flatMap(filesBelow).flatMap((file) =>
  contents(file).flatMap((content) => {
    bytes += content.length;
    return search(content, wanted).map((needle) => ({ file, ...needle }));
  }),
);
const report: SnoopReport = {
  bytes,
  found,
  alike: pairs.map(([before, after]) => alike(rowsOf(before), rowsOf(after))),
  rows: listed.map((path) =>
    rowsOf(path).map(({ row_id: id, version, vector, passage }) => ({
      id: hex(id),
      version,
      vectorBytes: vector.length,
      passageBytes: passage.length,
    })),
  ),
};
process.stdout.write(JSON.stringify(report));
