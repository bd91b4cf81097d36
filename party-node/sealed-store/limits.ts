/** What a host takes from others; checked before memory is taken. */
export const sealedStoreLimits = {
  /** Collections of one store. */
  collectionsMax: 1024,
  /** Characters of a collection's id. */
  collectionIdLengthMax: 63,
  /** Characters of an owner's name. */
  ownerLengthMax: 256,
  /** Entries of a vector. */
  dimMax: 8192,
  /** Largest absolute value in a vector: the square of a distance stays within float32. */
  coordinateMax: 1e15,
  /** Fields in clear of one row. */
  fieldsMax: 16,
  /** Characters of a field's name. */
  fieldNameLengthMax: 32,
  /** UTF-16 units of a string kept in clear. */
  fieldTextLengthMax: 256,
  /** A row's id: a keyed hash. */
  rowIdBytes: 16,
  /** A sealed passage, padded: a splitter makes a hundredth of it. */
  passageBytesMax: 128 * 1024,
  /** What is kept with a collection beside its rows. */
  attachmentBytesMax: 4 * 1024 * 1024,
  /** Rows in one put, remove or read. */
  batchRowsMax: 4096,
  /** Vectors and passages of one put. */
  batchBytesMax: 64 * 1024 * 1024,
  /** Rows returned for one question. */
  candidatesMax: 2048,
  /** Values of one `in`. */
  filterValuesMax: 64,
  /** Rows in one page of versions. */
  versionsMax: 16_384,
} as const;
