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

/** The k best rows of one party, of blocks that are offered one after the other. */
export class TopRows {
  readonly #k: number;
  readonly #party: string;
  readonly #best: Candidate[] = [];
  /** The least score that can still be among the best; most rows stay below it and cost one comparison. */
  #floor = -Infinity;
  #rowCount = 0;

  constructor(k: number, party: string) {
    this.#k = k;
    this.#party = party;
  }

  /** Best first. */
  get best(): readonly Candidate[] {
    return this.#best;
  }

  /** Rows offered, empty slots left out. */
  get rowCount(): number {
    return this.#rowCount;
  }

  /** @param scores - Shape [rowsPerBlock]; NaN at empty slots. */
  offer(block: number, scores: Float32Array): void {
    for (let slot = 0; slot < scores.length; slot++) {
      const score = scores[slot]!;
      if (Number.isNaN(score)) continue;
      this.#rowCount++;
      if (score >= this.#floor) this.#insert({ party: this.#party, block, slot, score });
    }
  }

  #insert(candidate: Candidate): void {
    const after = this.#best.findIndex((held) => compare(candidate, held) < 0);
    if (after >= 0) this.#best.splice(after, 0, candidate);
    else if (this.#best.length < this.#k) this.#best.push(candidate);
    if (this.#best.length > this.#k) this.#best.pop();
    if (this.#best.length === this.#k) this.#floor = this.#best.at(-1)?.score ?? -Infinity;
  }
}
