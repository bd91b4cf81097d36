import type { CitedPassage } from "../party-node/asking/index.ts";
import type { DocumentRecord } from "../party-node/store/index.ts";
import { questionVector } from "./precomputed-encoder.ts";

/** Passages that are always replaced together, in one transaction; more than a pair, so that they lie in several blocks. */
export const MARKED = 8;
/** The question whose best answers the marked passages are, in every version. */
export const MARKED_QUESTION = 0x0fffffff;
const TITLE = "marked";
/** A version's passages score 1, 0.95, ... 0.65, then 1 again; all other passages far less, and an error is far smaller than a step. */
const STEP = 0.05;
const STEPS = 8;

/** One document a marked passage, the same ones in every version. */
export function markedDocuments(version: number, dim: number): DocumentRecord[] {
  const length = 1 - STEP * (version % STEPS);
  const vector = questionVector(MARKED_QUESTION, dim).map((entry) => entry * length);
  return Array.from({ length: MARKED }, (_, i) => ({
    documentKey: `marked-${i}`,
    contentHash: String(version),
    passages: [{ documentId: `marked-${i}`, title: TITLE, text: String(version), ordinal: 0 }],
    vectors: [vector],
  }));
}

/**
 * What an answer to {@link MARKED_QUESTION} shows of the updates.
 *
 * `gone`: none of the marked passages; they were replaced between scoring and fetching. `half`: some of them, or of different versions.
 */
export function readMarked(passages: readonly CitedPassage[]): number | "gone" | "half" {
  const marked = passages.filter(({ title }) => title === TITLE);
  if (marked.length === 0) return "gone";
  const scored = new Set(marked.map(({ score }) => Math.round((1 - score) / STEP)));
  const written = new Set(marked.map(({ text }) => Number(text)));
  const [version = NaN] = written;
  const whole = marked.length === MARKED && scored.size === 1 && written.size === 1 && scored.has(version % STEPS);
  return whole ? version : "half";
}
