import { MODULUS } from "./arithmetic.as";

/**
 * Chunk `chunk` of quantised rows as a polynomial in coefficient form: coefficient r c + c - 1 - k is rows[r][chunk c + k] mod q.
 *
 * @param rows - 16-bit signed integers, [rowCount][dim].
 * @param width - c.
 */
export function layChunk(rows: usize, rowCount: u32, dim: u32, chunk: u32, width: u32, out: usize): void {
  const first = chunk * width;
  const used = min(width, dim - first);
  rows += first << 1;
  for (let row: u32 = 0; row < rowCount; ++row, rows += dim << 1, out += width << 2) {
    for (let k: u32 = 0; k < used; ++k) {
      const value = <i32>load<i16>(rows + (k << 1));
      store<u32>(out + ((width - 1 - k) << 2), <u32>(value + (value < 0 ? <i32>MODULUS : 0)));
    }
    for (let k = used; k < width; ++k) store<u32>(out + ((width - 1 - k) << 2), 0);
  }
}
