/** A batch's rows times its longest row: what bounds the memory of a run. */
const BATCH_TOKENS_MAX = 8192;
const BATCH_ROWS_MAX = 64;

/** A text, or a pair of texts, as a model takes it. */
export interface TokenRow {
  /** Among all that were given. */
  readonly index: number;
  readonly ids: readonly number[];
}

/** Rows of similar length together, so that little of a batch is padding. */
export function* batches<Row extends TokenRow>(rows: readonly Row[]): Generator<Row[]> {
  let batch: Row[] = [];
  for (const row of rows.toSorted((a, b) => a.ids.length - b.ids.length)) {
    const full = batch.length === BATCH_ROWS_MAX || (batch.length + 1) * row.ids.length > BATCH_TOKENS_MAX;
    if (full && batch.length > 0) {
      yield batch;
      batch = [];
    }
    batch.push(row);
  }
  if (batch.length > 0) yield batch;
}
