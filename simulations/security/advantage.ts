import { type Interval, Z, wilsonInterval } from "./confidence.ts";

/** Which of two it was. */
export type Label = 0 | 1;

/** Something seen, and which of the two it belongs to. */
export interface Labelled<Seen> {
  readonly label: Label;
  readonly seen: Seen;
}

/** Learns from labelled sights to label others. */
export type Learner<Seen> = (training: readonly Labelled<Seen>[]) => (seen: Seen) => Label;

/** A distinguisher's success: 0 for whoever guesses, 1 for whoever is always right. */
export interface Advantage {
  /** 2 P[right] - 1. */
  readonly value: number;
  /** 95 %, from Wilson's interval of the share that was right. */
  readonly interval: Interval;
  /** What somebody who guesses exceeds one time in forty. */
  readonly chance: number;
}

/**
 * Learns on the first half of the trials and guesses the second.
 *
 * @param learntCount - Learn from so many of the first half only.
 */
export function distinguish<Seen>(
  trials: readonly Labelled<Seen>[],
  learn: Learner<Seen>,
  learntCount = Infinity,
): Advantage {
  const half = Math.floor(trials.length / 2);
  const guess = learn(trials.slice(0, Math.min(half, learntCount)));
  const rest = trials.slice(half);
  return advantageOf(rest.filter(({ label, seen }) => guess(seen) === label).length, rest.length);
}

export function advantageOf(right: number, trials: number): Advantage {
  const [low, high] = wilsonInterval(right, trials);
  return {
    value: (2 * right) / trials - 1,
    interval: [2 * low - 1, 2 * high - 1],
    chance: Z / Math.sqrt(trials),
  };
}
