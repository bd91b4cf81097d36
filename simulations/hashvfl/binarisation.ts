/** Medians of columns. @param values - Row-major, shape [rows, columns], at least one row. */
export function columnMedians(values: Float32Array, columns: number): Float32Array {
  const rows = values.length / columns;
  return Float32Array.from({ length: columns }, (_, column) => {
    const sorted = Float32Array.from({ length: rows }, (_, row) => values[row * columns + column]!).sort();
    return (sorted[rows >> 1]! + sorted[(rows - 1) >> 1]!) / 2;
  });
}

/** Subtracts a row from every row, in place. @param values - Row-major, shape [rows, row.length]. */
export function subtractRow(values: Float32Array, row: Float32Array): void {
  values.forEach((value, i) => (values[i] = value - row[i % row.length]!));
}

/** Signs, in place: 1 for 0. */
export function toSigns(values: Float32Array): void {
  values.forEach((value, i) => (values[i] = value >= 0 ? 1 : -1));
}
