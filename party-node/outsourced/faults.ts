/**
 * - ROW_TAMPERED: a row that its host sent does not open.
 * - HEADER_TAMPERED: the collection's header does not open.
 * - HOST_MISBEHAVED: the host sent what no honest one sends: a row twice, a removed one, one that was not asked for.
 * - HOST_ROLLED_BACK: the host shows an older state of the collection than was seen before.
 * - CANDIDATES_MISSING: the host returned fewer rows than the collection has.
 * - COLLECTION_NOT_FILLED: the owner has created the collection and not ingested anything yet.
 * - SEEN_NOT_WRITTEN: what was seen of a collection cannot be remembered.
 */
export type OutsourcedFaultCode =
  | "ROW_TAMPERED"
  | "HEADER_TAMPERED"
  | "HOST_MISBEHAVED"
  | "HOST_ROLLED_BACK"
  | "CANDIDATES_MISSING"
  | "COLLECTION_NOT_FILLED"
  | "SEEN_NOT_WRITTEN";
