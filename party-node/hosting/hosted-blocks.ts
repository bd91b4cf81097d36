import { type BlockRow, Fault, hexOf } from "../../crypto/index.ts";
import type { RowVersion, SealedStore } from "../sealed-store/index.ts";
import { newRevision } from "../sealed-store/revision.ts";
import type { BlockSnapshot, BlockSource } from "../serving/block-source.ts";
import { type OpenBlock, places } from "../store/placement.ts";
import type { Placement } from "../store/store.ts";

/** `COLLECTION_CHANGED`: rows were put or removed while they were read; nothing is lost, and the next try may succeed. */
export type HostedBlocksFaultCode = "COLLECTION_CHANGED";

export interface HostedBlocksOptions {
  readonly store: Pick<SealedStore, "revision" | "versions" | "readVectors">;
  readonly collectionId: string;
  /** Of the scoring layout; at most what one read may ask for. */
  readonly rowsPerBlock: number;
}

/** One version of a row in its place; never changed once made. */
interface PlacedRow extends RowVersion, Placement {
  /** Of this row for as long as it is there, and of no other one ever. */
  readonly rowNumber: number;
}

/** The rows of a block by slot; never changed once made. */
interface Block {
  readonly revision: number;
  readonly slots: readonly (PlacedRow | null)[];
}

/** What the store's list of versions says that the placement does not. */
interface Changes {
  /** New rows and new versions of rows. */
  readonly put: readonly RowVersion[];
  readonly removed: readonly PlacedRow[];
}

/** Readings of a list that others change before the reader is told to try again. */
const READINGS_MAX = 3;

/**
 * The rows of one collection of a sealed store as blocks for the encrypted scoring.
 *
 * Only the placement is kept in memory, about 200 bytes a row; vectors are read block by block when they are encoded. It is made anew by each process:
 * rows are placed by id, which is random, so a slot tells nothing of its neighbours. Made for one reader that takes one snapshot after the other.
 */
export class HostedBlocks implements BlockSource {
  readonly #options: HostedBlocksOptions;
  /** The store's revision that the placement shows. */
  #revision: number | null = null;
  #blocks: ReadonlyMap<number, Block> = new Map();
  /** By id in hex. */
  readonly #rows = new Map<string, PlacedRow>();
  readonly #byNumber = new Map<number, PlacedRow>();
  #rowNumbers = 0;

  constructor(options: HostedBlocksOptions) {
    this.#options = options;
  }

  changeCounter(): Promise<number> {
    const { store, collectionId } = this.#options;
    return store.revision(collectionId);
  }

  /** @throws Fault COLLECTION_CHANGED, here and when vectors are read; those of the store. */
  async snapshot(): Promise<BlockSnapshot> {
    await this.#follow();
    const blocks = this.#blocks;
    return {
      blockRevisions: () => new Map([...blocks].map(([block, { revision }]) => [block, revision])),
      rowIdsOfBlock: (block) => rowsOf(blocks, block).map(({ rowNumber, slot }) => ({ rowId: rowNumber, slot })),
      vectorsOfBlock: (block) => this.#vectorsOf(rowsOf(blocks, block)),
      [Symbol.dispose]: () => undefined,
    };
  }

  /**
   * The row with this number in the version that was last placed; null when it is gone. Whoever reads it from the store may find a newer version, or
   * none.
   */
  rowIdOf(rowNumber: number): RowVersion | null {
    const row = this.#byNumber.get(rowNumber);
    return row ? { rowId: row.rowId, version: row.version } : null;
  }

  /** Brings the placement up to date: all of a moment between two changes, or nothing. */
  async #follow(): Promise<void> {
    for (let reading = 0; reading < READINGS_MAX; reading++) {
      const revision = await this.changeCounter();
      if (revision === this.#revision) return;
      const changes = await this.#changes();
      // Pages of one list are read one after the other.
      if ((await this.changeCounter()) !== revision) continue;
      this.#apply(changes);
      this.#revision = revision;
      return;
    }
    throw changedMeanwhile();
  }

  async #changes(): Promise<Changes> {
    const { store, collectionId } = this.#options;
    const put: RowVersion[] = [];
    const removed = new Map(this.#rows);
    let page = await store.versions(collectionId);
    for (let last = page.at(-1); last; last = page.at(-1)) {
      for (const row of page) {
        const id = hexOf(row.rowId);
        removed.delete(id);
        if (this.#rows.get(id)?.version !== row.version) put.push(row);
      }
      page = await store.versions(collectionId, { after: last.rowId });
    }
    return { put, removed: [...removed.values()] };
  }

  #apply({ put, removed }: Changes): void {
    const touched = new Map<number, (PlacedRow | null)[]>();
    const slotsOf = (block: number): (PlacedRow | null)[] => {
      let slots = touched.get(block);
      if (!slots) touched.set(block, (slots = this.#slotsOf(block)));
      return slots;
    };
    for (const { rowId, rowNumber, block, slot } of removed) {
      slotsOf(block)[slot] = null;
      this.#rows.delete(hexOf(rowId));
      this.#byNumber.delete(rowNumber);
    }
    const free = places(this.#openBlocks(touched), this.#blocks.size, this.#options.rowsPerBlock);
    for (const { rowId, version } of put) {
      const known = this.#rows.get(hexOf(rowId));
      const placed = known ?? { ...free.next().value, rowNumber: this.#rowNumbers++ };
      const row = { ...placed, rowId, version };
      slotsOf(row.block)[row.slot] = row;
      this.#rows.set(hexOf(rowId), row);
      this.#byNumber.set(row.rowNumber, row);
    }
    const revision = newRevision();
    const blocks = new Map(this.#blocks);
    for (const [block, slots] of touched) blocks.set(block, { revision, slots });
    this.#blocks = blocks;
  }

  /** A copy; all empty for a block that is not there yet. */
  #slotsOf(block: number): (PlacedRow | null)[] {
    return [...(this.#blocks.get(block)?.slots ?? Array<null>(this.#options.rowsPerBlock).fill(null))];
  }

  *#openBlocks(touched: ReadonlyMap<number, readonly (PlacedRow | null)[]>): Generator<OpenBlock> {
    for (const [block, { slots }] of this.#blocks) {
      const freeSlots = (touched.get(block) ?? slots).flatMap((row, slot) => (row ? [] : slot));
      if (freeSlots.length > 0) yield { block, freeSlots };
    }
  }

  /** Id and version name a row's content, so vectors of these very versions are of the placement's moment, whenever they are read. */
  async #vectorsOf(rows: readonly PlacedRow[]): Promise<BlockRow[]> {
    if (rows.length === 0) return [];
    const { store, collectionId } = this.#options;
    const ids = rows.map(({ rowId }) => rowId);
    const found = await store.readVectors(collectionId, ids);
    // Those that are there come in the order asked, each once.
    if (found.length !== rows.length || rows.some(({ version }, i) => found[i]?.version !== version))
      throw changedMeanwhile();
    return rows.map(({ slot }, i) => ({ slot, vector: found[i]!.vector }));
  }
}

function rowsOf(blocks: ReadonlyMap<number, Block>, block: number): PlacedRow[] {
  return blocks.get(block)?.slots.filter((row) => row !== null) ?? [];
}

function changedMeanwhile(): Fault {
  return new Fault<HostedBlocksFaultCode>(
    "COLLECTION_CHANGED",
    "The collection was changed while it was read. What was served before is served on; try again.",
  );
}
