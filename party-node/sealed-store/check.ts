import { Fault, hexOf } from "../../crypto/index.ts";
import { sealedStoreLimits as limits } from "./limits.ts";
import type { CollectionSettings, FieldValue, FilterableField, SealedRow, VersionsPage } from "./sealed-store.ts";
import type { SealedStoreFaultCode } from "./sealed-store-fault.ts";

const COLLECTION_ID = new RegExp(`^[A-Za-z0-9][A-Za-z0-9._-]{0,${(limits.collectionIdLengthMax - 1).toString()}}$`);
const FIELD_NAME = new RegExp(`^[a-z][a-z0-9_]{0,${(limits.fieldNameLengthMax - 1).toString()}}$`);

export function isCollectionId(id: unknown): id is string {
  return typeof id === "string" && COLLECTION_ID.test(id);
}

/** The fault for an id nobody has created, or somebody has erased. */
export function unknownCollection(id: string): Fault {
  return new Fault<SealedStoreFaultCode>(
    "COLLECTION_UNKNOWN",
    `There is no collection ${shown(id)}. Check the id, or create it.`,
  );
}

/** @throws Fault COLLECTION_INVALID. */
export function checkSettings(settings: CollectionSettings): CollectionSettings {
  const { id, dim, owner, fields, search, ...unknown } = settings;
  const refuse = (what: string): never => fail("COLLECTION_INVALID", `The collection cannot be created: ${what}.`);
  refuseUnknown(unknown, refuse);
  if (!isCollectionId(id)) refuse("its id must be 1 to 63 letters, digits, dots, dashes or underscores");
  if (!isWholeIn(dim, 1, limits.dimMax)) refuse(`dim must be 1 to ${limits.dimMax.toString()}`);
  if (!isText(owner, limits.ownerLengthMax) || owner === "") refuse("owner must be a short text");
  if (!Array.isArray(fields) || fields.length > limits.fieldsMax)
    refuse(`fields must be a list of at most ${limits.fieldsMax.toString()}`);
  if (!["exact", "approximate"].includes(search)) refuse("search must be exact or approximate");
  const copies = fields.map((field: FilterableField) => checkField(field, refuse));
  if (new Set(copies.map(({ name }) => name)).size !== copies.length) refuse("a field is named twice");
  return { id, dim, owner, fields: copies, search };
}

function checkField(field: FilterableField, refuse: (what: string) => never): FilterableField {
  const { name, type, ...unknown } = field;
  refuseUnknown(unknown, refuse);
  if (typeof name !== "string" || !FIELD_NAME.test(name))
    refuse("a field's name must be a small letter and up to 31 small letters, digits or underscores");
  if (!["string", "number"].includes(type)) refuse("a field's type must be string or number");
  return { name, type };
}

/**
 * Sizes first: nothing of a batch is copied before all of it is known to be within the limits.
 *
 * @throws Fault STORE_LIMIT, ROW_INVALID, VECTOR_INVALID.
 */
export function checkRows(rows: readonly SealedRow[], { dim, fields }: CollectionSettings): void {
  checkBatch(rows.length);
  const types = new Map(fields.map(({ name, type }) => [name, type]));
  const ids = new Set<string>();
  let bytes = 0;
  rows.forEach((row, index) => {
    const { rowId, version, vector, passage, fields: values = {}, ...unknown } = row;
    const refuse = (what: string): never => fail("ROW_INVALID", `Row ${index.toString()} of the batch: ${what}.`);
    refuseUnknown(unknown, refuse);
    checkRowId(rowId, index);
    if (!isWholeIn(version, 1, Number.MAX_SAFE_INTEGER)) refuse("its version must be a safe integer above 0");
    if (!(passage instanceof Uint8Array) || passage.length > limits.passageBytesMax)
      refuse(`its sealed passage must be at most ${limits.passageBytesMax.toString()} bytes`);
    checkVector(vector, dim, `row ${index.toString()} of the batch`);
    for (const [name, value] of Object.entries(values)) {
      const type = types.get(name);
      if (!type) refuse(`the field ${shown(name)} is not one of the collection's filterable fields`);
      if (!isFieldValue(value, type)) refuse(`the field ${shown(name)} is not a ${type ?? ""} that can be stored`);
    }
    ids.add(hexOf(rowId));
    bytes += vector.byteLength + passage.length;
  });
  if (ids.size !== rows.length) fail("ROW_INVALID", "The batch names a row twice. Put its last version only.");
  if (bytes > limits.batchBytesMax)
    fail("STORE_LIMIT", `A batch may hold ${limits.batchBytesMax.toString()} bytes. Put fewer rows at once.`);
}

