import { Fault } from "../crypto/index.ts";
import type { CitedPassage } from "../party-node/asking/index.ts";
import { passageUri } from "./quoting.ts";

/** Sixteen answers of the most passages that one can have. */
const PASSAGES_MAX = 512;

/** The passages that were found last, in memory. Parties hand out what a question has found and nothing else, so a passage cannot be had by its name. */
export class FoundPassages {
  readonly #passages = new Map<string, CitedPassage>();

  add(passage: CitedPassage): void {
    const id = passageUri(passage);
    this.#passages.delete(id);
    this.#passages.set(id, passage);
    for (const oldest of this.#passages.keys()) {
      if (this.#passages.size <= PASSAGES_MAX) break;
      this.#passages.delete(oldest);
    }
  }

  /** @throws Fault PASSAGE_UNKNOWN. */
  get(id: string): CitedPassage {
    const passage = this.#passages.get(id);
    if (passage) return passage;
    throw new Fault("PASSAGE_UNKNOWN", "no search has found a passage of this id lately; search again");
  }
}
