import { hexOf } from "../../crypto/index.ts";
import type { Passage } from "../documents/index.ts";
import type { PassageStore } from "../store/index.ts";
import type { RemovedRows } from "./header.ts";
import type { RowSealer } from "./row-sealer.ts";

/** A row as the owner's ledger has it, under the id it has at the host. */
export interface LedgerRow {
  /** 16 bytes, and the same in hex. */
  readonly rowId: Uint8Array;
  readonly name: string;
  readonly passage: Passage;
  /** Shape [dim]. */
  readonly vector: Float32Array;
}

/**
 * All rows of a ledger, a block at a time; the same passage ingested twice has one id and comes twice.
 *
 * @param removed - What was removed from the host: a row of the same content has another id.
 */
export function* ledgerBlocks(ledger: PassageStore, sealer: RowSealer, removed: RemovedRows): Generator<LedgerRow[]> {
  for (const block of ledger.blockRevisions().keys())
    yield ledger.vectorsOfBlock(block).flatMap(({ rowId: id, vector }) => {
      const [stored] = ledger.passages([id]);
      if (!stored) return [];
      const { rowId: _, ...passage } = stored;
      for (let life = 0; ; life++) {
        const rowId = sealer.rowId(passage, vector, life);
        const name = hexOf(rowId);
        if (!removed.has(name)) return { rowId, name, passage, vector };
      }
    });
}
