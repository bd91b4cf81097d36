import { type RankProfile, measureRankProfile } from "../../crypto/index.ts";
import type { Passage } from "../documents/index.ts";
import type { Encoder } from "../encoders/index.ts";
import type { PassageStore } from "../store/index.ts";

const QUESTIONS = 48;
const QUESTION_WORDS = 12;

/** What {@link measureProfile} reads. */
export interface ProfileSource {
  /** Passages whose first words are the questions. */
  readonly sample: readonly Pick<Passage, "documentId" | "title" | "text">[];
  /** All rows, the sample's among them. */
  readonly rows: Iterable<{ readonly documentId: string; readonly vector: Float32Array }>;
  readonly rowCount: number;
}

/**
 * How fast scores fall with rank in a ledger; the same for the same ledger.
 *
 * @returns Null for an empty ledger, or one without words.
 */
export async function measureCollection(ledger: PassageStore, encoder: Encoder): Promise<RankProfile | null> {
  const blocks = [...ledger.blockRevisions().keys()];
  const rowIds = blocks.flatMap((block) => ledger.rowIdsOfBlock(block).map(({ rowId }) => rowId));
  const sample = ledger.passages(profileSample(rowIds.length).map((at) => rowIds[at]!));
  return measureProfile({ sample, rows: rowsOf(ledger, blocks), rowCount: rowIds.length }, encoder);
}

function* rowsOf(ledger: PassageStore, blocks: readonly number[]): ProfileSource["rows"] {
  for (const block of blocks)
    for (const { rowId, vector } of ledger.vectorsOfBlock(block))
      yield { documentId: ledger.passages([rowId])[0]?.documentId ?? "", vector };
}

/** Positions, spread evenly over rowCount rows, of the passages that a profile is measured with. */
export function profileSample(rowCount: number): number[] {
  const step = Math.max(1, rowCount / QUESTIONS);
  return Array.from({ length: Math.min(QUESTIONS, rowCount) }, (_, i) => Math.floor(i * step));
}

/**
 * How fast scores fall with rank, over questions made of the first words of some passages; rows of a question's own document do not count, nor
 * do openings in which the encoder finds no word.
 *
 * @returns Null when no question is left.
 */
export async function measureProfile(
  { sample, rows, rowCount }: ProfileSource,
  encoder: Encoder,
): Promise<RankProfile | null> {
  const questions: { readonly documentId: string; readonly vector: Float32Array; readonly scores: Float32Array }[] = [];
  for (const { documentId, title, text } of sample) {
    const opening = `${title} ${text}`.trim().split(/\s+/u).slice(0, QUESTION_WORDS).join(" ");
    const vector = await encoder.encodeQuery(opening);
    if (vector.some((x) => x !== 0)) questions.push({ documentId, vector, scores: new Float32Array(rowCount) });
  }
  if (questions.length === 0) return null;
  let at = 0;
  for (const row of rows) {
    for (const { documentId, vector, scores } of questions)
      scores[at] = documentId === row.documentId ? 0 : innerProduct(vector, row.vector);
    at++;
  }
  return measureRankProfile(questions.map(({ scores }) => scores));
}

function innerProduct(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
