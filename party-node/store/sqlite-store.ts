import type { DatabaseSync } from "node:sqlite";
import { Fault } from "../../crypto/fault.ts";
import { hexOf } from "../../crypto/hex.ts";
import { sodium } from "../../crypto/sodium.ts";
import type { Passage } from "../documents/passage.ts";
import type { OpenBlock } from "./placement.ts";
import { paddedJson } from "./padded-json.ts";
import { PassageSealer } from "./passage-sealer.ts";
import { places, shuffled } from "./placement.ts";
import { type OpenStoreFile, number, openStoreFile } from "./schema.ts";
import type { Sealer } from "./sealer.ts";
import { SqliteBlocks, openSnapshot } from "./sqlite-blocks.ts";
import { SqliteExtractions } from "./sqlite-extractions.ts";
import type { StoreFaultCode } from "./store-fault.ts";
import { Statements } from "./statements.ts";
import type {
  DocumentRecord,
  PassageStore,
  Placement,
  SaltedPassage,
  StoreChanges,
  StoreSnapshot,
  StoredPassage,
  StoredVector,
} from "./store.ts";

export interface SqliteStoreOptions {
  /** Made, with mode 0600, when it does not exist; its folder must. */
  readonly path: string;
  /** 32 bytes; copied. */
  readonly storeKey: Uint8Array;
  /** 1 or more; fixed for the life of the store. */
  readonly rowsPerBlock: number;
}

/**
 * A {@link PassageStore} in one SQLite file (write-ahead log, full sync). Several processes may have it open, one writing.
 *
 * Everything that comes from a document is sealed (see {@link Sealer}); the file shows how many documents and rows there are,
 * which rows are of one document, and how long each sealed value is. Whoever can write the file can drop, reorder or put back
 * old rows unnoticed, but not make or change one.
 *
 * @throws Fault STORE_FILE, STORE_VERSION, STORE_KEY, STORE_BLOCK_SIZE, STORE_DAMAGED; reading throws STORE_TAMPERED and STORE_DAMAGED.
 */
export function openSqliteStore(options: SqliteStoreOptions): PassageStore {
  const { path, storeKey, rowsPerBlock, ...unknown } = options;
  const names = Object.keys(unknown).join(", ");
  if (names !== "") throw new TypeError(`openSqliteStore: unknown option ${names}`);
  if (storeKey.length !== 32) throw new TypeError(`storeKey: got ${storeKey.length.toString()} bytes, expected 32`);
  if (!Number.isSafeInteger(rowsPerBlock) || rowsPerBlock < 1)
    throw new TypeError("rowsPerBlock: expected a positive integer");
  return new SqliteStore(path, openStoreFile(path, storeKey, rowsPerBlock), rowsPerBlock);
}

interface NewRow {
  readonly document: number | bigint;
  readonly passage: Passage;
  readonly vector: Float32Array;
  readonly position: number | undefined;
}

class SqliteStore implements PassageStore {
  readonly rowsPerBlock: number;
  readonly extractions: SqliteExtractions;
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #sealer: Sealer;
  readonly #sql: Statements;
  readonly #blocks: SqliteBlocks;
  readonly #passages: PassageSealer;

