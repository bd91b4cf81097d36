import type { DataFaultCode } from "./faults.ts";
import { Fault } from "../../../crypto/fault.ts";

/** How the rows of any set are split. */
export interface SplitOptions {
  /** A whole number; the same seed gives the same split of the same rows, in whatever order a file has them. 0 by default. */
  readonly seed?: number;
  /** Share of the rows that tests, above 0 and below 1; .2 by default. */
  readonly testShare?: number;
}

export const SPLIT_OPTIONS = ["seed", "testShare"] as const;

/** @throws TypeError for a key that is not among `known`, and for a seed or share out of range. */
export function checkOptions(who: string, options: SplitOptions, known: readonly string[]): void {
  const unknown = Object.keys(options).filter((key) => !known.includes(key));
  if (unknown.length > 0) throw new TypeError(`${who}: unknown option ${unknown.join(", ")}`);
  const { seed = 0, testShare = 0.2 } = options;
  if (!Number.isSafeInteger(seed)) throw new TypeError(`${who}: seed must be a whole number`);
  if (!(testShare > 0 && testShare < 1)) throw new TypeError(`${who}: testShare must be above 0 and below 1`);
}

/** @throws Fault PARTY_COUNT. */
export function checkPartyCount(count: number, least: number, most: number, reason: string): void {
  if (Number.isInteger(count) && count >= least && count <= most) return;
  throw new Fault<DataFaultCode>(
    "PARTY_COUNT",
    `The number of parties must be from ${least} to ${most} here: ${reason}. Choose another number.`,
  );
}
