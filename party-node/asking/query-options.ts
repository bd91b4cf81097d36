import { limits } from "../../protocol/index.ts";

/** How a question is asked. */
export interface QueryOptions {
  /** Passages wanted, 1..32; default 5. */
  readonly k?: number;
  /** How long the question may take; default 30 s. Parties that have not answered by then are reported missing; result or error is there within 6 s after it. */
  readonly deadlineMs?: number;
  /** Aborted: the question ends, with the fault ABORTED. Parties that were asked have counted it all the same. */
  readonly signal?: AbortSignal;
  /** Whether a passage that several parties hold is shown as often as they hold it; default false: once, with all its sources. */
  readonly keepDuplicates?: boolean;
  /** At most so many of the passages are one party's, its hosted collections included, 1..32; default: any number. */
  readonly partyMax?: number;
  /** Whether passages whose words cannot earn the score that their party sent are shown, marked in `suspect`; default false: they are left out and the party's outcome has a fault. */
  readonly keepInflated?: boolean;
  /** Whether passages that read like no text, marked in `suspect`, are left out; default false. */
  readonly dropSuspects?: boolean;
  /**
   * Asks only so many of the parties that show a summary of their passages: those that are likeliest to hold an answer. Parties that show none, and hosted collections, are asked in
   * addition. The coordinator then sees from who is asked what the question is about, roughly. Default: all are asked.
   */
  readonly route?: number;
}

/** Query options, checked, defaults filled in. */
export interface CheckedOptions extends Required<Omit<QueryOptions, "route" | "signal">> {
  readonly route: number | undefined;
  readonly signal: AbortSignal | undefined;
}

const FLAGS = ["keepDuplicates", "keepInflated", "dropSuspects"] as const;
const NAMES = new Set<string>(["k", "deadlineMs", "signal", "route", "partyMax", ...FLAGS]);

/** @throws TypeError for options that do not exist or are out of range. */
export function checkQueryOptions(options: QueryOptions): CheckedOptions {
  for (const name of Object.keys(options)) if (!NAMES.has(name)) throw new TypeError(`query: unknown option "${name}"`);
  const { k = 5, deadlineMs = limits.queryDeadlineMsDefault, route, signal } = options;
  const {
    partyMax = limits.fetchHandlesMax,
    keepDuplicates = false,
    keepInflated = false,
    dropSuspects = false,
  } = options;
  if (!Number.isInteger(k) || k < 1 || k > limits.fetchHandlesMax)
    throw new TypeError(`query: k must be a whole number from 1 to ${String(limits.fetchHandlesMax)}`);
  if (!Number.isInteger(deadlineMs) || deadlineMs < 1 || deadlineMs > limits.queryDeadlineMsMax)
    throw new TypeError(`query: deadlineMs must be from 1 to ${String(limits.queryDeadlineMsMax)}`);
  if (!Number.isInteger(partyMax) || partyMax < 1 || partyMax > limits.fetchHandlesMax)
    throw new TypeError(`query: partyMax must be a whole number from 1 to ${String(limits.fetchHandlesMax)}`);
  for (const flag of FLAGS)
    if (typeof (options[flag] ?? false) !== "boolean") throw new TypeError(`query: ${flag} must be true or false`);
  if (route !== undefined && (!Number.isInteger(route) || route < 1))
    throw new TypeError("query: route must be a whole number from 1, how many parties to ask");
  return { k, deadlineMs, keepDuplicates, partyMax, keepInflated, dropSuspects, route, signal };
}