/** @throws Fault STORE_LIMIT, ROW_INVALID. */
export function checkRowIds(rowIds: readonly Uint8Array[]): void {
  checkBatch(rowIds.length);
  rowIds.forEach(checkRowId);
}

/** @throws Fault STORE_LIMIT. */
export function checkAttachment(bytes: Uint8Array): void {
  if (!(bytes instanceof Uint8Array)) throw new TypeError("writeAttachment: expected bytes");
  if (bytes.length > limits.attachmentBytesMax)
    fail("STORE_LIMIT", `An attachment may have ${limits.attachmentBytesMax.toString()} bytes.`);
}

/** @returns The page with its defaults: ids have 16 bytes, so the empty one is below all. */
export function checkPage(page: VersionsPage): { readonly after: Uint8Array; readonly limit: number } {
  const { after = new Uint8Array(0), limit = limits.versionsMax, ...unknown } = page;
  refuseUnknown(unknown, (what) => {
    throw new TypeError(`versions: ${what}`);
  });
  if (after.length > 0) checkRowId(after, 0);
  if (!isWholeIn(limit, 1, limits.versionsMax))
    fail("STORE_LIMIT", `A page of versions has 1 to ${limits.versionsMax.toString()} rows.`);
  return { after, limit };
}

/** @throws Fault VECTOR_INVALID; `what` names the vector to a person. */
export function checkVector(vector: Float32Array, dim: number, what: string): void {
  if (!(vector instanceof Float32Array) || vector.length !== dim)
    fail("VECTOR_INVALID", `The vector of ${what} does not have the collection's ${dim.toString()} float32 entries.`);
  // Written so that NaN fails it.
  if (!vector.every((value) => Math.abs(value) <= limits.coordinateMax))
    fail("VECTOR_INVALID", `The vector of ${what} has an entry that is not finite or far too large.`);
}

/** @throws Fault STORE_LIMIT. */
export function checkCandidates(candidates: number): void {
  if (!isWholeIn(candidates, 1, limits.candidatesMax))
    fail("STORE_LIMIT", `A search returns 1 to ${limits.candidatesMax.toString()} candidates.`);
}

export function isFieldValue(value: unknown, type: FilterableField["type"] | undefined): value is FieldValue {
  return type === "number" ? Number.isFinite(value) : isText(value, limits.fieldTextLengthMax);
}

export function refuseUnknown(unknown: object, refuse: (what: string) => never): void {
  const names = Object.keys(unknown);
  if (names.length > 0) refuse(`unknown option ${names.slice(0, 4).map(shown).join(", ")}`);
}

/** A name from outside, cut and quoted for a message. */
export function shown(name: string): string {
  return JSON.stringify(name.slice(0, limits.fieldNameLengthMax));
}

export function fail(code: SealedStoreFaultCode, message: string): never {
  throw new Fault<SealedStoreFaultCode>(code, message);
}

function checkBatch(count: number): void {
  if (count > limits.batchRowsMax)
    fail("STORE_LIMIT", `A batch may hold ${limits.batchRowsMax.toString()} rows, got ${count.toString()}.`);
}

function checkRowId(rowId: Uint8Array, index: number): void {
  if (!(rowId instanceof Uint8Array) || rowId.length !== limits.rowIdBytes)
    fail("ROW_INVALID", `Row ${index.toString()}: an id must have ${limits.rowIdBytes.toString()} bytes.`);
}

// PostgreSQL's text holds neither U+0000 nor half a surrogate pair; no store may hold what another cannot.
function isText(value: unknown, lengthMax: number): value is string {
  return typeof value === "string" && value.length <= lengthMax && value.isWellFormed() && !value.includes("\0");
}

function isWholeIn(value: number, least: number, most: number): boolean {
  return Number.isSafeInteger(value) && value >= least && value <= most;
}
