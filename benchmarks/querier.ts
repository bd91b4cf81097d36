import type { BlockDescription } from "../crypto/index.ts";
import type { RlweAsker } from "../crypto/secret/index.ts";
import type { IndexedCollection } from "./indexed-collection.ts";
import type { Times } from "./measure.ts";

/** The name under which the asker knows the blocks. */
export const PARTY = "bench";

/** Times of a question's two ends, with a key made before each question and not counted. */
export async function measureQuerier(
  { index, layout }: IndexedCollection,
  asker: RlweAsker,
  blocks: readonly BlockDescription[],
  question: Float32Array,
): Promise<{ readonly querier: Times; readonly server: Times }> {
  const [querier, server]: [number[], number[]] = [[], []];
  for (let round = 0; round < 10; round++) {
    asker.refill();
    await asker.ready();
    const started = performance.now();
    const { query, secrets } = await asker.ask(question);
    const asked = performance.now();
    const { scores } = await index.answer(query);
    const answered = performance.now();
    const bytes = layout.scoreBytesPerBlock;
    for (const [i, block] of blocks.entries()) secrets.read(PARTY, block, scores.subarray(i * bytes, (i + 1) * bytes));
    const finished = performance.now();
    secrets[Symbol.dispose]();
    if (round < 3) continue;
    querier.push(asked - started + finished - answered);
    server.push(answered - asked);
  }
  return { querier, server };
}
