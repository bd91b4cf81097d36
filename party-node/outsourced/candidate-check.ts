import { Fault, hexOf } from "../../crypto/index.ts";
import type { PackedRow } from "../../protocol/index.ts";
import type { OutsourcedFaultCode } from "./faults.ts";
import { type CollectionHeader, unpackRemoved } from "./header.ts";

/**
 * What a reader can tell from the candidates themselves, before opening them. An `outsourced` host that hides single rows, or returns others than the
 * nearest, is not found out here: readers do not know what there is, and an approximate index may miss rows honestly.
 *
 * @param asked.wanted - How many rows were asked for.
 * @param asked.listed - How many rows the host has said that it has, or null where it does not say.
 * @throws Fault HOST_MISBEHAVED, HOST_ROLLED_BACK, CANDIDATES_MISSING.
 */
export function checkCandidates(
  rows: readonly PackedRow[],
  header: CollectionHeader,
  asked: { readonly wanted: number; readonly listed: number | null },
): void {
  const removed = unpackRemoved(header.removed);
  const seen = new Set<string>();
  for (const { rowId, version } of rows) {
    const name = hexOf(rowId);
    if (seen.has(name)) throw fault("HOST_MISBEHAVED", "its host returned a row twice");
    seen.add(name);
    if (version <= (removed.get(name) ?? 0))
      throw fault("HOST_MISBEHAVED", "its host returned a row that its owner has removed");
    if (version > header.sequence)
      throw fault("HOST_ROLLED_BACK", "its host returned a row that is newer than the state it shows");
  }
  const { wanted, listed } = asked;
  if (rows.length < Math.min(wanted, header.rowCountMin) || (listed ?? Infinity) < header.rowCountMin)
    throw fault("CANDIDATES_MISSING", "its host returned fewer rows than the collection has");
}

function fault(code: OutsourcedFaultCode, what: string): Fault {
  return new Fault<OutsourcedFaultCode>(code, what);
}
