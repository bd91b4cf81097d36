import type { CitedPassage } from "../party-node/asking/index.ts";
import { openNode } from "../party-node/node-folder.ts";
import { openNodeStore } from "./node-store.ts";

/**
 * The k best passages of several nodes by plain float32 inner products over their opened stores: what the encrypted search is compared with. It shares
 * no code with the scoring.
 *
 * @param folders - Node folders; their keys are read, which only the demo and tests may do for several parties.
 */
export function plaintextTop(
  folders: readonly string[],
  embedding: Float32Array,
  k: number,
): Omit<CitedPassage, "title" | "text">[] {
  const scored = folders.flatMap((folder) => {
    const node = openNode(folder);
    const store = openNodeStore(node);
    try {
      return [...store.blockRevisions().keys()].flatMap((block) => {
        const vectors = store.vectorsOfBlock(block);
        const scores = new Map(
          vectors.map(({ rowId, vector }) => [
            rowId,
            vector.reduce((sum, entry, i) => sum + entry * (embedding[i] ?? 0), 0),
          ]),
        );
        return store.passages([...scores.keys()]).map(({ rowId, documentId, ordinal }) => ({
          party: node.identity.name,
          documentId,
          ordinal,
          score: scores.get(rowId) ?? 0,
        }));
      });
    } finally {
      store.close();
    }
  });
  return scored.sort((a, b) => b.score - a.score).slice(0, k);
}
