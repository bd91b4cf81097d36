import type { DataFaultCode } from "./faults.ts";
import { Fault } from "../../../crypto/fault.ts";
import { sampleIndices, seededRandom } from "../../seeded-random.ts";

/** Labels are bytes. */
const CLASSES_MAX = 256;

export interface SplitRows {
  /** Names of the classes: numbers by size, before other text by code units. */
  readonly classes: readonly string[];
  /** Class of every row, shape [rows]. */
  readonly labels: Uint8Array;
  /** Rows for training, rising. */
  readonly train: Uint32Array;
  /** The other rows, rising. */
  readonly test: Uint32Array;
}

/**
 * Draws the rows for testing from each class apart: round(share * rows) in all, each class's number its exact share rounded down or up (largest
 * remainders up).
 *
 * @throws Fault CLASS_COUNT, CLASS_MISSING.
 */
export function splitRows(names: readonly string[], seed: number, testShare: number): SplitRows {
  const classes = [...new Set(names)].sort(byNumberThenText);
  if (classes.length < 2 || classes.length > CLASSES_MAX)
    throw new Fault<DataFaultCode>(
      "CLASS_COUNT",
      `The label column holds ${classes.length} classes; training takes from 2 to ${CLASSES_MAX}. Check which column holds the labels.`,
    );
  const indices = new Map(classes.map((name, index) => [name, index]));
  const labels = Uint8Array.from(names, (name) => indices.get(name)!);
  const rowsOf = classes.map((): number[] => []);
  labels.forEach((label, row) => rowsOf[label]!.push(row));

  const random = seededRandom(seed);
  const counts = largestRemainders(
    rowsOf.map((rows) => rows.length),
    testShare,
  );
  const isTest = new Uint8Array(labels.length);
  rowsOf.forEach((rows, label) => {
    for (const i of sampleIndices(rows.length, counts[label]!, random)) isTest[rows[i]!] = 1;
  });
  const all = Uint32Array.from(labels.keys());
  const train = all.filter((row) => isTest[row] === 0);
  checkClasses(labels, train, classes.length);
  return { classes, labels, train, test: all.filter((row) => isTest[row] === 1) };
}

/** @throws Fault CLASS_MISSING unless each class has one of these rows. */
function checkClasses(labels: Uint8Array, rows: Uint32Array, classCount: number): void {
  const missing = classCount - new Set(Array.from(rows, (row) => labels[row]!)).size;
  if (missing > 0)
    throw new Fault<DataFaultCode>(
      "CLASS_MISSING",
      `${missing} of the ${classCount} classes ${missing === 1 ? "has" : "have"} no row to train on; give each class more rows, or leave it out.`,
    );
}

/** Whole numbers near share * sizes whose sum is round(share * sum of sizes). */
function largestRemainders(sizes: readonly number[], share: number): number[] {
  const exact = sizes.map((size) => size * share);
  const counts = exact.map(Math.floor);
  const total = Math.round(share * sizes.reduce((sum, size) => sum + size, 0));
  const left = total - counts.reduce((sum, count) => sum + count, 0);
  const order = [...sizes.keys()].sort((a, b) => exact[b]! - counts[b]! - (exact[a]! - counts[a]!) || a - b);
  for (const index of order.slice(0, left)) counts[index]!++;
  return counts;
}

function byNumberThenText(a: string, b: string): number {
  const [x, y] = [Number(a), Number(b)];
  if (!Number.isNaN(x) && !Number.isNaN(y) && x !== y) return x - y;
  if (Number.isNaN(x) !== Number.isNaN(y)) return Number.isNaN(x) ? 1 : -1;
  return a < b ? -1 : 1;
}
