/** Of the dimensions of a vector. */
const SHARE_OF_DIMENSIONS = 1 / 16;

/** Days after which a question no longer counts against a budget. */
export const QUERY_BUDGET_DAYS_DEFAULT = 30;

/**
 * How many questions of one querier a party answers in {@link QUERY_BUDGET_DAYS_DEFAULT} days unless its operator says otherwise: a sixteenth of the
 * dimensions, and one at least.
 *
 * Every question gives one inner product with every row, so what many of them give away goes by the share of the dimensions that they span. After a
 * sixteenth the best attack that we know has come a third of the way from knowing nothing to the vectors, by mean cosine, and guesses half of the words that the vectors in the open
 * would add, with dense and with lexical vectors. After an eighth it has two thirds of the words and nearly half of the way; after a quarter, most of both (`docs/extraction.md`). What passages are
 * about, and whether a text that somebody has is among them, shows after a few questions: no budget that leaves a search prevents that.
 *
 * @param dim - Length of a vector.
 */
export function defaultQueryBudget(dim: number): number {
  return Math.max(1, Math.floor(dim * SHARE_OF_DIMENSIONS));
}
