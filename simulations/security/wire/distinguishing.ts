import { shuffledIndices } from "../../hashvfl/randomness.ts";
import type { Label, Labelled } from "../advantage.ts";

/** As many zeros as ones, in any order: who guesses one of them always is right half the time exactly. */
export function balancedLabels(count: number, random: () => number): Label[] {
  return Array.from(shuffledIndices(count, random), (i): Label => (i % 2 === 0 ? 0 : 1));
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
