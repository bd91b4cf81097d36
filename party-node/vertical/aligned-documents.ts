import type { DocumentEvent, SourceDocument } from "../documents/index.ts";
import type { Alignment } from "./alignment.ts";

/**
 * Documents of the alignment's entities, each as one passage: a position holds one row. What is not common to all parties is left out; of two documents
 * with one id the second is a problem.
 */
export async function* alignedDocuments(
  events: AsyncIterable<DocumentEvent>,
  { positionOf }: Alignment,
): AsyncGenerator<DocumentEvent> {
  const seen = new Set<string>();
  for await (const event of events) {
    if ("problem" in event) {
      yield event;
      continue;
    }
    const { documentId, documentKey } = event.document;
    if (positionOf(documentId) === undefined) continue;
    if (seen.has(documentId)) {
      const message = `${documentKey} has the id of an earlier document, and a position holds one row; it is left out.`;
      yield { problem: { file: documentKey, reason: "DUPLICATE_ID", message } };
      continue;
    }
    seen.add(documentId);
    yield { document: joined(event.document) };
  }
}

/** A document that was split, as it was before: one passage, which is everywhere in it. */
function joined(document: SourceDocument): SourceDocument {
  const [first, ...more] = document.passages;
  if (!first || more.length === 0) return document;
  const text = document.passages.map((passage) => passage.text).join("\n\n");
  const { documentId, title, ordinal } = first;
  return { ...document, passages: [{ documentId, title, text, ordinal }] };
}
