import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import type { Index } from "usearch";
import { usearch } from "./usearch.ts";

/** usearch's own defaults, said here because recall depends on them. */
const CONNECTIVITY = 16;
const EXPANSION_ADD = 128;
const EXPANSION_SEARCH = 64;

/**
 * An HNSW graph over vectors by squared Euclidean distance (usearch, float32). Keys only ever rise and nothing is taken out: usearch keeps a removed
 * vector in its file and its graph, so whoever searches leaves out what is gone, and builds a new index when too much is.
 */
export class VectorIndex {
  readonly #dim: number;
  readonly #index: Index;
  /** Every row with a key up to this was put in. */
  #highKey = 0;

  constructor(dim: number) {
    this.#dim = dim;
    const { Index, MetricKind, ScalarKind } = usearch();
    this.#index = new Index({
      dimensions: dim,
      metric: MetricKind.L2sq,
      quantization: ScalarKind.F32,
      connectivity: CONNECTIVITY,
      expansion_add: EXPANSION_ADD,
      expansion_search: EXPANSION_SEARCH,
      multi: false,
    });
  }

  /**
   * Reads an index file, if it is the very file that was saved.
   *
   * usearch must not see any other: a file cut short aborts the process.
   *
   * @param hash - SHA-256, as {@link VectorIndex.save} returned it.
   * @returns Null when the file is missing, damaged or of another version of usearch.
   */
  static async load(path: string, hash: Uint8Array, dim: number, highKey: number): Promise<VectorIndex | null> {
    try {
      if (!(await fileHash(path)).equals(hash)) return null;
      const loaded = new VectorIndex(dim);
      loaded.#index.load(path);
      loaded.#highKey = highKey;
      return loaded.#index.dimensions() === dim ? loaded : null;
    } catch {
      return null;
    }
  }

  get size(): number {
    return this.#index.size();
  }

  get highKey(): number {
    return this.#highKey;
  }

  /** @param rows - By key, all above `highKey`. */
  add(rows: readonly { readonly key: number; readonly vector: Float32Array }[]): void {
    const matrix = new Float32Array(rows.length * this.#dim);
    rows.forEach(({ vector }, i) => matrix.set(vector, i * this.#dim));
    // 0 threads: one a core, as usearch reserves for in a new index and a loaded one.
    this.#index.add(
      BigUint64Array.from(rows, ({ key }) => BigInt(key)),
      matrix,
      0,
    );
    this.#highKey = rows.at(-1)?.key ?? this.#highKey;
  }

  /** Keys nearest first; fewer than asked for also where parts of the graph are not reached. */
  nearest(vector: Float32Array, count: number): number[] {
    return Array.from(this.#index.search(vector, count, 1).keys, Number);
  }

  /** @returns SHA-256 of the file, which is on the disk. */
  async save(path: string): Promise<Uint8Array> {
    this.#index.save(path);
    const file = await open(path, "r+");
    try {
      await file.chmod(0o600);
      await file.sync();
    } finally {
      await file.close();
    }
    return fileHash(path);
  }
}

async function fileHash(path: string): Promise<Buffer> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(chunk as Buffer);
  return hash.digest();
}
