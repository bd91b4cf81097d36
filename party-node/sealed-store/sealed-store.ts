/** A value the owner chose to leave readable: finite, or well-formed Unicode without U+0000. */
export type FieldValue = string | number;

/** A field by which a collection can be filtered; its values lie open to the host. */
export interface FilterableField {
  /** `[a-z][a-z0-9_]*`, at most 32 characters. */
  readonly name: string;
  readonly type: "string" | "number";
}

export interface CollectionSettings {
  /** Letters, digits, dot, dash and underscore, a letter or digit first; at most 63. */
  readonly id: string;
  /** Entries of a vector. */
  readonly dim: number;
  /** Who may change it, as the server that asks knows them; the store only keeps it. */
  readonly owner: string;
  /** Empty unless the owner says otherwise: what is not listed here cannot be stored in clear. */
  readonly fields: readonly FilterableField[];
  /**
   * - `exact`: every search looks at all rows.
   * - `approximate`: in a large collection a search walks a graph (HNSW), which finds what is nearest where queries lie among the rows, as embeddings of
   *   unit norm do. Where CAPRISE has lifted vectors of sparse encoders, queries lie far from all rows and it misses a large part.
   */
  readonly search: "exact" | "approximate";
}

export interface CollectionSummary extends CollectionSettings {
  /** Rows now in it. */
  readonly rowCount: number;
}

/** A row as its owner sealed it. To the store the vector is a vector and the passage bytes. */
export interface SealedRow {
  /** 16 bytes, chosen by the owner. */
  readonly rowId: Uint8Array;
  /** A safe integer above 0, higher than every earlier one of this row. */
  readonly version: number;
  /** Shape [dim], finite. */
  readonly vector: Float32Array;
  readonly passage: Uint8Array;
  /** By name, of the collection's filterable fields only; one left out matches no condition. */
  readonly fields?: Readonly<Record<string, FieldValue>>;
}

export interface RowVersion {
  readonly rowId: Uint8Array;
  readonly version: number;
}

/** A row's vector; buffers are the caller's, and those of one row may share memory. */
export interface VersionedVector extends RowVersion {
  /** Shape [dim]. */
  readonly vector: Float32Array;
}

/** A row as a search returns it. */
export interface Candidate extends VersionedVector {
  readonly passage: Uint8Array;
}

/** All operators given must hold. The order comparisons are for numbers only. */
export interface FieldCondition {
  readonly eq?: FieldValue;
  /** One of 1 to 64 values. */
  readonly in?: readonly FieldValue[];
  readonly lt?: number;
  readonly lte?: number;
  readonly gt?: number;
  readonly gte?: number;
}

/** Conditions by field name; all must hold. */
export type Filter = Readonly<Record<string, FieldCondition>>;

export interface SealedSearch {
  /** Shape [dim], finite. */
  readonly vector: Float32Array;
  /** k': how many rows to return, 1 to 2,048. */
  readonly candidates: number;
  /** One condition or more; leave it out to search all rows. */
  readonly filter?: Filter;
}

/** Which page of versions: rows whose id is above `after` (bytewise), `limit` of them at most (default and maximum 16,384). */
export interface VersionsPage {
  readonly after?: Uint8Array;
  readonly limit?: number;
}

/**
 * Keeps other organisations' collections at a host, which is not trusted and holds no key: vectors are ciphertexts among which distances are searched,
 * passages are sealed bytes.
 *
 * An honest store does what is said here; a dishonest host can drop rows, keep erased ones, or answer with old ones. The owner compares
 * {@link SealedStore.versions} with its own list, and a querier finds out about altered rows when it opens them.
 *
 * Every method throws STORE_UNAVAILABLE, STORE_DAMAGED and, but for `createCollection` and `collections`, COLLECTION_UNKNOWN. Arguments are checked
 * first: unknown keys, operators and fields are refused. Each change is there wholly or not at all, also after kill -9.
 */
export interface SealedStore {
  /** @throws Fault COLLECTION_INVALID, COLLECTION_EXISTS, STORE_LIMIT, STORE_FULL. */
  createCollection(settings: CollectionSettings): Promise<void>;
  /** All collections, by id. */
  collections(): Promise<CollectionSummary[]>;
  rowCount(collectionId: string): Promise<number>;

  /**
   * Puts up to 4,096 rows in one transaction; they are found by every search that starts after it. A row that is there is replaced, fields included.
   *
   * @throws Fault ROW_REPLAYED unless each version is higher than the row's own and than the one it was removed with; ROW_INVALID (a row named twice,
   * too), VECTOR_INVALID, STORE_LIMIT, STORE_FULL.
   */
  put(collectionId: string, rows: readonly SealedRow[]): Promise<void>;
  /**
   * Removes rows in one transaction; unknown ones are left out. Their ids and versions are kept, so that an old version cannot be put back, and leave
   * with the collection.
   *
   * @returns How many were there.
   * @throws Fault ROW_INVALID, STORE_LIMIT, STORE_FULL.
   */
  remove(collectionId: string, rowIds: readonly Uint8Array[]): Promise<number>;
  /**
   * Removes the collection with all that was ever stored in it: when this returns, no file of the store holds any of it. What no store can promise:
   * that the disk's freed blocks are overwritten, or that backups, snapshots and replicas forget.
   */
  erase(collectionId: string): Promise<void>;
  /** Ids and versions of the rows, by id, for the owner's audit. */
  versions(collectionId: string, page?: VersionsPage): Promise<RowVersion[]>;
  /**
   * Up to 4,096 rows by id, all as they were at one moment, in the order asked; those that are not there are left out.
   *
   * @throws Fault ROW_INVALID, STORE_LIMIT.
   */
  read(collectionId: string, rowIds: readonly Uint8Array[]): Promise<Candidate[]>;
  /** What `read` gives, without the passages. */
  readVectors(collectionId: string, rowIds: readonly Uint8Array[]): Promise<VersionedVector[]>;
  /**
   * A number that is another one, drawn at random, after each `put` or `remove` that changed a row, whichever process did it; cheap to ask for. 0 before
   * the first, so that it also tells of a collection that was erased and created again, or put back from a backup.
   */
  revision(collectionId: string): Promise<number>;

  /**
   * Replaces, in one transaction, what is kept with the collection beside its rows: at most 4 MiB, nothing that the store reads.
   *
   * @throws Fault STORE_LIMIT, STORE_FULL.
   */
  writeAttachment(collectionId: string, bytes: Uint8Array): Promise<void>;
  /** What was written last; empty at first. The buffer is the caller's. */
  attachment(collectionId: string): Promise<Uint8Array>;

  /**
   * The rows nearest to the vector by Euclidean distance, nearest first: as many as asked for, or all that match when they are fewer. Exact up to
   * the rounding of float32, but for a large `approximate` collection under no filter or one that many rows match: of the 130 nearest, its graph found
   * 99 % among 5,183 embeddings of unit norm (scifact, potion-base-2M), and 59 % among as many lifted vectors of the hybrid encoder.
   *
   * @throws Fault VECTOR_INVALID, FILTER_INVALID, STORE_LIMIT.
   */
  search(collectionId: string, search: SealedSearch): Promise<Candidate[]>;

  /** Waits for what is under way. Calling it again is allowed. */
  close(): Promise<void>;
}
