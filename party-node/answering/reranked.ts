import type { CitedPassage } from "../asking/result.ts";
import { encoderInput } from "../documents/passage.ts";
import type { Reranker } from "../encoders/reranker.ts";

/** Passages a re-ranking model is given, for each that is wanted. */
export const CANDIDATES_PER_PASSAGE = 4;

/** The `count` passages that fit a question best by a re-ranking model, best first. @throws Fault as {@link Reranker.score}. */
export async function reranked<Passage extends Pick<CitedPassage, "title" | "text">>(
  passages: readonly Passage[],
  { reranker, question, count }: { readonly reranker: Reranker; readonly question: string; readonly count: number },
): Promise<Passage[]> {
  const scores = await reranker.score(question, passages.map(encoderInput));
  const order = [...passages.keys()].sort((a, b) => scores[b]! - scores[a]!);
  return order.slice(0, count).map((i) => passages[i]!);
}
