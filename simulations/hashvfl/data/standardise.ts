import type { DataFaultCode } from "./faults.ts";
import type { Column, PartyColumns } from "./samples.ts";
import { Fault } from "../../../crypto/fault.ts";
import type { VerticalParty } from "../vertical-data.ts";

const CATEGORIES_MAX = 1000;

export interface StandardisedParty {
  readonly party: VerticalParty;
  /** Row-major, shape [rows, features], of each list of rows in turn. */
  readonly features: readonly Float32Array[];
}

interface Feature {
  readonly name: string;
  readonly mean: number;
  readonly scale: number;
  readonly read: (row: number) => number;
}

/**
 * Makes a party's columns features of mean 0 and variance 1 over the training rows. A category becomes a feature of its own, 1 or 0 and left so; one
 * that no training row has becomes none.
 *
 * @param training - The only rows that means, scales and categories are taken from; at least one.
 * @param splits - Rows to write out.
 * @throws Fault NOT_FINITE, TOO_MANY_CATEGORIES.
 */
export function standardise(
  party: PartyColumns,
  training: Uint32Array,
  splits: readonly Uint32Array[],
): StandardisedParty {
  const shared = party.scaling === "party" ? moments(party.columns, training) : null;
  const features = party.columns.flatMap((column): Feature[] => {
    if (column.kind === "categories") return indicators(column.name, column.values, training);
    const { name, values } = column;
    return [{ name, ...(shared ?? moments([column], training)), read: (row) => values[row]! }];
  });
  return {
    party: {
      name: party.name,
      features: features.map(({ name }) => name),
      standardisation: {
        mean: Float32Array.from(features, ({ mean }) => mean),
        scale: Float32Array.from(features, ({ scale }) => scale),
      },
    },
    features: splits.map((rows) => write(features, rows)),
  };
}

/**
 * Mean and standard deviation (of the population) of the numbers in these rows of all columns; the deviation 1 where all are equal, so that nothing is
 * divided by zero or by a rounding error.
 */
function moments(columns: readonly Column[], rows: Uint32Array): { mean: number; scale: number } {
  const numbers = columns.flatMap((column) => (column.kind === "numbers" ? [column.values] : []));
  let [sum, least, most] = [0, Infinity, -Infinity];
  for (const values of numbers)
    for (const row of rows) {
      const value = values[row]!;
      sum += value;
      if (value < least) least = value;
      if (value > most) most = value;
    }
  if (least === most) return { mean: least, scale: 1 };
  const count = numbers.length * rows.length;
  const mean = sum / count;
  let squares = 0;
  for (const values of numbers) for (const row of rows) squares += (values[row]! - mean) ** 2;
  return { mean, scale: Math.sqrt(squares / count) };
}

function indicators(column: string, values: readonly string[], training: Uint32Array): Feature[] {
  const categories = [...new Set(Array.from(training, (row) => values[row]!))].sort();
  if (categories.length > CATEGORIES_MAX)
    throw new Fault<DataFaultCode>(
      "TOO_MANY_CATEGORIES",
      `Column ${column} holds ${categories.length} categories; at most ${CATEGORIES_MAX} become features. Leave it out, or group them.`,
    );
  return categories.map((category) => ({
    name: `${column}=${category}`,
    mean: 0,
    scale: 1,
    read: (row) => (values[row] === category ? 1 : 0),
  }));
}

function write(features: readonly Feature[], rows: Uint32Array): Float32Array {
  const width = features.length;
  const out = new Float32Array(rows.length * width);
  features.forEach(({ mean, scale, read }, column) => {
    for (let i = 0; i < rows.length; i++) out[i * width + column] = (read(rows[i]!) - mean) / scale;
  });
  if (out.every(Number.isFinite)) return out;
  const { name } = features[out.findIndex((value) => !Number.isFinite(value)) % width]!;
  throw new Fault<DataFaultCode>(
    "NOT_FINITE",
    `Column ${name} holds numbers too far apart for 32 bits once scaled; correct them, or leave the column out.`,
  );
}
