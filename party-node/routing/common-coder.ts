import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { RetrievalCoder } from "../../crypto/index.ts";
import { encoderInput, findRoots, readDocuments } from "../documents/index.ts";
import type { Encoder } from "../encoders/index.ts";
import { ROUTING_BITS } from "./summary.ts";

/** Raise it whenever the same text would give another code. */
const VERSION = 1;

/** A coder that all members of a federation make alike. */
export interface CommonCoder {
  readonly coder: RetrievalCoder;
  /** 32 bytes; codes of two coders that differ in it cannot be compared. */
  readonly id: Uint8Array;
}

/**
 * Codes depend on thresholds, and thresholds on a sample. It must be no member's: medians of a collection are statistics of it. All take the passages of the demo, which come with
 * the package and belong to nobody, encoded without statistics of a corpus. They are of three lines of business and a few hundred, enough for medians to be near the middle of
 * what an encoder gives.
 *
 * @throws Fault of the encoder.
 */
export async function openCommonCoder(encoder: Encoder): Promise<CommonCoder> {
  const texts = await referenceTexts();
  const sample = await encoder.encodePassages(texts, encoder.statistics());
  const digest = (value: unknown): Uint8Array =>
    new Uint8Array(createHash("sha256").update(JSON.stringify(value)).digest());
  const seed = digest(["sotto routing seed", VERSION]);
  const coder = RetrievalCoder.fit({ dim: encoder.dim, bits: ROUTING_BITS, seed, sample });
  return { coder, id: digest(["sotto routing coder", VERSION, encoder.fingerprint, texts]) };
}

/** Passages of the demo's corpora: beside the sources, and one level further up in the built package. */
async function referenceTexts(): Promise<string[]> {
  const path = import.meta.url.endsWith(".ts") ? "../../demo/corpora" : "../../../demo/corpora";
  const { roots } = await findRoots([fileURLToPath(new URL(path, import.meta.url))]);
  const texts: string[] = [];
  for await (const event of readDocuments(roots))
    if ("document" in event) texts.push(...event.document.passages.map(encoderInput));
  return texts;
}
