/**
 * - `STORE_FILE`: the folder or file cannot be opened, or is something else than a sealed store.
 * - `STORE_VERSION`: written by another version of the program.
 * - `STORE_UNAVAILABLE`: the database is down, held by another process, closed, or the connection was lost. What was asked is done wholly or not at all;
 *   a put whose answer was lost may have been done, which {@link SealedStore.versions} tells.
 * - `STORE_FULL`: no room on the disk or in the quota; nothing was changed.
 * - `STORE_DAMAGED`: the database itself is damaged or incomplete.
 * - `STORE_LIMIT`: more was asked for than `sealedStoreLimits` allows; nothing was read or changed.
 * - `COLLECTION_UNKNOWN`, `COLLECTION_EXISTS`: no collection, or one already, under this id.
 * - `COLLECTION_INVALID`, `ROW_INVALID`, `VECTOR_INVALID`, `FILTER_INVALID`: not of the form described at the type.
 * - `ROW_REPLAYED`: a row's version is not higher than the one that is or was there; nothing of the batch was put.
 */
export type SealedStoreFaultCode =
  | "STORE_FILE"
  | "STORE_VERSION"
  | "STORE_UNAVAILABLE"
  | "STORE_FULL"
  | "STORE_DAMAGED"
  | "STORE_LIMIT"
  | "COLLECTION_UNKNOWN"
  | "COLLECTION_EXISTS"
  | "COLLECTION_INVALID"
  | "ROW_INVALID"
  | "ROW_REPLAYED"
  | "VECTOR_INVALID"
  | "FILTER_INVALID";
