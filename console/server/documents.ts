import type { PassageStore } from "../../party-node/store/index.ts";
import type { DocumentView, DocumentsView } from "../api.ts";

/** Most documents of one answer. */
export const DOCUMENTS_MAX = 100;

export interface DocumentsWanted {
  /** Part of a name, whatever its case; empty for all. */
  readonly find: string;
  /** How many to leave out. */
  readonly from: number;
}

/** What is in a store, by document. Names are sealed one by one, so the list of all of them is kept until something has changed. */
export class Documents {
  readonly #store: PassageStore;
  #keys: readonly string[] | null = null;
  #counter = -1;

  constructor(store: PassageStore) {
    this.#store = store;
  }

  list({ find, from }: DocumentsWanted): DocumentsView {
    const sought = find.trim().toLowerCase();
    const keys = this.#all().filter((key) => key.toLowerCase().includes(sought));
    return { matching: keys.length, documents: keys.slice(from, from + DOCUMENTS_MAX).map((key) => this.#view(key)) };
  }

  /** @returns How many there were. */
  erase(keys: readonly string[]): number {
    const before = this.#store.documentCount;
    this.#store.apply({ put: [], remove: [...keys] });
    this.changed();
    return before - this.#store.documentCount;
  }

  /** To be called after this process has changed the store; changes of others are noticed. */
  changed(): void {
    this.#keys = null;
  }

  #all(): readonly string[] {
    const counter = this.#store.changeCounter();
    if (this.#keys === null || counter !== this.#counter) this.#keys = this.#store.documentKeys("");
    this.#counter = counter;
    return this.#keys;
  }

  #view(key: string): DocumentView {
    const passages = this.#store.passagesOfDocument(key);
    return {
      key,
      name: passages[0]?.documentId ?? key,
      title: passages[0]?.title ?? "",
      passages: passages.length,
    };
  }
}
