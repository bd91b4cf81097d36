import { type PassageLocation, passageItems, passageLeaf } from "../../protocol/index.ts";
import type { Passage } from "../documents/passage.ts";
import { paddedJson } from "./padded-json.ts";
import type { Sealer } from "./sealer.ts";
import type { StoredPassage } from "./store.ts";

/** What {@link passageItems} makes; rows of older versions have no location. */
type Items = [string, string, string, number, (string | null)?, (number | null)?];

/** Seals passages, and commits to them: see {@link passageLeaf}. */
export class PassageSealer {
  readonly #sealer: Sealer;

  constructor(sealer: Sealer) {
    this.#sealer = sealer;
  }

  seal(rowId: number, passage: Passage): Uint8Array {
    return this.#sealer.seal(sealPlace(rowId), paddedJson(passageItems(passage)));
  }

  /** @throws Fault STORE_TAMPERED. */
  open(rowId: number, sealed: Uint8Array): StoredPassage {
    const opened = this.#sealer.open(sealPlace(rowId), sealed, `row ${rowId.toString()}`);
    const [documentId, title, text, ordinal, place, offset] = JSON.parse(Buffer.from(opened).toString()) as Items;
    return { rowId, documentId, title, text, ordinal, ...locationIn(place, offset) };
  }

  /** A function of the passage under a key of the store: a passage that comes back has the salt it had, and no two have the same. */
  saltOf(passage: Passage): Uint8Array {
    return this.#sealer.salt(JSON.stringify(passageItems(passage)));
  }

  /** 32 bytes. */
  commitment(passage: Passage): Uint8Array {
    return passageLeaf({ ...passage, salt: this.saltOf(passage) });
  }
}

function sealPlace(rowId: number): string {
  return `passage:${rowId.toString()}`;
}

function locationIn(place: string | null | undefined, offset: number | null | undefined): PassageLocation {
  return { ...(place == null ? {} : { place }), ...(offset == null ? {} : { offset }) };
}
