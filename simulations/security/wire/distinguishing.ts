/** A distinguisher's success: 0 for whoever guesses, 1 for whoever is always right. */
export interface Advantage {
  /** 2 P[right] - 1. */
  readonly value: number;
  /** 95 %, from Wilson's interval of the share that was right. */
  readonly interval: readonly [low: number, high: number];
  /** What somebody who guesses exceeds one time in forty. */
  readonly chance: number;
}

const Z = 1.96;

/** Which of two questions it was, 0 or 1. */
export type Label = 0 | 1;

/** Something seen, and which of the two questions it belongs to. */
export interface Labelled<Seen> {
  readonly label: Label;
  readonly seen: Seen;
}

export function advantageOf(right: number, trials: number): Advantage {
  const share = right / trials;
  const centre = (share + Z ** 2 / (2 * trials)) / (1 + Z ** 2 / trials);
  const half = (Z / (1 + Z ** 2 / trials)) * Math.sqrt((share * (1 - share)) / trials + Z ** 2 / (4 * trials ** 2));
  return {
    value: 2 * share - 1,
    interval: [2 * (centre - half) - 1, 2 * (centre + half) - 1],
    chance: Z / Math.sqrt(trials),
  };
}

/** As many zeros as ones, in any order: who guesses one of them always is right half the time exactly. */
export function balancedLabels(count: number, random: () => number): Label[] {
  const labels = Array.from({ length: count }, (_, i): Label => (i % 2 === 0 ? 0 : 1));
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [labels[i], labels[j]] = [labels[j]!, labels[i]!];
  }
  return labels;
}

/** Learns on the first half of the trials, guesses the second. Each half must have as many of one question as of the other. */
export function distinguish<Seen>(
  trials: readonly Labelled<Seen>[],
  learn: (training: readonly Labelled<Seen>[]) => (seen: Seen) => Label,
): Advantage {
  const half = trials.length / 2;
  const guess = learn(trials.slice(0, half));
  const rest = trials.slice(half);
  return advantageOf(rest.filter(({ label, seen }) => guess(seen) === label).length, rest.length);
}

/**
 * Guesses the question that has looked like this more often: by the first of its looks that tells, and the first question where none does. The best there is for
 * what does not vary.
 *
 * @param training - Looks of each, from the most exact to the roughest.
 */
export function byLooks(training: readonly Labelled<readonly string[]>[]): (seen: readonly string[]) => Label {
  const ones = new Map<string, number>();
  for (const { label, seen } of training)
    for (const look of seen) ones.set(look, (ones.get(look) ?? 0) + (label === 1 ? 1 : -1));
  return (seen) => {
    const telling = seen.find((look) => (ones.get(look) ?? 0) !== 0);
    return telling !== undefined && ones.get(telling)! > 0 ? 1 : 0;
  };
}

const STEPS = 400;
const RATE = 0.5;
const SHRINKAGE = 1e-3;

/**
 * Logistic regression by gradient descent on standardised features, with a little weight decay.
 *
 * @param training - Features of one length, finite.
 */
export function byLogistic(training: readonly Labelled<readonly number[]>[]): (seen: readonly number[]) => Label {
  const scale = standardiser(training.map(({ seen }) => seen));
  const rows = training.map(({ label, seen }) => ({ label, features: scale(seen) }));
  const weights = new Float64Array((rows[0]?.features.length ?? 0) + 1);
  for (let step = 0; step < STEPS; step++) {
    const gradient = weights.map((weight) => SHRINKAGE * weight);
    for (const { label, features } of rows) {
      const error = (1 / (1 + Math.exp(-score(weights, features))) - label) / rows.length;
      features.forEach((feature, i) => (gradient[i]! += error * feature));
      gradient[features.length]! += error;
    }
    gradient.forEach((slope, i) => (weights[i]! -= RATE * slope));
  }
  return (seen) => (score(weights, scale(seen)) > 0 ? 1 : 0);
}

function score(weights: Float64Array, features: readonly number[]): number {
  return features.reduce((sum, feature, i) => sum + feature * weights[i]!, weights[features.length]!);
}

function standardiser(rows: readonly (readonly number[])[]): (row: readonly number[]) => number[] {
  const columns = (rows[0] ?? []).map((_, i) => {
    const values = rows.map((row) => row[i]!);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    return { mean, deviation: Math.sqrt(variance) || 1 };
  });
  return (row) => row.map((value, i) => (value - columns[i]!.mean) / columns[i]!.deviation);
}
