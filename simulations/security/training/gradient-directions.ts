/** The mean direction of the gradients that came back for each row. */
export class GradientDirections {
  readonly bits: number;
  /** Sums of unit vectors, shape [rows, bits]. */
  readonly #sums: Float64Array;

  constructor(rows: number, bits: number) {
    this.bits = bits;
    this.#sums = new Float64Array(rows * bits);
  }

  /** @param gradient - Shape [rows, bits]. */
  add(rows: Uint32Array, gradient: Float32Array): void {
    rows.forEach((row, i) => {
      const ofRow = gradient.subarray(i * this.bits, (i + 1) * this.bits);
      const length = Math.hypot(...ofRow);
      if (length === 0) return;
      ofRow.forEach((value, bit) => (this.#sums[row * this.bits + bit]! += value / length));
    });
  }

  /** Of norm 1, or zeros for a row that never came. Shape [bits]. */
  of(row: number): Float64Array {
    const sum = this.#sums.slice(row * this.bits, (row + 1) * this.bits);
    const length = Math.hypot(...sum);
    return length === 0 ? sum : sum.map((value) => value / length);
  }

  /**
   * The direction attack of Li et al. (arXiv 2102.08504, section 3), for more than two classes: a row has the label of the known row whose gradient has the
   * largest cosine with its own.
   *
   * @param known - Rows whose labels the attacker has.
   * @param labels - Of all rows; only those of `known` are read.
   * @returns A label for every row.
   */
  nearestLabels(known: readonly number[], labels: Uint8Array): Uint8Array {
    const directions = known.map((row) => this.of(row));
    return labels.map((_, row) => {
      const own = this.of(row);
      const cosines = directions.map((direction) => direction.reduce((sum, value, bit) => sum + value * own[bit]!, 0));
      return labels[known[cosines.indexOf(Math.max(...cosines))]!]!;
    });
  }
}