  constructor(path: string, { database, sealer }: OpenStoreFile, rowsPerBlock: number) {
    this.#path = path;
    this.#database = database;
    this.#sealer = sealer;
    this.#sql = new Statements(database);
    this.#blocks = new SqliteBlocks(this.#sql, sealer);
    this.#passages = new PassageSealer(sealer);
    this.extractions = new SqliteExtractions(this.#sql, sealer);
    this.rowsPerBlock = rowsPerBlock;
  }

  get rowCount(): number {
    return number(this.#database, "SELECT coalesce(sum(used), 0) FROM blocks");
  }

  get documentCount(): number {
    return number(this.#database, "SELECT count(*) FROM documents");
  }

  changeCounter(): number {
    // Asked for twice a second as long as a node runs.
    return this.#sql.get<{ data_version: number }>("PRAGMA data_version")?.data_version ?? 0;
  }

  contentHash(documentKey: string): string | null {
    const keyHash = this.#sealer.hash(documentKey);
    const row = this.#sql.get<{ id: number; sealed: Uint8Array }>(
      "SELECT id, sealed FROM documents WHERE key_hash = ?",
      keyHash,
    );
    return row ? this.#openDocument(row.id, keyHash, row.sealed).contentHash : null;
  }

  documentKeys(prefix: string): string[] {
    return this.#sql
      .all<{ id: number; key_hash: Uint8Array; sealed: Uint8Array }>("SELECT id, key_hash, sealed FROM documents")
      .map((row) => this.#openDocument(row.id, row.key_hash, row.sealed).documentKey)
      .filter((key) => key.startsWith(prefix))
      .sort();
  }

  passagesOfDocument(documentKey: string): StoredPassage[] {
    return this.#sql
      .all<{ id: number; sealed_passage: Uint8Array }>(
        "SELECT id, sealed_passage FROM rows WHERE document = (SELECT id FROM documents WHERE key_hash = ?)",
        this.#sealer.hash(documentKey),
      )
      .map((row) => this.#passages.open(row.id, row.sealed_passage))
      .sort((a, b) => a.ordinal - b.ordinal);
  }

  apply(changes: StoreChanges): void {
    refuseUnfit(changes.put);
    this.#transaction("IMMEDIATE", () => {
      const touched = new Set<number>();
      for (const key of changes.remove) this.#removeDocument(key, touched);
      for (const record of changes.put) this.#removeDocument(record.documentKey, touched);
      const rows = changes.put.flatMap((record) => this.#insertDocument(record));
      this.#insertRows(shuffled(rows), touched);
      const revision = newRevision();
      for (const block of touched) this.#changeRevision(block, revision);
    });
  }

  blockRevisions(): Map<number, number> {
    return this.#blocks.blockRevisions();
  }

  vectorsOfBlock(block: number): StoredVector[] {
    return this.#blocks.vectorsOfBlock(block);
  }

  rowIdsOfBlock(block: number): { rowId: number; slot: number }[] {
    return this.#blocks.rowIdsOfBlock(block);
  }

  commitmentsOfBlock(block: number): { slot: number; commitment: Uint8Array }[] {
    return this.#blocks.commitmentsOfBlock(block);
  }

  snapshot(): StoreSnapshot {
    return openSnapshot(this.#path, this.#sealer);
  }

  passages(rowIds: readonly number[]): StoredPassage[] {
    return this.#transaction("DEFERRED", () =>
      rowIds.flatMap((id) => {
        const row = this.#sql.get<{ sealed_passage: Uint8Array }>("SELECT sealed_passage FROM rows WHERE id = ?", id);
        return row ? [this.#passages.open(id, row.sealed_passage)] : [];
      }),
    );
  }

  salted(passage: StoredPassage): SaltedPassage {
    return { ...passage, salt: this.#passages.saltOf(passage) };
  }

  readValue(name: string): Uint8Array | null {
    const nameHash = this.#sealer.hash(name);
    const row = this.#sql.get<{ sealed: Uint8Array }>("SELECT sealed FROM named_values WHERE name_hash = ?", nameHash);
    return row ? this.#sealer.open(`value:${hexOf(nameHash)}`, row.sealed, `value ${name}`) : null;
  }

  writeValue(name: string, value: Uint8Array): void {
    const nameHash = this.#sealer.hash(name);
    const sealed = this.#sealer.seal(`value:${hexOf(nameHash)}`, value);
    this.#sql.run(
      "INSERT INTO named_values VALUES (?, ?) ON CONFLICT DO UPDATE SET sealed = excluded.sealed",
      nameHash,
      sealed,
    );
  }

  close(): void {
    this.#database.close();
  }

  #insertDocument(record: DocumentRecord): NewRow[] {
    const { documentKey, contentHash, position } = record;
    const keyHash = this.#sealer.hash(documentKey);
    const sealed = this.#sealer.seal(`document:${hexOf(keyHash)}`, paddedJson({ documentKey, contentHash }));
    const document = this.#sql.run("INSERT INTO documents (key_hash, sealed) VALUES (?, ?)", keyHash, sealed);
    return record.passages.map((passage, index) => ({
      document,
      passage,
      vector: record.vectors[index] as Float32Array,
      position,
    }));
  }

  #removeDocument(documentKey: string, touched: Set<number>): void {
    const document = this.#sql.get<{ id: number }>(
      "SELECT id FROM documents WHERE key_hash = ?",
      this.#sealer.hash(documentKey),
    );
    if (!document) return;
    for (const { block } of this.#sql.all<{ block: number }>(
      "DELETE FROM rows WHERE document = ? RETURNING block",
      document.id,
    )) {
      this.#sql.run("UPDATE blocks SET used = used - 1 WHERE block = ?", block);
      touched.add(block);
    }
    this.#sql.run("DELETE FROM documents WHERE id = ?", document.id);
  }

