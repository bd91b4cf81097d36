import { fitLogistic, predict } from "./logistic-regression.ts";

/** What a distinguisher sees of one trial, and the bit it is to guess. */
export interface Trial {
  readonly features: Float64Array;
  readonly bit: 0 | 1;
}

/** 2 Pr[correct] - 1 on trials not learnt from: 0 is guessing, 1 certainty. */
export interface Advantage {
  readonly value: number;
  /** 95 %, Wilson's score interval. */
  readonly interval: readonly [low: number, high: number];
}

/** Learns from the first half of the trials, or as many of it as are given, and guesses the second half. */
export function advantageOf(trials: readonly Trial[], learntCount = Infinity): Advantage {
  const half = Math.floor(trials.length / 2);
  const learnt = trials.slice(0, Math.min(half, learntCount));
  const model = fitLogistic(
    learnt.map(({ features }) => features),
    learnt.map(({ bit }) => bit),
  );
  const guessed = trials.slice(half);
  const correct = guessed.filter(({ features, bit }) => predict(model, features) === bit).length;
  const [low, high] = wilsonInterval(correct, guessed.length);
  return { value: (2 * correct) / guessed.length - 1, interval: [2 * low - 1, 2 * high - 1] };
}

const Z = 1.96;

/** 95 % confidence interval of a share (Wilson, 1927). */
export function wilsonInterval(successes: number, count: number): [low: number, high: number] {
  const share = successes / count;
  const centre = share + Z ** 2 / (2 * count);
  const spread = Z * Math.sqrt((share * (1 - share)) / count + Z ** 2 / (4 * count ** 2));
  const scale = 1 + Z ** 2 / count;
  return [(centre - spread) / scale, (centre + spread) / scale];
}
