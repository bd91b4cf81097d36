import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type BlockRow, BlockShard, type RingLayout, SharedQuery } from "../../crypto/index.ts";
import { WorkerShard } from "../../party-node/scoring/worker-shard.ts";
import { layoutOf, seeded } from "../crypto/support.ts";

/*
 * 12 blocks of 4 MiB: a pass of eight queries over them takes some fifty milliseconds. What a query says does not matter to how long it takes.
 */

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

  /** Milliseconds that a pass takes of which these are cancelled when an eighth of it is over. */
  async function passMs(wholeMs: number, cancelled: readonly number[]): Promise<number> {
    const asked = queries();
    const began = performance.now();
    const pass = shard.score(asked);
    setTimeout(() => {
      for (const i of cancelled) asked[i]!.cancel();
    }, wholeMs / 8);
    await pass;
    return performance.now() - began;
  }

  /** The least of three: other processes only ever add to it. */
  async function best(measure: () => Promise<number>): Promise<number> {
    return Math.min(await measure(), await measure(), await measure());
  }

  test("stops within milliseconds when all of its queries are cancelled, and works for the others alone when some are", async () => {
    const wholeMs = await best(() => passMs(0, []));
    expect(wholeMs).toBeGreaterThan(20);
    const all = await best(() => passMs(wholeMs, [0, 1, 2, 3, 4, 5, 6, 7]));
    const most = await best(() => passMs(wholeMs, [0, 1, 2, 3, 4, 5, 6]));
    process.stdout.write(
      `a pass of ${wholeMs.toFixed(0)} ms: ${all.toFixed(0)} ms when all is cancelled after an eighth of it, ${most.toFixed(0)} ms when seven of eight are\n`,
    );
    expect(all).toBeLessThan(wholeMs / 2);
    expect(most).toBeLessThan((3 / 4) * wholeMs);
  });
});