  /** Row ids follow the order given, so a shuffled one keeps them, too, from telling which rows are neighbours. */
  #insertRows(rows: readonly NewRow[], touched: Set<number>): void {
    let rowId = number(this.#database, "SELECT next_row FROM header");
    const nextBlock = number(this.#database, "SELECT coalesce(max(block) + 1, 0) FROM blocks");
    const place = places(this.#openBlocks(), nextBlock, this.rowsPerBlock);
    for (const { document, passage, vector, position } of rows) {
      const { block, slot } = position === undefined ? place.next().value : this.#placeAt(position, passage.documentId);
      const sealedPassage = this.#passages.seal(rowId, passage);
      const sealedVector = this.#sealer.seal(`vector:${rowId.toString()}`, bytesOf(vector));
      this.#sql.run(
        "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?)",
        rowId,
        document,
        block,
        slot,
        sealedPassage,
        sealedVector,
        this.#passages.commitment(passage),
      );
      touched.add(block);
      rowId++;
    }
    this.#sql.run("UPDATE header SET next_row = ?", rowId);
  }

  /** @throws Fault POSITION_TAKEN. */
  #placeAt(position: number, documentId: string): Placement {
    const [block, slot] = [Math.floor(position / this.rowsPerBlock), position % this.rowsPerBlock];
    if (this.#sql.get("SELECT id FROM rows WHERE block = ? AND slot = ?", block, slot))
      throw new Fault<StoreFaultCode>(
        "POSITION_TAKEN",
        `another document than the one now read has the id "${documentId}", and an entity has one row. Keep one of the two.`,
      );
    return { block, slot };
  }

  *#openBlocks(): Generator<OpenBlock> {
    for (const { block } of this.#sql.all<{ block: number }>(
      "SELECT block FROM blocks WHERE used < ? ORDER BY block",
      this.rowsPerBlock,
    )) {
      const taken = new Set(this.rowIdsOfBlock(block).map(({ slot }) => slot));
      yield {
        block,
        freeSlots: Array.from({ length: this.rowsPerBlock }, (_, slot) => slot).filter((slot) => !taken.has(slot)),
      };
    }
  }

  #changeRevision(block: number, revision: number): void {
    this.#sql.run(
      `INSERT INTO blocks SELECT ?1, ?2, (SELECT count(*) FROM rows WHERE block = ?1) WHERE true
       ON CONFLICT DO UPDATE SET revision = excluded.revision, used = excluded.used`,
      block,
      revision,
    );
  }

  #openDocument(id: number, keyHash: Uint8Array, sealed: Uint8Array): { documentKey: string; contentHash: string } {
    const opened = this.#sealer.open(`document:${hexOf(keyHash)}`, sealed, `document record ${id.toString()}`);
    return JSON.parse(Buffer.from(opened).toString()) as { documentKey: string; contentHash: string };
  }

  /** @param kind - DEFERRED only reads, and sees no transaction of another process in part; IMMEDIATE writes. */
  #transaction<T>(kind: "DEFERRED" | "IMMEDIATE", work: () => T): T {
    this.#database.exec(`BEGIN ${kind}`);
    try {
      const result = work();
      this.#database.exec("COMMIT");
      return result;
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
  }
}

/** Drawn, not counted: a store put back from a backup counts again what it has counted, and would give one number to two contents. */
function newRevision(): number {
  const bytes = sodium.randombytes_buf(6);
  return Buffer.from(bytes).readUIntLE(0, 6);
}

function refuseUnfit(records: readonly DocumentRecord[]): void {
  const keys = new Set(records.map((record) => record.documentKey));
  if (keys.size !== records.length) throw new TypeError("apply: a document is named twice");
  if (records.some(({ passages, vectors }) => passages.length !== vectors.length)) {
    throw new TypeError("apply: a document has not one vector a passage");
  }
  if (records.some(({ passages, position }) => position !== undefined && passages.length > 1))
    throw new TypeError("apply: a document has several passages for one position");
}

/** The vector's own bytes: little-endian, as on every platform Node runs WebAssembly SIMD on. */
function bytesOf(vector: Float32Array): Uint8Array {
  return new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
}
