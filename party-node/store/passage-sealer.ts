import { passageLeaf } from "../../protocol/index.ts";
import type { Passage } from "../documents/passage.ts";
import { paddedJson } from "./padded-json.ts";
import type { Sealer } from "./sealer.ts";
import type { StoredPassage } from "./store.ts";

/** Seals passages, and commits to them: see {@link passageLeaf}. */
export class PassageSealer {
  readonly #sealer: Sealer;

  constructor(sealer: Sealer) {
    this.#sealer = sealer;
  }

  seal(rowId: number, { documentId, title, text, ordinal }: Passage): Uint8Array {
    return this.#sealer.seal(placeOf(rowId), paddedJson([documentId, title, text, ordinal]));
  }

  /** @throws Fault STORE_TAMPERED. */
  open(rowId: number, sealed: Uint8Array): StoredPassage {
    const opened = this.#sealer.open(placeOf(rowId), sealed, `row ${rowId.toString()}`);
    const [documentId, title, text, ordinal] = JSON.parse(Buffer.from(opened).toString()) as [
      string,
      string,
      string,
      number,
    ];
    return { rowId, documentId, title, text, ordinal };
  }

  /** A function of the passage under a key of the store: a passage that comes back has the salt it had, and no two have the same. */
  saltOf({ documentId, title, text, ordinal }: Passage): Uint8Array {
    return this.#sealer.salt(JSON.stringify([documentId, title, text, ordinal]));
  }

  /** 32 bytes. */
  commitment(passage: Passage): Uint8Array {
    const { documentId, title, text, ordinal } = passage;
    return passageLeaf({ documentId, title, text, ordinal, salt: this.saltOf(passage) });
  }
}

function placeOf(rowId: number): string {
  return `passage:${rowId.toString()}`;
}
