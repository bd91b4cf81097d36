import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type BlockRow, BlockShard, type RingLayout, SharedQuery } from "../../crypto/index.ts";
import { WorkerShard } from "../../party-node/scoring/worker-shard.ts";
import { layoutOf, seeded } from "../crypto/support.ts";

const layout = layoutOf(4096, 8);
const hintKey = new Uint8Array(32).fill(5);
const BLOCKS = 12;
const QUERIES = 8;
const rowsOf = (block: number, { dim }: RingLayout): BlockRow[] => [{ slot: block, vector: seeded(block).vector(dim) }];

/** Makes copies of the same queries again and again. */
function queriesOf({ chunks }: RingLayout): () => SharedQuery[] {
  const residues = new Uint32Array(chunks * 2048);
  const all = Array.from({ length: QUERIES }, (_, i) => {
    for (let at = 0; at < residues.length; at++) residues[at] = Math.imul(at + 1, 2_654_435_761 + 2 * i) & 0x3fff_ffff;
    return SharedQuery.of(residues);
  });
  return () => all.map((query) => SharedQuery.of(query.residues));
}

test("a query that is cancelled in the middle of a pass leaves the others' scores as they are, to the bit", () => {
  const small = layoutOf(1024, 8);
  const queries = queriesOf(small);
  const shard = new BlockShard(small, hintKey);
  for (let block = 0; block < 16; block++) shard.stage(block, rowsOf(block, small));
  shard.commit();
  const score = (asked: readonly SharedQuery[], onSlice: (slice: number) => void): Uint8Array[] => {
    const slices = shard.score(asked);
    for (let slice = 0; ; slice++) {
      const next = slices.next();
      if (next.done) return next.value;
      onSlice(slice);
    }
  };
  let slices = 0;
  const whole = score(queries(), () => slices++);
  expect(slices).toBeGreaterThan(2);
  const asked = queries();
  const kept = score(asked, (slice) => {
    for (const i of slice === 0 ? [0, 5] : slice === 1 ? [1, 7] : []) asked[i]!.cancel();
  });
  for (const i of [2, 3, 4, 6]) expect(Buffer.compare(kept[i]!, whole[i]!)).toBe(0);
  const all = queries();
  let until = 0;
  score(all, (slice) => {
    until = slice;
    if (slice === 1) for (const query of all) query.cancel();
  });
  expect(until).toBe(1);
});

describe("a scoring thread", () => {
  let shard: WorkerShard;
  const queries = queriesOf(layout);
  beforeAll(async () => {
    shard = new WorkerShard({ layout, hintKey, cachePath: null });
    for (let block = 0; block < BLOCKS; block++) await shard.stage(block, rowsOf(block, layout), 1);
    shard.commit();
  });
  afterAll(() => shard.close());

  /** The scores of a pass of which these queries are cancelled when the thread was told of it. */
  async function scoresOf(cancelled: readonly number[]): Promise<readonly Uint8Array[]> {
    const asked = queries();
    const pass = shard.score(asked);
    for (const i of cancelled) asked[i]!.cancel();
    return pass;
  }

  /** What was not scored stays 0. */
  const untouchedShare = (scores: Uint8Array): number => scores.filter((byte) => byte === 0).length / scores.length;

  test("leaves out queries that are cancelled while it has them, and scores the others as ever", async () => {
    const whole = await scoresOf([]);
    for (const scores of whole) expect(untouchedShare(scores)).toBeLessThan(0.1);
    for (const cancelled of [
      [0, 1, 2, 3, 4, 5, 6, 7],
      [0, 1, 2, 3, 4, 5, 6],
    ]) {
      let scores: readonly Uint8Array[] = whole;
      // The thread may be done before this one gets to cancel anything, if a busy machine stops it just there: not five times.
      for (let tries = 0; tries < 5 && cancelled.some((i) => untouchedShare(scores[i]!) < 0.5); tries++)
        scores = await scoresOf(cancelled);
      for (const [i, of] of scores.entries())
        if (cancelled.includes(i)) expect(untouchedShare(of)).toBeGreaterThan(0.5);
        else expect(Buffer.compare(of, whole[i]!)).toBe(0);
    }
  });
});
