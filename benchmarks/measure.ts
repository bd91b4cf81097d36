import { cpus, totalmem } from "node:os";
import Table from "cli-table3";

/** One line of a benchmark's table. */
export interface Row {
  readonly name: string;
  /** Median of the rounds. */
  readonly value: number;
  readonly unit: string;
  /** What it is compared with; null when that was not found, and then there is no ratio. */
  readonly opponent: string | null;
  /** value / opponent's value, or the inverse where `target` begins with ">=". */
  readonly ratio: number | null;
  /** (largest - smallest) / median of the rounds; null for a count. */
  readonly spread: number | null;
  readonly target: string;
  /** Whether the target is reached; null without a ratio. */
  readonly met: boolean | null;
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly platform: string;
}

export function machine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model ?? "unknown",
    cores: all.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
  };
}

/** Milliseconds of each round. */
export type Times = readonly number[];

/**
 * Runs every variant once a round, so that all meet the same disturbances, and forgets the warm-up rounds.
 *
 * @returns The times of each variant, under its name.
 */
export async function measure<Name extends string>(
  variants: Readonly<Record<Name, () => unknown>>,
  { rounds = 11, warmUps = 3 } = {},
): Promise<Record<Name, Times>> {
  const names = Object.keys(variants) as Name[];
  const times = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, number[]>;
  for (let round = 0; round < warmUps + rounds; round++) {
    for (const name of names) {
      const started = performance.now();
      await variants[name]();
      if (round >= warmUps) times[name].push(performance.now() - started);
    }
  }
  return times;
}

export function median(times: Times): number {
  const sorted = times.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export function spread(times: Times): number {
  return (Math.max(...times) - Math.min(...times)) / median(times);
}

/** Whether a target such as "<= 2" or ">= 40" is reached. */
export function reaches(value: number, target: string): boolean {
  const [relation, bound] = target.split(" ");
  return relation === "<=" ? value <= Number(bound) : value >= Number(bound);
}

/** A row of times in milliseconds against an opponent's; `null` times mean that the opponent was not found. */
export function versus(
  name: string,
  times: Times,
  opponent: { readonly name: string; readonly times: Times | null },
  target: string,
): Row {
  const value = median(times);
  const base = { name, value, unit: "ms", spread: spread(times), target };
  if (!opponent.times) return { ...base, opponent: null, ratio: null, met: null };
  const theirs = median(opponent.times);
  const ratio = target.startsWith(">=") ? theirs / value : value / theirs;
  return { ...base, opponent: `${opponent.name}: ${theirs.toFixed(1)} ms`, ratio, met: reaches(ratio, target) };
}

/** A row compared with its target alone. */
export function against(name: string, value: number, unit: string, target: string, times: Times | null = null): Row {
  return {
    name,
    value,
    unit,
    opponent: null,
    ratio: null,
    spread: times && spread(times),
    target,
    met: reaches(value, target),
  };
}

export function printRows(rows: readonly Row[]): void {
  const table = new Table({
    head: ["", "value", "against", "ratio", "spread", "target", "met"],
    style: { head: [], border: [] },
  });
  for (const row of rows) {
    table.push([
      row.name,
      `${row.value.toFixed(row.value < 10 ? 2 : 1)} ${row.unit}`,
      row.opponent ?? "",
      row.ratio === null ? "" : row.ratio.toFixed(2),
      row.spread === null ? "" : `${Math.round(100 * row.spread)} %`,
      row.target,
      row.met === null ? "opponent not found" : row.met ? "yes" : "NO",
    ]);
  }
  console.log(table.toString());
}
