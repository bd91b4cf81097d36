import type { BlockDescription, IndexAnswer, PresentBlock, ScoringIndex } from "../../crypto/index.ts";
import { limits } from "../../protocol/index.ts";
import type { PassageStore, StoreSnapshot } from "../store/store.ts";

/** Blocks on their way into the index at the same time: enough to keep its threads busy, few enough that a query soon gets its turn. */
const BLOCKS_IN_FLIGHT = 6;
const NO_ROW = -1;
const NO_HINT = new Uint8Array(0);

/** Which row sits in which slot of one version of a block: shape [rowsPerBlock], NO_ROW where none does; never changed once made. */
type SlotRows = Float64Array;

interface KnownVersion {
  readonly description: BlockDescription;
  readonly rows: SlotRows;
  readonly rowCount: number;
}

/** Present blocks by number; never changed once made. */
type Generation = ReadonlyMap<number, KnownVersion>;

/** The answer to one query, with what is needed to hand out its passages later. */
export interface ScoredSnapshot {
  readonly answer: IndexAnswer;
  /** @returns The row that was scored there, or null. */
  readonly rowAt: (block: number, slot: number) => number | null;
}

/**
 * A party's passages as they are served: the scoring index over the store's blocks. Follows changes that another process makes to the store; a query
 * sees every transaction of theirs wholly or not at all.
 */
export class Collection {
  readonly #store: PassageStore;
  readonly #index: ScoringIndex;
  #revisions: ReadonlyMap<number, number> = new Map();
  #current: Generation = new Map();
  #rowCount = 0;
  /** The blocks of an answer -> what was present then, for as long as anybody holds the answer. */
  readonly #generations = new WeakMap<readonly PresentBlock[], Generation>();
  /** By version: what is present, and what was replaced within the fetch window, for an answer under way may still name it. */
  readonly #described = new Map<string, BlockDescription>();
  /** Version that was replaced -> when to forget it. */
  readonly #replaced = new Map<string, number>();
  #changeCounter = -1;

  constructor(store: PassageStore, index: ScoringIndex) {
    this.#store = store;
    this.#index = index;
  }

  get rowCount(): number {
    return this.#rowCount;
  }

  /**
   * Brings the index up to date with the store: what has changed is encoded aside, then made present at once.
   *
   * @param now - Milliseconds, monotonic.
   * @returns The number of blocks that changed, and of those how many an earlier process had encoded already.
   */
  async refresh(now: number): Promise<{ readonly changed: number; readonly restored: number }> {
    this.#forgetReplaced(now);
    const counter = this.#store.changeCounter();
    if (counter === this.#changeCounter) return { changed: 0, restored: 0 };
    using snapshot = this.#store.snapshot();
    const revisions = snapshot.blockRevisions();
    const changed = [...revisions].filter(([block, revision]) => this.#revisions.get(block) !== revision);
    const staged = new Map<number, KnownVersion | null>();
    let restored = 0;
    const stage = async ([block, revision]: [number, number]): Promise<void> => {
      const fromCache = await this.#index.restore(block, revision);
      const description = fromCache ?? (await this.#index.stage(block, snapshot.vectorsOfBlock(block), revision));
      if (fromCache) restored++;
      staged.set(block, description && { description, ...this.#rowsOf(snapshot, block) });
    };
    try {
      await forEachConcurrently(changed, BLOCKS_IN_FLIGHT, stage);
    } catch (error) {
      this.#index.discard();
      throw error;
    }
    if (changed.length > 0) this.#commit(staged, now);
    this.#revisions = revisions;
    this.#changeCounter = counter;
    return { changed: changed.length, restored };
  }

  /** Descriptions of all present blocks; hints are left out for versions held. */
  describe(held: ReadonlySet<string>): BlockDescription[] {
    return [...this.#current.values()].map(({ description }) =>
      held.has(description.version) ? { ...description, hint: NO_HINT } : description,
    );
  }

  /** Descriptions of those of these versions that are present or recent. */
  describeVersions(wanted: ReadonlySet<string>): BlockDescription[] {
    return [...wanted].flatMap((version) => this.#described.get(version) ?? []);
  }

  /** @throws Fault QUERY_MALFORMED, ABORTED. */
  async score(query: Uint8Array, signal: AbortSignal): Promise<ScoredSnapshot> {
    const answer = await this.#index.answer(query, signal);
    const scored = this.#generations.get(answer.blocks);
    const rowAt = (block: number, slot: number): number | null => {
      const row = scored?.get(block)?.rows[slot] ?? NO_ROW;
      return row === NO_ROW ? null : row;
    };
    return { answer, rowAt };
  }

  /** One step for the event loop: whatever is asked before it sees the old blocks, whatever is asked after it the new ones. */
  #commit(staged: ReadonlyMap<number, KnownVersion | null>, now: number): void {
    const next = new Map(this.#current);
    for (const [block, known] of staged) {
      const old = next.get(block);
      if (old) this.#replaced.set(old.description.version, now + limits.fetchWindowMs);
      if (known) this.#described.set(known.description.version, known.description);
      // A block that is again what it was is not replaced.
      if (known) this.#replaced.delete(known.description.version);
      if (known) next.set(block, known);
      else next.delete(block);
      this.#rowCount += (known?.rowCount ?? 0) - (old?.rowCount ?? 0);
    }
    this.#generations.set(this.#index.commit(), next);
    this.#current = next;
  }

  #forgetReplaced(now: number): void {
    for (const [version, until] of this.#replaced) {
      if (until >= now) continue;
      this.#replaced.delete(version);
      this.#described.delete(version);
    }
  }

  #rowsOf(snapshot: StoreSnapshot, block: number): Pick<KnownVersion, "rows" | "rowCount"> {
    const present = snapshot.rowIdsOfBlock(block);
    const rows = new Float64Array(this.#index.rowsPerBlock).fill(NO_ROW);
    for (const { slot, rowId } of present) rows[slot] = rowId;
    return { rows, rowCount: present.length };
  }
}

/** Calls `work` for every item, `limit` at a time; a failure ends it, once those under way have ended. */
async function forEachConcurrently<Item>(
  items: Iterable<Item>,
  limit: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const left = items[Symbol.iterator]();
  let failed = false;
  const worker = async (): Promise<void> => {
    for (let next = left.next(); !next.done && !failed; next = left.next()) {
      await work(next.value).catch((error: unknown) => {
        failed = true;
        throw error;
      });
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: limit }, worker));
  for (const end of ended) if (end.status === "rejected") throw end.reason;
}
