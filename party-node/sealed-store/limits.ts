/** What a host takes from others; checked before memory is taken. */
export const sealedStoreLimits = {
  collectionsMax: 1024,
  /** Characters of a collection's id; also see its pattern at {@link CollectionSettings}. */
  collectionIdLengthMax: 63,
  ownerLengthMax: 256,
  dimMax: 8192,
  /** Largest absolute value in a vector: the square of a distance stays within float32. */
  coordinateMax: 1e15,
  fieldsMax: 16,
  fieldNameLengthMax: 32,
  /** UTF-16 units of a string kept in clear. */
  fieldTextLengthMax: 256,
  rowIdBytes: 16,
  passageBytesMax: 128 * 1024,
  /** What is kept with a collection beside its rows. */
  attachmentBytesMax: 4 * 1024 * 1024,
  /** Rows in one put, remove or read. */
  batchRowsMax: 4096,
  /** Vectors and passages of one put. */
  batchBytesMax: 64 * 1024 * 1024,
  candidatesMax: 2048,
  /** Values of one `in`. */
  filterValuesMax: 64,
  /** Rows in one page of versions. */
  versionsMax: 16_384,
} as const;
