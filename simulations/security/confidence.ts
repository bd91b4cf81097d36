import { mean } from "../metrics.ts";

export type Interval = readonly [low: number, high: number];

/** Of the normal distribution, for 95 %. */
export const Z = 1.96;

/**
 * Of an area under the ROC curve (Hanley and McNeil, "The meaning and use of the area under a receiver operating characteristic curve", 1982, equation 1),
 * cut to 0..1. Where no pair is in the wrong order its variance is 0, and the rule of three for the rarer kind stands in (Hanley and Lippman-Hand, 1983).
 */
export function aucInterval(auc: number, positives: number, negatives: number): Interval {
  if (auc === 1) return [Math.max(0, 1 - 3 / Math.min(positives, negatives)), 1];
  const both = auc ** 2;
  const [ofPositives, ofNegatives] = [auc / (2 - auc), (2 * both) / (1 + auc)];
  const variance =
    (auc * (1 - auc) + (positives - 1) * (ofPositives - both) + (negatives - 1) * (ofNegatives - both)) /
    (positives * negatives);
  const margin = Z * Math.sqrt(Math.max(0, variance));
  return [Math.max(0, auc - margin), Math.min(1, auc + margin)];
}

/** Of the mean of independent values, by its standard error; the mean itself for fewer than two. */
export function meanInterval(values: readonly number[]): Interval {
  const centre = mean(values);
  const count = values.length;
  if (count < 2) return [centre, centre];
  const squares = values.reduce((sum, value) => sum + (value - centre) ** 2, 0);
  const margin = Z * Math.sqrt(squares / (count - 1) / count);
  return [centre - margin, centre + margin];
}

/** Of a share (Wilson, 1927). */
export function wilsonInterval(successes: number, count: number): Interval {
  const share = successes / count;
  const centre = share + Z ** 2 / (2 * count);
  const spread = Z * Math.sqrt((share * (1 - share)) / count + Z ** 2 / (4 * count ** 2));
  const scale = 1 + Z ** 2 / count;
  return [(centre - spread) / scale, (centre + spread) / scale];
}
