import { DatabaseSync } from "node:sqlite";
import { PassageSealer } from "./passage-sealer.ts";
import type { Sealer } from "./sealer.ts";
import { Statements } from "./statements.ts";
import { findingDamage } from "./store-fault.ts";
import type { BlockReader, StoreSnapshot, StoredVector } from "./store.ts";

/** Reads a store's rows by block over one connection. */
export class SqliteBlocks implements BlockReader {
  readonly #sql: Statements;
  readonly #sealer: Sealer;

  constructor(sql: Statements, sealer: Sealer) {
    this.#sql = sql;
    this.#sealer = sealer;
  }

  blockRevisions(): Map<number, number> {
    const blocks = this.#sql.all<{ block: number; revision: number }>(
      "SELECT block, revision FROM blocks ORDER BY block",
    );
    return new Map(blocks.map(({ block, revision }) => [block, revision]));
  }

  vectorsOfBlock(block: number): StoredVector[] {
    return this.#sql
      .all<{ id: number; slot: number; sealed_vector: Uint8Array }>(
        "SELECT id, slot, sealed_vector FROM rows WHERE block = ?",
        block,
      )
      .map(({ id, slot, sealed_vector }) => ({ rowId: id, block, slot, vector: this.#openVector(id, sealed_vector) }));
  }

  rowIdsOfBlock(block: number): { rowId: number; slot: number }[] {
    return this.#sql.all("SELECT id AS rowId, slot FROM rows WHERE block = ?", block);
  }

  commitmentsOfBlock(block: number): { slot: number; commitment: Uint8Array }[] {
    const passages = new PassageSealer(this.#sealer);
    return this.#sql
      .all<{ id: number; slot: number; commitment: Uint8Array | null; sealed_passage: Uint8Array | null }>(
        "SELECT id, slot, commitment, iif(commitment IS NULL, sealed_passage, NULL) AS sealed_passage FROM rows WHERE block = ?",
        block,
      )
      .map(({ id, slot, commitment, sealed_passage }) => ({
        slot,
        commitment: commitment ?? passages.commitment(passages.open(id, sealed_passage!)),
      }));
  }

  #openVector(rowId: number, sealed: Uint8Array): Float32Array {
    const opened = this.#sealer.open(`vector:${rowId.toString()}`, sealed, `row ${rowId.toString()}`);
    return new Float32Array(opened.buffer, opened.byteOffset, opened.byteLength / 4);
  }
}

/** A read transaction on a second connection to the store's file. */
export function openSnapshot(path: string, sealer: Sealer): StoreSnapshot {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    database.exec("BEGIN");
    findingDamage(() => database.prepare("SELECT count(*) FROM header").get()); // the moment is that of the first read
  } catch (error) {
    database.close();
    throw error;
  }
  return Object.assign(new SqliteBlocks(new Statements(database), sealer), {
    [Symbol.dispose]: () => {
      database.close();
    },
  });
}
