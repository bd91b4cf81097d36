import type { BlockRow } from "../../crypto/index.ts";

/** Rows by block at one moment: what is changed meanwhile does not show, or is a fault of `vectorsOfBlock`. */
export interface BlockSnapshot extends Disposable {
  /** Block number -> revision, for blocks that have or had rows: another number (0..2^53 - 1) whenever the block's rows are others. */
  blockRevisions(): ReadonlyMap<number, number>;
  /** Row numbers, 0 or more, never used again for another row. */
  rowIdsOfBlock(block: number): readonly { readonly rowId: number; readonly slot: number }[];
  /** The leaves of the passages of the same rows, 32 bytes each; left out where somebody else vouches for the rows. */
  commitmentsOfBlock?(block: number): readonly { readonly slot: number; readonly commitment: Uint8Array }[];
  /** The vectors of the same rows, any order. */
  vectorsOfBlock(block: number): readonly BlockRow[] | Promise<readonly BlockRow[]>;
}

/** Where a collection that is scored has its rows from. */
export interface BlockSource {
  /** A number that differs once somebody has changed the rows, for cheap polling; asked before the snapshot, which may be newer. */
  changeCounter(): number | Promise<number>;
  /** One at a time; disposed of by the caller. */
  snapshot(): BlockSnapshot | Promise<BlockSnapshot>;
}
