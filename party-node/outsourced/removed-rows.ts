import type { PassageStore } from "../store/index.ts";
import { type CollectionHeader, type RemovedRows, packRemoved, unpackRemoved } from "./header.ts";

export interface RemovedRowsSources {
  readonly ledger: PassageStore;
  /** In hex. */
  readonly keyId: string;
  /** The header at the host, if there is one. */
  readonly held: CollectionHeader | null;
  /** Rows at the host: id in hex -> version. */
  readonly there: ReadonlyMap<string, number>;
}

/** Rows that are gone: what the header names, and what the ledger remembers of a run that was ended while it removed, or of before the host went back to an old header. */
export function knownRemoved({ ledger, keyId, held, there }: RemovedRowsSources): Map<string, number> {
  const none = new Uint8Array(0);
  const removed = unpackRemoved(held?.removed ?? none);
  for (const [name, version] of unpackRemoved(ledger.readValue(valueName(keyId)) ?? none))
    removed.set(name, Math.max(version, removed.get(name) ?? 0));
  // Not gone after all: kept from now on, or removed by the next run.
  for (const [name, version] of there) if (version <= (removed.get(name) ?? 0)) removed.delete(name);
  return removed;
}

/** Before they are removed, so that a run that is ended then is made up for. */
export function rememberRemoved(ledger: PassageStore, keyId: string, removed: RemovedRows): void {
  ledger.writeValue(valueName(keyId), packRemoved(removed));
}

function valueName(keyId: string): string {
  return `removed.${keyId}`;
}
