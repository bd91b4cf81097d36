import {
  type BlockDescription,
  type IndexAnswer,
  type PresentBlock,
  type ScoringIndex,
  sodium,
} from "../../crypto/index.ts";
import {
  type DescribedBlock,
  HASH_BYTES,
  type PassageStatement,
  blockVersion,
  descriptionHash,
  limits,
  passagePath,
  passageRoot,
} from "../../protocol/index.ts";
import type { BlockSnapshot, BlockSource } from "./block-source.ts";

/** Blocks on their way into the index at the same time: enough to keep its threads busy, few enough that a query soon gets its turn. */
const BLOCKS_IN_FLIGHT = 6;
const NO_ROW = -1;
const NOTHING = new Uint8Array(0);

/** Which row sits in which slot of one version of a block, never changed once made. */
interface BlockRows {
  /** Shape [rowsPerBlock], NO_ROW where there is none. */
  readonly ids: Float64Array;
  /** Leaves of the passages, 32 bytes a slot, zero where there is no row, or where somebody else vouches for the rows. */
  readonly leaves: Uint8Array;
}

/** The rows that were present between two commits, by block; never changed once made. */
interface Generation {
  readonly rows: ReadonlyMap<number, BlockRows>;
  readonly rowCount: number;
  /** In the index's order, by the versions that queriers know. */
  readonly blocks: readonly PresentBlock[];
}

/** A block on its way in. */
interface StagedBlock {
  readonly description: DescribedBlock | null;
  readonly rows: BlockRows;
  readonly rowCount: number;
}

/** A version of a block, with what its passages are handed out by. */
interface Version {
  readonly description: DescribedBlock;
  readonly rows: BlockRows;
}

/** A row that was scored, and how it stands in the manifest of what was scored. */
export interface CommittedRow {
  readonly rowId: number;
  readonly stated: PassageStatement["rows"][number];
}

/** The answer to one query. */
export interface ScoredSnapshot {
  readonly answer: IndexAnswer;
  /** Rows that were scored. */
  readonly rowCount: number;
  /** @returns The row that was scored there, or null. Holds on to all rows of its time: not to be kept for long. */
  readonly rowAt: (block: number, slot: number) => number | null;
}

/**
 * Rows as they are served: the scoring index over the blocks of a store. Follows changes that others make to the store; a query sees every transaction
 * of theirs wholly or not at all.
 */
export class Collection {
  readonly #source: BlockSource;
  readonly #index: ScoringIndex;
  readonly #now: () => number;
  #revisions: ReadonlyMap<number, number> = new Map();
  readonly #present = new Map<number, DescribedBlock>();
  readonly #rowCounts = new Map<number, number>();
  #rows: ReadonlyMap<number, BlockRows> = new Map();
  /** The list of blocks that the index gave with an answer -> the rows that were present then, for as long as anybody holds the list. */
  readonly #generations = new WeakMap<readonly PresentBlock[], Generation>();
  /** What is present, and what was replaced within the fetch window: an answer under way may still name it. */
  readonly #versions = new Map<string, Version>();
  /** Version that was replaced -> when to forget it; the oldest first. */
  readonly #replaced = new Map<string, number>();
  #changeCounter = -1;

  /** @param now - Milliseconds, monotonic. */
  constructor(source: BlockSource, index: ScoringIndex, now: () => number) {
    this.#source = source;
    this.#index = index;
    this.#now = now;
  }

