import { availableParallelism } from "node:os";
import { Fault } from "../../crypto/fault.ts";
import type { SealedStoreFaultCode } from "./sealed-store-fault.ts";
import { usearch } from "./usearch.ts";

/** Up to so many rows one thread serves; more start threads, one a core, for every search. */
const ONE_THREAD_ROWS = 50_000;
const GROWTH = 1.5;
/** Entries a row is filled up to a multiple of, with zeros: an odd rest at each row's end costs a tenth of a search. */
const LANES = 16;

/**
 * Vectors in memory, of which every search looks at all, by squared Euclidean distance (usearch, float32). A removed one leaves no hole: the last
 * vector takes its place.
 */
export class VectorMatrix {
  /** Entries of a row, the zeros at its end included. */
  readonly #width: number;
  /** Shape [rows][width], with room for more; a whole buffer, because usearch reads from a buffer's start whatever part of it a view shows. */
  #data = new Float32Array(0);
  readonly #keys: number[] = [];
  readonly #rowOf = new Map<number, number>();
  /** Every row with a key up to this was put in. */
  #highKey = 0;

  constructor(dim: number) {
    this.#width = LANES * Math.ceil(dim / LANES);
  }

  get size(): number {
    return this.#keys.length;
  }

  get highKey(): number {
    return this.#highKey;
  }

  /** Makes room for so many rows in all. @throws Fault STORE_UNAVAILABLE where memory has none; nothing is lost then. */
  reserve(rowCount: number): void {
    const length = rowCount * this.#width;
    if (length <= this.#data.length) return;
    try {
      this.#data = new Float32Array(this.#data.buffer.transfer(4 * length));
    } catch (error) {
      throw new Fault<SealedStoreFaultCode>(
        "STORE_UNAVAILABLE",
        "There is not enough memory for the collection's vectors. Give the host more, or make the collection an approximate one.",
        error,
      );
    }
  }

  /** @param key - Above `highKey`. */
  add(key: number, vector: Float32Array): void {
    const row = this.size;
    if ((row + 1) * this.#width > this.#data.length) this.reserve(Math.ceil(GROWTH * (row + 1)));
    this.#data.set(vector, row * this.#width);
    this.#rowOf.set(key, row);
    this.#keys.push(key);
    this.#highKey = key;
  }

  /** Nothing for a key that is not there. */
  remove(key: number): void {
    const row = this.#rowOf.get(key);
    if (row === undefined) return;
    const lastKey = this.#keys.pop()!;
    const last = this.size;
    this.#data.copyWithin(row * this.#width, last * this.#width, (last + 1) * this.#width);
    this.#data.fill(0, last * this.#width, (last + 1) * this.#width);
    if (lastKey !== key) {
      this.#keys[row] = lastKey;
      this.#rowOf.set(lastKey, row);
    }
    this.#rowOf.delete(key);
  }

  /** Keys nearest first: `count` of them, or all when they are fewer. */
  nearest(query: Float32Array, count: number): number[] {
    const wanted = Math.min(count, this.size);
    if (wanted === 0) return [];
    const { MetricKind, exactSearch } = usearch();
    const padded = new Float32Array(this.#width);
    padded.set(query);
    const { keys: rows } = exactSearch(
      this.#data.subarray(0, this.size * this.#width),
      padded,
      this.#width,
      wanted,
      MetricKind.L2sq,
      this.size > ONE_THREAD_ROWS ? availableParallelism() : 1,
    );
    return Array.from(rows, (row) => this.#keys[Number(row)]!);
  }
}
