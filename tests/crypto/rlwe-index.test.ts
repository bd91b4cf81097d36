import { beforeAll, describe, expect, test } from "@jest/globals";
import { type IndexAnswer, LocalShard, type RingLayout, RlweIndex, type SharedQuery } from "../../crypto/index.ts";
import { QUERIES_PER_PASS } from "../../crypto/rlwe/block-arena.ts";
import { MODULUS_BITS, RING_DEGREE } from "../../crypto/rlwe/parameters.ts";
import { referenceKernels } from "../../crypto/rlwe/reference-kernels.ts";
import { fault, layoutOf, localIndex, seeded, setBlock } from "./support.ts";

const layout = layoutOf(40, 16, { scoreBits: 14 });

async function filledIndex(blocks: readonly number[]): Promise<RlweIndex> {
  const index = localIndex(layout, new Uint8Array(32).fill(3));
  const random = seeded(1);
  for (const block of blocks)
    await setBlock(
      index,
      block,
      Array.from({ length: layout.rowsPerBlock }, (_, slot) => ({ slot, vector: random.vector(layout.dim) })),
    );
  return index;
}

/** Any ring elements are a query. */
function queryOf(seed: number, { chunks }: RingLayout = layout): Uint8Array {
  const residues = seeded(seed).residues(chunks * RING_DEGREE);
  return referenceKernels.packBits(residues, { stride: 1, count: residues.length, bits: MODULUS_BITS });
}

describe("several queries", () => {
  let index: RlweIndex;
  beforeAll(async () => {
    index = await filledIndex(Array.from({ length: 30 }, (_, block) => 2 * block));
  });
  const answerAll = (queries: readonly Uint8Array[]): Promise<IndexAnswer[]> =>
    Promise.all(queries.map((query) => index.answer(query)));

  test.each([1, 2, 3, QUERIES_PER_PASS, QUERIES_PER_PASS + 3])(
    "%d answered together are answered like one by one",
    async (count) => {
      const queries = Array.from({ length: count }, (_, i) => queryOf(i));
      const alone = [];
      for (const query of queries) alone.push(await index.answer(query));
      expect(await answerAll(queries)).toEqual(alone);
    },
  );

  test("asked in one go share as few passes as can be; one that comes during a pass waits for the next", async () => {
    const passes: number[] = [];
    class CountingShard extends LocalShard {
      override score(queries: readonly SharedQuery[]): Promise<readonly Uint8Array[]> {
        passes.push(queries.length);
        return super.score(queries);
      }
    }
    const counted = new RlweIndex(layout, { openShard: () => new CountingShard(layout, new Uint8Array(32)) });
    await setBlock(counted, 0, [{ slot: 0, vector: seeded(1).vector(layout.dim) }]);
    await Promise.all(Array.from({ length: 2 * QUERIES_PER_PASS + 1 }, (_, i) => counted.answer(queryOf(i))));
    expect(passes).toEqual([QUERIES_PER_PASS, QUERIES_PER_PASS, 1]);
    const first = counted.answer(queryOf(1));
    await Promise.resolve();
    await Promise.resolve();
    await Promise.all([first, counted.answer(queryOf(2)), counted.answer(queryOf(3))]);
    expect(passes.slice(3)).toEqual([1, 2]);
  });

  test("one malformed among them is refused, and the others are answered", async () => {
    const good = queryOf(1);
    const bad = [good.slice(1), new Uint8Array(good.length).fill(255)];
    const [first, second, third] = await Promise.allSettled([...bad, good].map((query) => index.answer(query)));
    for (const refused of [first, second])
      expect(refused).toEqual({ status: "rejected", reason: fault("QUERY_MALFORMED") });
    expect(third).toEqual({ status: "fulfilled", value: await index.answer(good) });
  });

  test("one cancelled does not take those with it that share its pass", async () => {
    const queries = [queryOf(1), queryOf(2), queryOf(3)] as const;
    const expected = await answerAll(queries);
    const controller = new AbortController();
    const running = [
      index.answer(queries[0]),
      index.answer(queries[1], controller.signal),
      index.answer(queries[2]),
    ] as const;
    controller.abort();
    const [first, second, third] = await Promise.allSettled(running);
    expect([first, third]).toEqual([
      { status: "fulfilled", value: expected[0] },
      { status: "fulfilled", value: expected[2] },
    ]);
    expect(second).toEqual({ status: "rejected", reason: fault("ABORTED") });
  });
});

test("blocks removed and set again are answered in the order of their numbers", async () => {
  const index = await filledIndex([5, 1, 3, 2, 4]);
  await setBlock(index, 2, []);
  await setBlock(index, 0, [{ slot: 7, vector: seeded(2).vector(layout.dim) }]);
  const query = queryOf(4);
  const { blocks, scores } = await index.answer(query);
  expect(blocks.map(({ block }) => block)).toEqual([0, 1, 3, 4, 5]);
  const other = await filledIndex([5, 1, 3, 2, 4]);
  await setBlock(other, 0, [{ slot: 7, vector: seeded(2).vector(layout.dim) }]);
  const all = await other.answer(query);
  const bytes = layout.scoreBytesPerBlock;
  expect([...scores]).toEqual([...all.scores.slice(0, 2 * bytes), ...all.scores.slice(3 * bytes)]);
});
