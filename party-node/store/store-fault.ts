/**
 * - `STORE_FILE`: the file cannot be opened, or is something else than a store.
 * - `STORE_VERSION`: written by a newer version of the program.
 * - `STORE_KEY`: not the key it was created with.
 * - `STORE_BLOCK_SIZE`: created with another number of rows a block.
 * - `STORE_TAMPERED`: something in it does not open; the message names the row.
 * - `POSITION_TAKEN`: two documents are of one entity of the alignment.
 */
export type StoreFaultCode =
  "STORE_FILE" | "STORE_VERSION" | "STORE_KEY" | "STORE_BLOCK_SIZE" | "STORE_TAMPERED" | "POSITION_TAKEN";
