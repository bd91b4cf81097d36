import type { PlannedFault } from "./faults.ts";

export interface SoakOptions {
  readonly minutes: number;
  /** 1, or 2: one that stands by. */
  readonly coordinators: number;
  readonly queriers: number;
  /** Processes that the queriers are spread over. */
  readonly querierProcesses: number;
  /** Documents of each party at first; five passages each. */
  readonly documents: number;
  readonly dim: number;
  readonly deadlineMs: number;
  /** Longest pause of a querier. */
  readonly pauseMsMax: number;
  readonly seed: number;
  /** These faults and then the end, in place of a schedule over the time. */
  readonly faults?: readonly PlannedFault[];
}

export const SOAK_DEFAULTS: SoakOptions = {
  minutes: 5,
  coordinators: 2,
  queriers: 32,
  querierProcesses: 4,
  documents: 160,
  dim: 64,
  deadlineMs: 10_000,
  pauseMsMax: 500,
  seed: 1,
};
