import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { CsvError, type Info, parse } from "csv-parse";
import { limits } from "../../protocol/index.ts";
import { codeServingFault } from "./faults.ts";

export interface EntityFeatures {
  /** Every id once. */
  readonly ids: readonly string[];
  /** Features of an entity. */
  readonly columns: number;
  /** Row-major, shape [ids, columns], finite. */
  readonly values: Float32Array;
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/**
 * Reads a CSV file with a header, entity ids in its first column and a number in every other.
 *
 * @throws Fault FEATURES_MALFORMED; it names lines and columns, never what stands there.
 */
export async function readEntityFeatures(path: string): Promise<EntityFeatures> {
  const ids = new Set<string>();
  const values: number[] = [];
  let header: readonly string[] | null = null;
  const parser = parse({ bom: true, info: true, skip_empty_lines: true, trim: true });
  // A failure to read ends the parser with it, and so the loop below.
  pipeline(createReadStream(path), parser).catch(() => undefined);
  const refuse = (where: string, problem: string): never => {
    parser.destroy();
    throw codeServingFault("FEATURES_MALFORMED", `${path}, ${where}: ${problem}`);
  };
  try {
    for await (const { info, record } of parser as AsyncIterable<{ info: Info; record: string[] }>) {
      if (!header) {
        header = record;
        continue;
      }
      const line = `line ${String(info.lines)}`;
      const [id = "", ...cells] = record;
      if (id === "" || id.length > limits.entityIdLengthMax)
        refuse(line, `an entity id must have 1 to ${String(limits.entityIdLengthMax)} characters`);
      if (ids.has(id)) refuse(line, "its id stands in an earlier line already; keep one of them");
      ids.add(id);
      cells.forEach((cell, i) => {
        const value = NUMBER.test(cell) ? Math.fround(Number(cell)) : NaN;
        if (!Number.isFinite(value)) refuse(`${line}, column ${header?.[i + 1] ?? ""}`, "is not a finite number");
        values.push(value);
      });
    }
  } catch (error) {
    // Its own message quotes the line.
    if (error instanceof CsvError) refuse(`line ${String(error["lines"])}`, "is no CSV like its header");
    if (error instanceof Error && "syscall" in error)
      throw codeServingFault("FEATURES_MALFORMED", `${path} cannot be read; check the file and who may read it`, error);
    throw error;
  }
  const columns = (header?.length ?? 0) - 1;
  if (columns < 1 || ids.size === 0) refuse("line 1", "expected a header of an id and features, and rows under it");
  return { ids: [...ids], columns, values: Float32Array.from(values) };
}
