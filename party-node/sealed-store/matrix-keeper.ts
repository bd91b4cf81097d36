import type { Statements } from "../store/statements.ts";
import { vectorOf } from "./sqlite-vectors.ts";
import { VectorMatrix } from "./vector-matrix.ts";

/** Rows read between two looks at what else the process has to do. */
const SLICE_ROWS = 1024;

/**
 * A collection's vectors in memory: read when they are first searched, and in step with the rows from then on.
 *
 * Each row has a key above those of all rows put before it, so that what the matrix lacks are the rows above its highest key.
 */
export class MatrixKeeper {
  readonly #sql: Statements;
  readonly #dim: number;
  #matrix: VectorMatrix | null = null;

  constructor(sql: Statements, dim: number) {
    this.#sql = sql;
    this.#dim = dim;
  }

  /**
   * Reads some of the rows that the matrix lacks.
   *
   * @param rowCount - All rows of the collection.
   * @returns Whether it now has all.
   */
  catchUp(rowCount: number): boolean {
    const matrix = (this.#matrix ??= new VectorMatrix(this.#dim));
    if (matrix.size === 0) matrix.reserve(rowCount);
    const rows = this.#sql.all<{ key: number; vector: Uint8Array }>(
      "SELECT key, vector FROM rows WHERE key > ? ORDER BY key LIMIT ?",
      matrix.highKey,
      SLICE_ROWS,
    );
    for (const { key, vector } of rows) matrix.add(key, vectorOf(vector));
    return rows.length < SLICE_ROWS;
  }

  /** Takes out rows that are no longer in the database. */
  remove(keys: readonly number[]): void {
    for (const key of keys) this.#matrix?.remove(key);
  }

  /** Keys nearest first, of the rows that were read. */
  nearest(query: Float32Array, count: number): number[] {
    return this.#matrix?.nearest(query, count) ?? [];
  }

  /** Frees the memory, until the next `catchUp`. */
  drop(): void {
    this.#matrix = null;
  }
}
