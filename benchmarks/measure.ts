/** One line of a benchmark's table. */
export interface Row {
  readonly name: string;
  /** Median of the rounds. */
  readonly value: number;
  readonly unit: string;
  /** What it is compared with; null when that was not found, and then there is no ratio. */
  readonly opponent: string | null;
  /** value / opponent's value, or the inverse where `target` begins with ">="; value / the target's bound in a row that is compared with nothing else. */
  readonly ratio: number | null;
  /** (largest - smallest) / median of the rounds; null for a count. */
  readonly spread: number | null;
  /** "<= 2" or ">= 40", of the ratio, or of the value in a row that is compared with nothing; null for a figure nobody has set a target for. */
  readonly target: string | null;
  /** Whether the target is reached; null without one, or without the opponent. */
  readonly met: boolean | null;
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
  return target.startsWith("<=") ? value <= boundOf(target) : value >= boundOf(target);
}

function boundOf(target: string): number {
  return Number(target.split(" ")[1]);
}

/** A row of times in milliseconds against an opponent's; `null` times mean that the opponent was not found. */
export function versus(
  name: string,
  times: Times,
  opponent: { readonly name: string; readonly times: Times | null },
  target: string | null,
): Row {
  const value = median(times);
  const base = { name, value, unit: "ms", spread: spread(times), target };
  if (!opponent.times) return { ...base, opponent: null, ratio: null, met: null };
  const theirs = median(opponent.times);
  const ratio = target?.startsWith(">=") ? theirs / value : value / theirs;
  const met = target === null ? null : reaches(ratio, target);
  return { ...base, opponent: `${opponent.name}: ${formatNumber(theirs)} ms`, ratio, met };
}

/** A row compared with its target alone; the ratio is to the target's bound. */
export function against(name: string, value: number, unit: string, target: string, times: Times | null = null): Row {
  const bound = boundOf(target);
  const ratio = bound > 0 ? value / bound : null;
  return { ...noted(name, value, unit, times), target, ratio, met: reaches(value, target) };
}

/** A figure without opponent or target. */
export function noted(name: string, value: number, unit: string, times: Times | null = null): Row {
  return { name, value, unit, opponent: null, ratio: null, spread: times && spread(times), target: null, met: null };
}

/** Three digits, or all before the point: 0.612, 20.4, 1,843. */
export function formatNumber(value: number): string {
  return value.toLocaleString(
    "en",
    Math.abs(value) < 1000 ? { maximumSignificantDigits: 3 } : { maximumFractionDigits: 0 },
  );
}
