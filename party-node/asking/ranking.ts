import type { Handle } from "../../protocol/index.ts";

/** A scored row of some party. */
export interface Candidate extends Handle {
  readonly party: string;
  /** Inner product of the question's and the passage's vectors. */
  readonly score: number;
}

/** Higher scores first; equal ones in an order that does not depend on who answered first. */
function compare(a: Candidate, b: Candidate): number {
  return b.score - a.score || (a.party < b.party ? -1 : a.party > b.party ? 1 : a.block - b.block || a.slot - b.slot);
}

/** The k best of both lists, best first; neither is changed. */
export function mergeTop(k: number, best: readonly Candidate[], more: readonly Candidate[]): Candidate[] {
  return [...best, ...more].sort(compare).slice(0, k);
}

/**
 * The k best rows of one block.
 *
 * @param scores - Shape [rowsPerBlock]; NaN at empty slots.
 */
export function topOfBlock(k: number, party: string, block: number, scores: Float32Array): Candidate[] {
  const candidates: Candidate[] = [];
  scores.forEach((score, slot) => {
    if (!Number.isNaN(score)) candidates.push({ party, block, slot, score });
  });
  return mergeTop(k, [], candidates);
}
