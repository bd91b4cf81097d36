import { sodium } from "../../crypto/index.ts";
import type { Passage } from "../documents/index.ts";
import type { PassageStore } from "../store/index.ts";
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

/** All rows of a ledger, a block at a time; the same passage ingested twice has one id and comes twice. */
export function* ledgerBlocks(ledger: PassageStore, sealer: RowSealer): Generator<LedgerRow[]> {
  for (const block of ledger.blockRevisions().keys())
    yield ledger.vectorsOfBlock(block).flatMap(({ rowId: id, vector }) => {
      const [stored] = ledger.passages([id]);
      if (!stored) return [];
      const { rowId: _, ...passage } = stored;
      const rowId = sealer.rowId(passage, vector);
      return { rowId, name: sodium.to_hex(rowId), passage, vector };
    });
}
