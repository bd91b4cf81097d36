/**
 * a b^T, in double precision: inner products of all rows of `a` with all rows of `b`. Two rows of each are taken at a time, so that every number that is read is
 * used twice; each inner product is summed in the order of its terms.
 *
 * @param a - Shape [rows][width].
 * @param b - Shape [columns][width].
 * @returns Shape [rows][columns].
 */
export function timesTransposed(a: Float64Array, b: Float64Array, width: number): Float64Array {
  const [rows, columns] = [a.length / width, b.length / width];
  const out = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i += 2) {
    // Where the number of rows is odd, the last counts for two.
    const next = Math.min(i + 1, rows - 1);
    for (let j = 0; j < columns; j += 2) {
      const after = Math.min(j + 1, columns - 1);
      const p = i * width;
      const q = next * width;
      const r = j * width;
      const s = after * width;
      let pr = 0;
      let ps = 0;
      let qr = 0;
      let qs = 0;
      for (let k = 0; k < width; k++) {
        const x = a[p + k]!;
        const y = a[q + k]!;
        const u = b[r + k]!;
        const v = b[s + k]!;
        pr += x * u;
        ps += x * v;
        qr += y * u;
        qs += y * v;
      }
      out[i * columns + j] = pr;
      out[i * columns + after] = ps;
      out[next * columns + j] = qr;
      out[next * columns + after] = qs;
    }
  }
  return out;
}
