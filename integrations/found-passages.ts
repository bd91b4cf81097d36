import { Fault } from "../crypto/index.ts";
import type { CitedPassage } from "../party-node/asking/index.ts";
import { passageUri } from "./quoting.ts";

/** Sixteen answers of the most passages that one can have. */
const PASSAGES_MAX = 512;
/** Of all texts, in UTF-16 code units. */
const LENGTH_MAX = 2 ** 24;

/** The passages that were found last, in memory. Parties hand out what a question has found and nothing else, so a passage cannot be had by its name. */
export class FoundPassages {
  readonly #passages = new Map<string, CitedPassage>();
  #length = 0;

  add(passage: CitedPassage): void {
    const id = passageUri(passage);
    this.#forget(id);
    this.#passages.set(id, passage);
    this.#length += passage.text.length;
    for (const oldest of this.#passages.keys()) {
      if (this.#passages.size <= PASSAGES_MAX && this.#length <= LENGTH_MAX) break;
      this.#forget(oldest);
    }
  }

  #forget(id: string): void {
    this.#length -= this.#passages.get(id)?.text.length ?? 0;
    this.#passages.delete(id);
  }

  /** @throws Fault PASSAGE_UNKNOWN. */
  get(id: string): CitedPassage {
    const passage = this.#passages.get(id);
    if (passage) return passage;
    throw new Fault("PASSAGE_UNKNOWN", "no search has found a passage of this id lately; search again");
  }
}
