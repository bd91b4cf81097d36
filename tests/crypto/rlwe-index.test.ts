import { describe, expect, test } from "@jest/globals";
import { type RingLayout, RlweIndex } from "../../crypto/index.ts";
import { QUERIES_PER_PASS } from "../../crypto/rlwe/block-arena.ts";
import { MODULUS_BITS, RING_DEGREE } from "../../crypto/rlwe/parameters.ts";
import { referenceKernels } from "../../crypto/rlwe/reference-kernels.ts";
import { fault, layoutOf, seeded } from "./support.ts";

const layout = layoutOf(40, 16, { scoreBits: 14 });

function filledIndex(blocks: readonly number[]): RlweIndex {
  const index = new RlweIndex(layout, new Uint8Array(32).fill(3));
  const random = seeded(1);
  for (const block of blocks)
    index.setBlock(
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
  const index = filledIndex(Array.from({ length: 30 }, (_, block) => 2 * block));

  test.each([1, 2, 3, QUERIES_PER_PASS, QUERIES_PER_PASS + 3])(
    "%d answered together are answered like one by one",
    async (count) => {
      const queries = Array.from({ length: count }, (_, i) => queryOf(i));
      const alone = [];
      for (const query of queries) alone.push(await index.answer(query));
      expect(await index.answerAll(queries)).toEqual(alone);
      expect(await Promise.all(queries.map((query) => index.answer(query)))).toEqual(alone);
    },
  );

  test("none of them gives no answers", async () => {
    expect(await index.answerAll([])).toEqual([]);
  });

  test("one malformed among them is refused with all, and the next are answered", async () => {
    const good = queryOf(1);
    await expect(index.answerAll([good, good.slice(1)])).rejects.toEqual(fault("QUERY_MALFORMED"));
    await expect(index.answerAll([good, new Uint8Array(good.length).fill(255)])).rejects.toEqual(
      fault("QUERY_MALFORMED"),
    );
    expect((await index.answer(good)).blocks.length).toBe(30);
  });

  test("one cancelled does not take those with it that share its pass", async () => {
    const queries = [queryOf(1), queryOf(2), queryOf(3)] as const;
    const expected = await index.answerAll(queries);
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
  const index = filledIndex([5, 1, 3, 2, 4]);
  index.setBlock(2, []);
  index.setBlock(0, [{ slot: 7, vector: seeded(2).vector(layout.dim) }]);
  const query = queryOf(4);
  const { blocks, scores } = await index.answer(query);
  expect(blocks.map(({ block }) => block)).toEqual([0, 1, 3, 4, 5]);
  const other = filledIndex([5, 1, 3, 2, 4]);
  other.setBlock(0, [{ slot: 7, vector: seeded(2).vector(layout.dim) }]);
  const all = await other.answer(query);
  const bytes = layout.scoreBytesPerBlock;
  expect([...scores]).toEqual([...all.scores.slice(0, 2 * bytes), ...all.scores.slice(3 * bytes)]);
});
