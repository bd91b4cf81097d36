import type { PassageLocation } from "../../protocol/index.ts";

/** A stretch of a document that is encoded, scored and cited as one. */
export interface Passage extends PassageLocation {
  /** The owner's name for the document: a path relative to the ingested folder, or `_id` of a .jsonl line. */
  readonly documentId: string;
  /** Empty when the document has none. */
  readonly title: string;
  readonly text: string;
  /** Position of the passage among its document's passages, from 0. */
  readonly ordinal: number;
}

/** What the encoder sees of a passage: its title, then its text. */
export function encoderInput(passage: Pick<Passage, "title" | "text">): string {
  return passage.title === "" ? passage.text : `${passage.title}\n${passage.text}`;
}
