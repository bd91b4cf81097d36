import { type RankProfile, measureRankProfile } from "../../crypto/index.ts";
import type { Encoder } from "../encoders/index.ts";
import type { PassageStore, StoredPassage } from "../store/index.ts";

const QUESTIONS = 48;
const QUESTION_WORDS = 12;

/**
 * How fast scores fall with rank in a ledger, over questions made of the first words of passages spread evenly over it; passages of a question's own
 * document do not count. The same for the same ledger.
 *
 * @returns Null for an empty ledger, or one without words.
 */
export async function measureCollection(ledger: PassageStore, encoder: Encoder): Promise<RankProfile | null> {
  const blocks = [...ledger.blockRevisions().keys()];
  const rows = blocks.flatMap((block) => ledger.rowIdsOfBlock(block).map(({ rowId }) => rowId));
  const step = Math.max(1, rows.length / QUESTIONS);
  const sample = ledger.passages(
    Array.from({ length: Math.min(QUESTIONS, rows.length) }, (_, i) => rows[Math.floor(i * step)]!),
  );
  const questions = await Promise.all(sample.map((passage) => encoder.encodeQuery(openingWords(passage))));
  if (questions.length === 0) return null;
  const scores = questions.map(() => new Float32Array(rows.length));
  let row = 0;
  for (const block of blocks) {
    for (const { rowId, vector } of ledger.vectorsOfBlock(block)) {
      const documentId = ledger.passages([rowId])[0]?.documentId;
      for (const [i, question] of questions.entries())
        scores[i]![row] = sample[i]?.documentId === documentId ? 0 : innerProduct(question, vector);
      row++;
    }
  }
  return measureRankProfile(scores);
}

function openingWords({ title, text }: StoredPassage): string {
  return `${title} ${text}`.trim().split(/\s+/u).slice(0, QUESTION_WORDS).join(" ");
}

function innerProduct(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
