import type { BlockDescription, IndexAnswer, ScoringIndex } from "../../crypto/index.ts";
import { limits } from "../../protocol/index.ts";
import type { PassageStore } from "../store/store.ts";

/** Which row sits in which slot of one version of a block; never changed once made. */
type SlotRows = ReadonlyMap<number, number>;

interface KnownVersion {
  readonly description: BlockDescription;
  readonly rows: SlotRows;
}

/** The answer to one query, with what is needed to hand out its passages later. */
export interface ScoredSnapshot {
  readonly answer: IndexAnswer;
  /** @returns The row that was scored there, or null. */
  readonly rowAt: (block: number, slot: number) => number | null;
}

/**
 * A party's passages as they are served: the scoring index over the store's blocks. Follows changes that another process makes to the store, block
 * by block.
 */
export class Collection {
  readonly #store: PassageStore;
  readonly #index: ScoringIndex;
  readonly #revisions = new Map<number, number>();
  readonly #current = new Map<number, KnownVersion>();
  /** Versions replaced within the fetch window: an answer under way may still name them. */
  readonly #recent = new Map<string, { readonly known: KnownVersion; readonly until: number }>();
  #changeCounter = -1;

  constructor(store: PassageStore, index: ScoringIndex) {
    this.#store = store;
    this.#index = index;
  }

  get rowCount(): number {
    let rows = 0;
    for (const { rows: slots } of this.#current.values()) rows += slots.size;
    return rows;
  }

  /**
   * Brings the index up to date with the store, block by block.
   *
   * @param now - Milliseconds, monotonic.
   * @param pause - Called between blocks, so that queries are answered meanwhile.
   * @returns The number of blocks that changed.
   */
  async refresh(now: number, pause: () => Promise<void>): Promise<number> {
    for (const [version, { until }] of this.#recent) if (until < now) this.#recent.delete(version);
    const counter = this.#store.changeCounter();
    if (counter === this.#changeCounter) return 0;
    let changed = 0;
    for (const [block, revision] of this.#store.blockRevisions()) {
      if (this.#revisions.get(block) === revision) continue;
      this.#load(block, now);
      this.#revisions.set(block, revision);
      changed++;
      await pause();
    }
    this.#changeCounter = counter;
    return changed;
  }

  /** Descriptions of all present blocks, and of the wanted versions those that are still known; hints are left out for versions held. */
  describe(
    held: ReadonlySet<string>,
    wanted: ReadonlySet<string>,
  ): (BlockDescription & { readonly current: boolean })[] {
    const withoutHeld = (description: BlockDescription): BlockDescription =>
      held.has(description.version) ? { ...description, hint: new Uint8Array(0) } : description;
    const present = [...this.#current.values()].map(({ description }) => ({
      ...withoutHeld(description),
      current: true,
    }));
    const past = [...this.#recent.values()]
      .filter(({ known }) => wanted.has(known.description.version))
      .map(({ known }) => ({ ...known.description, current: false }));
    return [...present, ...past];
  }

  /** Descriptions of those of these versions that are present or recent. */
  describeVersions(wanted: ReadonlySet<string>): BlockDescription[] {
    const known = [...this.#current.values(), ...[...this.#recent.values()].map((recent) => recent.known)];
    return known.map(({ description }) => description).filter(({ version }) => wanted.has(version));
  }

  /** @throws Fault QUERY_MALFORMED, ABORTED. */
  async score(query: Uint8Array, signal: AbortSignal): Promise<ScoredSnapshot> {
    const answer = await this.#index.answer(query, signal);
    const versions = new Map(answer.blocks.map(({ block, version }) => [block, version]));
    const scored = new Map([...versions].map(([block, version]) => [block, this.#rowsOf(block, version)]));
    return { answer, rowAt: (block, slot) => scored.get(block)?.get(slot) ?? null };
  }

  #rowsOf(block: number, version: string): SlotRows {
    const current = this.#current.get(block);
    if (current?.description.version === version) return current.rows;
    return this.#recent.get(version)?.known.rows ?? new Map<number, number>();
  }

  #load(block: number, now: number): void {
    const vectors = this.#store.vectorsOfBlock(block);
    this.#index.setBlock(block, vectors);
    const old = this.#current.get(block);
    if (old) this.#recent.set(old.description.version, { known: old, until: now + limits.fetchWindowMs });
    const description = this.#index.describe(block);
    // A block that is again what it was is present, and not past as well.
    if (description) this.#recent.delete(description.version);
    if (description)
      this.#current.set(block, { description, rows: new Map(vectors.map(({ slot, rowId }) => [slot, rowId])) });
    else this.#current.delete(block);
  }
}