  get rowCount(): number {
    let rowCount = 0;
    for (const count of this.#rowCounts.values()) rowCount += count;
    return rowCount;
  }

  /**
   * Brings the index up to date with the store: what has changed is encoded aside, then made present at once.
   *
   * @param stop - Ends it soon, with everything as it was.
   * @returns The number of blocks that changed, and of those how many an earlier process had encoded already.
   */
  async refresh(stop?: AbortSignal): Promise<{ readonly changed: number; readonly restored: number }> {
    this.#forgetReplaced();
    const counter = await this.#source.changeCounter();
    if (counter === this.#changeCounter) return { changed: 0, restored: 0 };
    using snapshot = await this.#source.snapshot();
    const revisions = snapshot.blockRevisions();
    const changed = [...revisions].filter(([block, revision]) => this.#revisions.get(block) !== revision);
    // A store that was put back from a backup may have fewer blocks than it had.
    for (const block of this.#revisions.keys()) if (!revisions.has(block)) changed.push([block, 0]);
    const staged = new Map<number, StagedBlock>();
    let restored = 0;
    const stage = async ([block, revision]: [number, number]): Promise<void> => {
      stop?.throwIfAborted();
      const rows = this.#rowsOf(snapshot, block);
      const fromCache = rows.rowCount > 0 ? await this.#index.restore(block, revision) : null;
      const description = fromCache ?? (await this.#index.stage(block, await snapshot.vectorsOfBlock(block), revision));
      if (fromCache) restored++;
      staged.set(block, { ...rows, description: description && described(description, rows.rows.leaves) });
    };
    try {
      await forEachConcurrently(changed, BLOCKS_IN_FLIGHT, stage);
    } catch (error) {
      this.#index.discard();
      if (stop?.aborted) return { changed: 0, restored: 0 };
      throw error;
    }
    if (changed.length > 0) this.#commit(staged);
    this.#revisions = revisions;
    this.#changeCounter = counter;
    return { changed: changed.length, restored };
  }

  /** Descriptions of all present blocks; hints and roots are left out for versions held. */
  describe(held: ReadonlySet<string>): DescribedBlock[] {
    return [...this.#present.values()].map((description) =>
      held.has(description.version) ? { ...description, hint: NOTHING, passages: NOTHING } : description,
    );
  }

  /** Descriptions of those of these versions that are present or recent. */
  describeVersions(wanted: ReadonlySet<string>): DescribedBlock[] {
    return [...wanted].flatMap((version) => this.#versions.get(version)?.description ?? []);
  }

  /** @throws Fault QUERY_MALFORMED, ABORTED. */
  async score(query: Uint8Array, signal: AbortSignal): Promise<ScoredSnapshot> {
    const { blocks: indexed, scores } = await this.#index.answer(query, signal);
    const scored = this.#generations.get(indexed);
    const blocks = scored?.blocks ?? indexed;
    const rowAt = (block: number, slot: number): number | null => {
      const row = scored?.rows.get(block)?.ids[slot] ?? NO_ROW;
      return row === NO_ROW ? null : row;
    };
    return { answer: { blocks, scores }, rowCount: scored?.rowCount ?? 0, rowAt };
  }

  /**
   * @param version - That the block had in an answer.
   * @returns Null where no row was scored, and when the version has been forgotten: at the end of the fetch window from when it was replaced, or earlier where very many were.
   */
  committedRow(version: string, slot: number): CommittedRow | null {
    const { description, rows } = this.#versions.get(version) ?? {};
    const rowId = rows?.ids[slot] ?? NO_ROW;
    if (!description || !rows || rowId === NO_ROW) return null;
    const leaf = rows.leaves.slice(HASH_BYTES * slot, HASH_BYTES * (slot + 1));
    const path = passagePath(rows.leaves, slot);
    return { rowId, stated: { block: description.block, version: sodium.from_hex(version), slot, leaf, path } };
  }

  /** One step for the event loop: whatever is asked before it sees the old blocks, whatever is asked after it the new ones. */
  #commit(staged: ReadonlyMap<number, StagedBlock>): void {
    const rowsNow = new Map(this.#rows);
    for (const [block, { description, rows, rowCount }] of staged) {
      this.#replace(block, description && { description, rows });
      if (description) rowsNow.set(block, rows);
      else rowsNow.delete(block);
      this.#rowCounts.set(block, rowCount);
    }
    const indexed = this.#index.commit();
    const blocks = indexed.map(({ block, version }) => ({
      block,
      version: this.#present.get(block)?.version ?? version,
    }));
    this.#generations.set(indexed, { rows: rowsNow, rowCount: this.rowCount, blocks });
    this.#rows = rowsNow;
    this.#forgetReplaced();
  }

  #replace(block: number, by: Version | null): void {
    const old = this.#present.get(block);
    if (old) this.#replaced.set(old.version, this.#now() + limits.fetchWindowMs);
    if (!by) {
      this.#present.delete(block);
      return;
    }
    const { version } = by.description;
    this.#present.set(block, by.description);
    this.#versions.set(version, by);
    // A block that is again what it was is not replaced.
    this.#replaced.delete(version);
  }

  #forgetReplaced(): void {
    let surplus = this.#replaced.size - limits.replacedBlocksMax;
    for (const [version, until] of this.#replaced) {
      if (until >= this.#now() && surplus-- <= 0) return;
      this.#replaced.delete(version);
      this.#versions.delete(version);
    }
  }

  #rowsOf(snapshot: BlockSnapshot, block: number): Omit<StagedBlock, "description"> {
    const present = snapshot.rowIdsOfBlock(block);
    const ids = new Float64Array(this.#index.rowsPerBlock).fill(NO_ROW);
    for (const { slot, rowId } of present) ids[slot] = rowId;
    const leaves = new Uint8Array(HASH_BYTES * this.#index.rowsPerBlock);
    for (const { slot, commitment } of snapshot.commitmentsOfBlock?.(block) ?? [])
      leaves.set(commitment, HASH_BYTES * slot);
    return { rows: { ids, leaves }, rowCount: present.length };
  }
}

/** A block under the version that queriers know it by. */
function described({ block, occupied, hint }: BlockDescription, leaves: Uint8Array): DescribedBlock {
  const passages = passageRoot(leaves);
  const version = blockVersion({ block, description: descriptionHash({ occupied, hint }), passages });
  return { block, version, occupied, hint, passages };
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
