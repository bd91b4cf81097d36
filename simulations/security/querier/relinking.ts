import type { AskedParty } from "./asked-party.ts";
import type { Questions } from "./questions.ts";

/**
 * Links rows of two epochs, between which a party would have shuffled them, by asking the same questions again: each row is taken for the one of the
 * epoch before with the nearest scores.
 *
 * @returns For each number of repeated questions from 1, the share of rows linked rightly.
 */
export async function relinkedShares(party: AskedParty, questions: Questions): Promise<number[]> {
  const before: Float64Array[] = [];
  const after: Float64Array[] = [];
  const shares: number[] = [];
  for (const question of questions) {
    before.push(await party.ask(question));
    after.push(await party.ask(question));
    const rows = before[0]!.length;
    let right = 0;
    for (let i = 0; i < rows; i++) if (nearestRow(before, after, i) === i) right++;
    shares.push(right / rows);
  }
  return shares;
}

function nearestRow(before: readonly Float64Array[], after: readonly Float64Array[], i: number): number {
  let [nearest, least] = [-1, Infinity];
  for (let j = 0; j < before[0]!.length; j++) {
    let distance = 0;
    for (let q = 0; q < before.length; q++) distance += (before[q]![j]! - after[q]![i]!) ** 2;
    if (distance < least) [nearest, least] = [j, distance];
  }
  return nearest;
}
