import type { Section } from "../document.ts";
import { PASSAGE_LENGTH_MAX } from "../split.ts";

/** Makes passages of a table's rows, as many rows to one as fit. A row is written with the names of its columns: "drug: warfarin; dose: 5 mg". */
export class TableSections {
  readonly sections: Section[] = [];
  readonly #label: string;
  #columns: readonly string[] | null = null;
  #lines: string[] = [];
  #length = 0;
  #first = 0;
  #last = 0;

  /** @param label - Goes before the rows in a place: "sheet Doses, ". */
  constructor(label = "") {
    this.#label = label;
  }

  /**
   * Takes the next row; the first that is not empty names the columns.
   *
   * @param number - As a spreadsheet counts, from 1.
   */
  add(number: number, cells: readonly string[]): void {
    const values = cells.map((cell) => cell.trim());
    if (values.every((value) => value === "")) return;
    if (this.#columns === null) {
      this.#columns = values;
      this.#begin(number);
      return;
    }
    const line = values
      .flatMap((value, i) => (value === "" ? [] : [named(this.#columns?.[i] ?? "", value)]))
      .join("; ");
    if (this.#lines.length > 0 && this.#length + line.length >= PASSAGE_LENGTH_MAX) this.#end();
    if (this.#lines.length === 0) this.#begin(number);
    this.#lines.push(line);
    this.#length += line.length + 1;
    this.#last = number;
  }

  /** The last rows; a table of nothing but column names has these for its text. */
  finish(): void {
    if (this.#lines.length > 0) this.#end();
    else if (this.sections.length === 0 && this.#columns)
      this.sections.push({ text: this.#columns.filter((name) => name !== "").join("; "), place: this.#place() });
  }

  #begin(number: number): void {
    [this.#first, this.#last] = [number, number];
  }

  #end(): void {
    this.sections.push({ text: this.#lines.join("\n"), place: this.#place() });
    [this.#lines, this.#length] = [[], 0];
  }

  #place(): string {
    const [first, last] = [String(this.#first), String(this.#last)];
    return this.#label + (first === last ? `row ${first}` : `rows ${first}-${last}`);
  }
}

function named(column: string, value: string): string {
  return column === "" ? value : `${column}: ${value}`;
}
