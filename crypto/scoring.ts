import type { Fault } from "./fault.ts";

/** A row on its way into a block. */
export interface BlockRow {
  /** Position within the block, 0..rowsPerBlock - 1. */
  readonly slot: number;
  /** Shape [dim], every entry finite, norm at most normMax; not modified, not kept. */
  readonly vector: Float32Array;
}

/** What a querier must know of a block before it can read its scores. */
export interface BlockDescription {
  readonly block: number;
  /** 16 bytes in hex; differs whenever the block's rows differ. */
  readonly version: string;
  /** Bit i (least significant first) is set when slot i holds a row. rowsPerBlock / 8 bytes. */
  readonly occupied: Uint8Array;
  /** What the querier downloads once a version: the packed hint, or nothing in clear. */
  readonly hint: Uint8Array;
}

/** A block that holds rows, as it is known to queriers. */
export type PresentBlock = Pick<BlockDescription, "block" | "version">;

/** Scores of every block a party held at one moment. */
export interface IndexAnswer {
  /** Blocks in the order of their scores, each once. The same array for every answer between two commits. */
  readonly blocks: readonly PresentBlock[];
  /** scoreBytesPerBlock bytes a block, in the order of `blocks`; owned by the caller. */
  readonly scores: Uint8Array;
}

/**
 * The party's side: holds vectors by block and scores queries against all of them.
 *
 * Implementers: a query sees everything of a commit or nothing of it; an answer lists the versions it used.
 */
export interface ScoringIndex {
  readonly rowsPerBlock: number;
  /** Bytes a query must have; anything else is refused. */
  readonly queryBytes: number;
  /** Settles when the index can answer nothing any more although nobody closed it, with the reason. */
  readonly failed: Promise<Fault>;
  /**
   * Encodes a block's rows aside: from the next {@link commit} on they take the place of its old ones; an empty list removes the block.
   * @param revision - Names the block's content, for {@link restore} in a later process. 0..2^53 - 1.
   * @returns The block as it will be, or null when it will hold no rows.
   * @throws Fault ROW_INVALID; nothing is staged then.
   */
  stage(block: number, rows: readonly BlockRow[], revision?: number): Promise<BlockDescription | null>;
  /** {@link stage} from what an earlier process has kept of this revision; null when that is not there, and nothing is staged then. */
  restore(block: number, revision: number): Promise<BlockDescription | null>;
  /** Makes everything that was staged present at once; no {@link stage} may be under way. @returns What the following answers have as `blocks`. */
  commit(): readonly PresentBlock[];
  /** Forgets what was staged since the last commit; no {@link stage} may be under way. */
  discard(): void;
  /** The block as it is now, or null when it holds no rows. */
  describe(block: number): BlockDescription | null;
  /**
   * Scores all blocks without keeping the event loop; may be called again meanwhile.
   * @throws Fault QUERY_MALFORMED for a wrong size or a residue not below q. ABORTED when the signal fires.
   */
  answer(query: Uint8Array, signal?: AbortSignal): Promise<IndexAnswer>;
  /** Frees threads and memory; nothing may be called afterwards. */
  close(): Promise<void>;
}

/** One question's secrets at the querier; reads the answers of any number of parties. */
export interface QuerySecrets {
  /** Does ahead of time what reading this block's scores will need. Optional: {@link read} does it when it was not done. */
  prepare(party: string, block: BlockDescription): void;
  /**
   * @param scores - scoreBytesPerBlock bytes from the party for this block.
   * @returns Shape [rowsPerBlock]: inner products with the unit query; NaN at empty slots.
   */
  read(party: string, block: BlockDescription, scores: Uint8Array): Float32Array;
  /**
   * Reads the sum of several parties' scores of the same places, of which each was cut to p bits before it was added.
   * @param parts - Each party whose scores are in the sum, with its block there; parties without one are left out.
   * @param total - Residues, shape [rowsPerBlock]; not modified.
   * @returns Shape [rowsPerBlock]: sums of inner products with the unit query, about 0 at places that no party fills.
   * @throws TypeError where nothing is encrypted.
   */
  readTotal(
    parts: readonly { readonly party: string; readonly block: BlockDescription }[],
    total: Uint32Array,
  ): Float32Array;
  /**
   * The secret itself, which opens the question and all that was answered to it: shape [N], entries -1, 0 or 1; the caller wipes it. Null where nothing is
   * encrypted. For evidence against a party alone.
   */
  reveal(): Int8Array | null;
  /** Wipes the secrets; reading afterwards is a TypeError. */
  [Symbol.dispose](): void;
}

/** The querier's side. */
export interface Asker {
  /**
   * Spends one single-use key on one question.
   * @param embedding - Shape [dim], finite, norm at most 1.
   * @returns The bytes for the parties, and the secrets that read their answers.
   * @throws Fault EMBEDDING_INVALID.
   */
  ask(embedding: Float32Array): Promise<{ readonly query: Uint8Array; readonly secrets: QuerySecrets }>;
  /** Blocks the querier holds, so that idle time can prepare keys for them. */
  blocksChanged(blocks: ReadonlyMap<string, readonly BlockDescription[]>): void;
  /** Makes up for spent keys, in slices; called when the querier has nothing better to do. */
  refill(): void;
  /** Resolves when a fresh key is ready for every block known. */
  ready(): Promise<void>;
  close(): void;
}

export type ScoringFaultCode =
  | "ROW_INVALID"
  | "QUERY_MALFORMED"
  | "EMBEDDING_INVALID"
  | "ANSWER_MALFORMED"
  | "HINT_MALFORMED"
  | "KEY_USED"
  | "ABORTED";

/** Whether `slot` is set in an occupancy bitmap. */
export function isOccupied(occupied: Uint8Array, slot: number): boolean {
  return (((occupied[slot >> 3] ?? 0) >> (slot & 7)) & 1) === 1;
}

/** Occupancy bitmap of these slots. */
export function occupancy(rowsPerBlock: number, slots: Iterable<number>): Uint8Array {
  const occupied = new Uint8Array(rowsPerBlock / 8);
  for (const slot of slots) occupied[slot >> 3] = (occupied[slot >> 3] ?? 0) | (1 << (slot & 7));
  return occupied;
}
