import { hammingDistance } from "./hamming-distance.ts";

/** Consistent with the standard deviation of a normal distribution (Rousseeuw and Croux, "Alternatives to the Median Absolute Deviation", 1993). */
const MAD_TO_DEVIATION = 1.4826;
/** Deviations above the median of what counts as disagreement. */
const DEVIATIONS = 3;

/**
 * How far the parties' codes of one entity are from each other: the mean over all pairs of the share of bits in which two codes differ. Training pulls the
 * codes of one entity together (HashVFL, arXiv 2212.00325, section V), so that an input which is abnormal at one party stands out.
 *
 * @param codes - Of at least two parties, packed, each of `bits` bits.
 * @returns 0..1.
 * @throws Fault CODE_MALFORMED when their lengths differ.
 */
export function disagreement(codes: readonly Uint8Array[], bits: number): number {
  const distances = distancesToOthers(codes);
  const pairs = (codes.length * (codes.length - 1)) / 2;
  return distances.reduce((sum, distance) => sum + distance, 0) / 2 / pairs / bits;
}

/**
 * Which party's code is farthest from the others'.
 *
 * @returns An index into `codes`; null where no one is: two codes say nothing about which of them is wrong.
 */
export function farthestParty(codes: readonly Uint8Array[]): number | null {
  const distances = distancesToOthers(codes);
  const farthest = Math.max(...distances);
  const at = distances.indexOf(farthest);
  return at === distances.lastIndexOf(farthest) ? at : null;
}

/**
 * Above which scores stop being like the bulk: the median and three robust standard deviations, of which one is taken to be a bit at least, because scores
 * of codes come in steps and most may be equal.
 *
 * @param scores - Of {@link disagreement}; at least one, most of them of normal entities.
 */
export function disagreementThreshold(scores: readonly number[], bits: number): number {
  const middle = median(scores);
  const deviation = MAD_TO_DEVIATION * median(scores.map((score) => Math.abs(score - middle)));
  return middle + DEVIATIONS * Math.max(deviation, 1 / bits);
}

/** Of each code, the sum of its distances to the others. */
function distancesToOthers(codes: readonly Uint8Array[]): number[] {
  return codes.map((a) => codes.reduce((sum, b) => sum + hammingDistance(a, b), 0));
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
