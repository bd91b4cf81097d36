import type { Passage } from "../documents/passage.ts";

/** Where a row lives in the scoring index: block number, and row within the block. */
export interface Placement {
  readonly block: number;
  readonly slot: number;
}

/** One passage as the store gives it back. */
export interface StoredPassage extends Passage {
  /** Stable, never reused within a store. */
  readonly rowId: number;
}

/** A stored passage with what opens its commitment. */
export interface SaltedPassage extends StoredPassage {
  /** 32 bytes. */
  readonly salt: Uint8Array;
}

/** One vector as the scoring index loads it. */
export interface StoredVector extends Placement {
  readonly rowId: number;
  /** Shape [dim]. */
  readonly vector: Float32Array;
}

/** A document's passages and their vectors, written together or not at all. */
export interface DocumentRecord {
  /** Stable name of the document within this store (its path, or its path and `_id` for a line of a .jsonl file). */
  readonly documentKey: string;
  /** Decides whether the document is encoded again: SHA-256 (hex) of its content and, after a dot, of the statistics used. */
  readonly contentHash: string;
  readonly passages: readonly Passage[];
  /** One vector a passage, same order. */
  readonly vectors: readonly Float32Array[];
  /** Row of the document's only passage, where rows follow an alignment: block floor(position / rowsPerBlock), slot position mod rowsPerBlock. */
  readonly position?: number | undefined;
}

/** What was extracted from files that are costly to parse, sealed, so that none is parsed twice. */
export interface Extractions {
  /** As it was last written for the file, or null. */
  read(path: string): unknown;
  /** @param extraction - Anything JSON can hold. */
  write(path: string, extraction: unknown): void;
  /** Paths that begin with the prefix, sorted. */
  paths(prefix: string): string[];
  /** Unknown paths are ignored. */
  remove(paths: readonly string[]): void;
}

/** One transaction's worth of changes. */
export interface StoreChanges {
  /** New or changed documents; a changed one replaces all rows of its old version. */
  readonly put: readonly DocumentRecord[];
  /** Keys of documents to remove with all their rows; unknown keys are ignored. */
  readonly remove: readonly string[];
}

/** Rows by block, as the scoring index loads them. */
export interface BlockReader {
  /** Block number -> revision, for blocks that have or had rows: another number whenever the block's rows are others, also after a backup was put back. */
  blockRevisions(): Map<number, number>;
  /** All rows of one block, any order. */
  vectorsOfBlock(block: number): StoredVector[];
  /** The rows of a block without their vectors. */
  rowIdsOfBlock(block: number): { rowId: number; slot: number }[];
  /** The leaves of a block's passages, 32 bytes each, any order. */
  commitmentsOfBlock(block: number): { slot: number; commitment: Uint8Array }[];
}

/** The store's blocks at one moment: what other connections commit meanwhile does not show. */
export interface StoreSnapshot extends BlockReader, Disposable {}

/**
 * Keeps a party's passages and vectors, sealed at rest. Survives kill -9: a transaction is there wholly or not at all.
 *
 * Rows keep their placement until they are removed; a removed row's slot is used again. New rows are put into free slots in
 * an order that does not follow the documents (a querier sees scores by slot and must not learn which rows are neighbours).
 */
export interface PassageStore extends BlockReader {
  readonly rowsPerBlock: number;
  /** Rows (passages) now in the store. */
  readonly rowCount: number;
  readonly documentCount: number;

  /** @returns The content hash under which the document was last stored, or null. */
  contentHash(documentKey: string): string | null;
  /** Keys of all documents that begin with the prefix, for finding deleted ones. */
  documentKeys(prefix: string): string[];
  /** All rows of one document, by ordinal; none when the document is unknown. */
  passagesOfDocument(documentKey: string): StoredPassage[];
  /**
   * Applies all changes in one transaction and gives every touched block another revision.
   *
   * @throws TypeError for a document named twice in `put`, or with other than one vector a passage, or with several for one position; Fault POSITION_TAKEN
   *   when another document lies there. Nothing is changed.
   */
  apply(changes: StoreChanges): void;

  /**
   * A number that differs once another connection to this store has changed it, for cheap polling. The store's own changes
   * need not show in it.
   */
  changeCounter(): number;
  /** The blocks as they are now, read through a connection of its own. Changes wait in the write-ahead log until it is disposed of. */
  snapshot(): StoreSnapshot;
  /** Passages for these rows, in the order asked and all as of one moment; rows that are gone are left out. */
  passages(rowIds: readonly number[]): StoredPassage[];
  /** What {@link passageLeaf} hashed for the passage's row. */
  salted(passage: StoredPassage): SaltedPassage;

  /** A named small sealed value (corpus statistics, encoder fingerprint), or null. */
  readValue(name: string): Uint8Array | null;
  writeValue(name: string, value: Uint8Array): void;

  readonly extractions: Extractions;

  close(): void;
}
