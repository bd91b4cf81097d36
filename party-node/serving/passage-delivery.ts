import { sodium } from "../../crypto/index.ts";
import {
  type Federation,
  type Handle,
  type Identity,
  type OpenedPassage,
  type PassageStatement,
  encodeValue,
  limits,
  locationOf,
  passageLeaf,
  seal,
} from "../../protocol/index.ts";
import type { PassageStore } from "../store/store.ts";
import type { ScoredRows } from "./query-service.ts";

/** Bytes left in a frame for everything around the passages, the signed statement among it. */
const FRAME_MARGIN_BYTES = 64 * 1024;

export interface DeliveryOptions {
  readonly identity: Identity;
  readonly federation: Federation;
  readonly store: PassageStore;
}

/**
 * The passages of these rows with a signed statement of which rows they are. A passage whose words are not those that the party committed to when it was
 * asked, as after somebody has altered its store, is left out: the party would sign what convicts it.
 *
 * @returns Padded, so that the length says as little as possible about what was wanted, and how many passages there are in it.
 */
export function deliverPassages(
  { identity, federation, store }: DeliveryOptions,
  queryId: Uint8Array,
  handles: readonly Handle[],
  { queryHash, committedAt }: ScoredRows,
): { readonly padded: Uint8Array; readonly count: number } {
  const wanted = handles.flatMap(({ block, slot }) => committedAt(block, slot) ?? []);
  // All at once: one after the other they could be some from before an update and some from after it.
  const stored = new Map(store.passages(wanted.map(({ rowId }) => rowId)).map((row) => [row.rowId, row]));
  const rows: PassageStatement["rows"] = [];
  const passages: OpenedPassage[] = [];
  let room = limits.frameBytesMax - limits.passagePadBytes - FRAME_MARGIN_BYTES;
  for (const { rowId, stated } of wanted) {
    const row = stored.get(rowId);
    if (!row) continue;
    const { documentId, title, text, ordinal, salt, ...rest } = store.salted(row);
    const passage = { documentId, title, text, ordinal, ...locationOf(rest), salt };
    room -= encodeValue(passage).length;
    if (room < 0 || !sodium.memcmp(passageLeaf(passage), stated.leaf)) continue;
    rows.push(stated);
    passages.push(passage);
  }
  const statement = seal("passages", federation.id, { queryId, queryHash, rows }, identity);
  const padded = sodium.pad(encodeValue({ statement, passages }), limits.passagePadBytes);
  return { padded, count: passages.length };
}
