import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Encoder } from "../../party-node/encoders/encoder.ts";
import { ingest } from "../../party-node/ingest.ts";
import type { Alignment } from "../../party-node/vertical/index.ts";
import type { PassageStore } from "../../party-node/store/index.ts";

/** Document id -> text; each text is short enough to be one passage. */
export type Corpus = Readonly<Record<string, string>>;

/** Makes the corpus what the store holds; a file in `folder` is where it comes from. */
export async function ingestCorpus(
  folder: string,
  corpus: Corpus,
  store: PassageStore,
  encoder: Encoder,
  alignment?: Alignment,
): Promise<void> {
  const path = join(folder, "corpus.jsonl");
  const lines = Object.entries(corpus).map(([_id, text]) => `${JSON.stringify({ _id, text })}\n`);
  writeFileSync(path, lines.join(""));
  await ingest({ paths: [path], store, encoder, alignment });
}
