import type { DocumentRecord, PassageStore } from "../../party-node/store/index.ts";
import { newText, vectorOf } from "./texts.ts";
import { virtualTime } from "./virtual-time.ts";

export interface TruthRow {
  readonly party: string;
  readonly documentId: string;
  readonly text: string;
  readonly vector: Float32Array;
}

/** Everything a party held at one moment. */
export interface Version {
  readonly since: number;
  /** By {@link rowName}. */
  readonly rows: ReadonlyMap<string, TruthRow>;
}

export const rowName = ({ party, documentId, text }: Pick<TruthRow, "party" | "documentId" | "text">): string =>
  `${party}/${documentId}/${text}`;

/** Changes a party's store, and remembers what it held when. */
export class PartyHistory {
  readonly #store: PassageStore;
  readonly #party: string;
  readonly #documents = new Map<string, readonly TruthRow[]>();
  readonly #versions: Version[];
  #texts = 0;

  constructor(store: PassageStore, party: string) {
    this.#store = store;
    this.#party = party;
    this.#versions = [{ since: -Infinity, rows: new Map() }];
  }

  /** Versions that held at some moment of this time. */
  between(from: number, to: number): Version[] {
    return this.#versions.filter(({ since }, i) => since <= to && (this.#versions[i + 1]?.since ?? Infinity) >= from);
  }

  get rowCount(): number {
    return this.#versions.at(-1)!.rows.size;
  }

  /** One transaction: documents come, are replaced and go, at most so many of each. */
  change(random: () => number, most: { readonly put: number; readonly remove: number }): void {
    const known = [...this.#documents.keys()];
    const any = (): string => known[Math.floor(random() * known.length)] ?? "d0";
    const remove = new Set(Array.from({ length: Math.floor(random() * (most.remove + 1)) }, any));
    const put = new Map<string, DocumentRecord>();
    for (let count = Math.floor(random() * (most.put + 1)); count > 0; count--) {
      const key = random() < 0.4 && known.length > 0 ? any() : `d${++this.#texts}`;
      if (!remove.has(key)) put.set(key, this.#document(random, key));
    }
    this.#store.apply({ put: [...put.values()], remove: [...remove] });
    for (const key of remove) this.#documents.delete(key);
    const rows = new Map([...this.#documents.values()].flatMap((of) => of.map((row) => [rowName(row), row] as const)));
    this.#versions.push({ since: virtualTime.now, rows });
  }

  #document(random: () => number, documentId: string): DocumentRecord {
    const texts = Array.from({ length: random() < 0.7 ? 1 : 2 }, () => newText(random, ++this.#texts));
    const rows = texts.map((text) => ({ party: this.#party, documentId, text, vector: vectorOf(text) }));
    this.#documents.set(documentId, rows);
    return {
      documentKey: documentId,
      contentHash: String(this.#texts),
      passages: texts.map((text, ordinal) => ({ documentId, title: "", text, ordinal })),
      vectors: rows.map(({ vector }) => vector),
    };
  }
}
