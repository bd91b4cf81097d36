/** What a server has seen of each training row when training ends: one release an epoch, side by side. */
export class EpochReleases {
  /** epochs * bits. */
  readonly width: number;
  readonly #bits: number;
  /** Shape [rows, epochs * bits]; zeros for epochs in which a row was left over. */
  readonly #values: Float32Array;
  readonly #rows: number;
  #seen = 0;

  constructor({ rows, epochs, bits }: { readonly rows: number; readonly epochs: number; readonly bits: number }) {
    this.#rows = rows;
    this.#bits = bits;
    this.width = epochs * bits;
    this.#values = new Float32Array(rows * this.width);
  }

  /** A training batch. @param released - Shape [batch, bits]. */
  add(rows: Uint32Array, released: Float32Array): void {
    const batches = Math.floor(this.#rows / rows.length);
    const epoch = Math.floor(this.#seen++ / batches);
    rows.forEach((row, i) => {
      this.#values.set(released.subarray(i * this.#bits, (i + 1) * this.#bits), row * this.width + epoch * this.#bits);
    });
  }

  /** Of consecutive rows, shape [to - from, epochs * bits]. */
  of(from: number, to: number): Float32Array {
    return this.#values.slice(from * this.width, to * this.width);
  }
}
