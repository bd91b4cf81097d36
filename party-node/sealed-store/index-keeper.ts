import { randomBytes } from "node:crypto";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { Statements } from "../store/statements.ts";
import { vectorOf } from "./sqlite-vectors.ts";
import { VectorIndex } from "./vector-index.ts";

/** Rows added between two looks at what else the process has to do. */
const SLICE_ROWS = 32;
/** An index is saved when it has grown by this share, or this many rows, since it was last. */
const SAVE_SHARE = 0.25;
const SAVE_ROWS = 2048;
const NEVER_SAVED = -Infinity;

export interface IndexKeeperOptions {
  readonly sql: Statements;
  /** Where the index files are: of this collection alone. */
  readonly folder: string;
  readonly dim: number;
  /** A collection with no more rows has no index. */
  readonly exactRowsMax: number;
}

/**
 * Keeps a collection's index in step with its rows, and its file in step with both.
 *
 * The rows in the database are what counts. Each has a key that no other row or version of it ever had, so the keys say what an index lacks: those above
 * its highest. A file is used only when its name and hash are those in the database, written there after the file was on the disk; what was put
 * since is added again, and a file that is missing, damaged or of another time is as good as none.
 */
export class IndexKeeper {
  readonly #options: IndexKeeperOptions;
  #index: VectorIndex | null = null;
  #savedKey = NEVER_SAVED;
  #stopped = false;

  constructor(options: IndexKeeperOptions) {
    this.#options = options;
  }

  /** Null while there is none; it may lack the rows with the highest keys, and hold some that are gone. */
  get index(): VectorIndex | null {
    return this.#index;
  }

  /** Reads the file, and removes all others. */
  async load(): Promise<void> {
    const { sql, folder, dim } = this.#options;
    const saved = sql.get<{ name: string; hash: Uint8Array; high_key: number }>(
      "SELECT name, hash, high_key FROM index_file",
    );
    for (const name of readdirSync(folder))
      if (name.startsWith("index-") && name !== saved?.name) rmSync(join(folder, name));
    if (!saved) return;
    this.#index = await VectorIndex.load(join(folder, saved.name), saved.hash, dim, saved.high_key);
    this.#savedKey = this.#index?.highKey ?? NEVER_SAVED;
  }

  /**
   * Adds the rows that the index lacks, a few at a time; makes the index when there are enough of them, drops it when there are not, and makes it anew
   * when more than half of it is gone. Searches meanwhile use what is there.
   */
  async catchUp(rowCount: number): Promise<void> {
    if (rowCount <= this.#options.exactRowsMax) {
      this.#drop();
      return;
    }
    this.#index ??= new VectorIndex(this.#options.dim);
    await this.#add(this.#index);
    if (this.#index.size <= 2 * rowCount + this.#options.exactRowsMax) return;
    const anew = new VectorIndex(this.#options.dim);
    if (!(await this.#add(anew))) return;
    this.#index = anew;
    this.#savedKey = NEVER_SAVED; // the old one's file holds what is gone
  }

  /** Saves the index when it has changed, or only when it has changed much. */
  async save(when: "changed" | "changed much"): Promise<void> {
    const index = this.#index;
    if (!index || index.highKey === this.#savedKey) return;
    const unsaved = index.highKey - this.#savedKey;
    if (when === "changed much" && unsaved < Math.max(SAVE_ROWS, SAVE_SHARE * index.size)) return;
    const { sql, folder } = this.#options;
    const { highKey } = index;
    const name = `index-${randomBytes(16).toString("hex")}.usearch`;
    try {
      const hash = await index.save(join(folder, name));
      const old = sql.get<{ name: string }>("SELECT name FROM index_file");
      sql.run("REPLACE INTO index_file VALUES (1, ?, ?, ?)", name, hash, highKey);
      this.#savedKey = highKey;
      if (old) rmSync(join(folder, old.name), { force: true });
    } catch {
      // A disk without room for the file costs the next start time, nothing else.
      rmSync(join(folder, name), { force: true });
    }
  }

  /** Makes a `catchUp` that is under way end soon. */
  stop(): void {
    this.#stopped = true;
  }

  #drop(): void {
    const { sql, folder } = this.#options;
    this.#index = null;
    this.#savedKey = NEVER_SAVED;
    const [file] = sql.all<{ name: string }>("DELETE FROM index_file RETURNING name");
    if (file) rmSync(join(folder, file.name), { force: true });
  }

  /** @returns False when it was stopped before all rows were in. */
  async #add(index: VectorIndex): Promise<boolean> {
    while (!this.#stopped) {
      const rows = this.#options.sql.all<{ key: number; vector: Uint8Array }>(
        "SELECT key, vector FROM rows WHERE key > ? ORDER BY key LIMIT ?",
        index.highKey,
        SLICE_ROWS,
      );
      if (rows.length === 0) return true;
      index.add(rows.map(({ key, vector }) => ({ key, vector: vectorOf(vector) })));
      await setImmediate();
    }
    return false;
  }
}
