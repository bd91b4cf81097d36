import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { BLOCKS_PER_TILE, BlockArena, QUERIES_PER_PASS } from "../../crypto/rlwe/block-arena.ts";
import { blockPolynomials, quantiseRows } from "../../crypto/rlwe/block-layout.ts";
import { interleaveChunk, packedBytes } from "../../crypto/rlwe/kernels.ts";
import { multiplyModulo, powerModulo } from "../../crypto/rlwe/ntt-tables.ts";
import { type RingLayout, MODULUS, RING_DEGREE } from "../../crypto/rlwe/parameters.ts";
import { referenceKernels } from "../../crypto/rlwe/reference-kernels.ts";
import { scoreWeights } from "../../crypto/rlwe/score-weights.ts";
import { centred, expectSame, layoutOf, seeded } from "./support.ts";

/** `count` residues: uniform, or mostly from the ends of the range and of the halves and limbs they are cut into. */
function residues(count: number, seed: number, share: number): Uint32Array {
  const random = seeded(seed);
  const half = (MODULUS - 1) / 2;
  const ends = [0, 1, 511, 512, 0x7fff, 0x8000, 0xffff, 0x10000, half, half + 1, MODULUS - 512, MODULUS - 1];
  const end = (): number => ends[Math.floor(random.uniform() * ends.length)] ?? 0;
  return Uint32Array.from({ length: count }, () =>
    random.uniform() < share ? end() : Math.floor(random.uniform() * MODULUS),
  );
}

/** The scores of one block for one query by the definition: every residue, the whole inverse transform, the coefficients that are scores. */
function scoresByDefinition(
  block: Uint32Array,
  query: Uint32Array,
  { chunk, chunks, rowsPerBlock, scoreBits }: RingLayout,
): Uint8Array {
  const product = referenceKernels.multiplyAccumulate(block, query, chunks);
  referenceKernels.inverseNtt(product);
  return referenceKernels.packBits(product.subarray(chunk - 1), {
    stride: chunk,
    count: rowsPerBlock,
    bits: scoreBits,
  });
}

function allocated(arena: BlockArena): number {
  const block = arena.allocate();
  if (block === null) throw new Error("no room for a block");
  return block;
}

function arenaOf(
  layout: RingLayout,
  blockCount: number,
  publicRandomness: Uint32Array = new Uint32Array(layout.chunks * RING_DEGREE),
): BlockArena {
  return new BlockArena(layout, publicRandomness, blockCount);
}

function expectScores(
  arena: BlockArena,
  layout: RingLayout,
  held: readonly { address: number; block: Uint32Array }[],
  queries: readonly Uint32Array[],
): void {
  const packed = arena
    .score(
      held.map(({ address }) => address),
      queries,
    )
    .slice();
  const bytes = packedBytes(layout.rowsPerBlock, layout.scoreBits);
  expect(packed.length).toBe(queries.length * held.length * bytes);
  for (const [i, query] of queries.entries()) {
    for (const [k, { block }] of held.entries()) {
      const start = (i * held.length + k) * bytes;
      expectSame(packed.slice(start, start + bytes), scoresByDefinition(block, query, layout));
    }
  }
}

/** An arena with `count` blocks of these residues. */
function filledArena(layout: RingLayout, count: number, make: (k: number) => Uint32Array) {
  const arena = arenaOf(layout, count);
  const held = Array.from({ length: count }, (_, k) => {
    const [address, block] = [allocated(arena), make(k)];
    arena.load(address, block);
    return { address, block };
  });
  return { arena, held };
}

describe("scores are those of the whole inverse transform, to the bit", () => {
  test.each([8, 16, 32, 64])("chunks of %d, any residues, any cut", (chunk) => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.constantFrom(0, 0.5, 1),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 8, max: 31 }),
        (seed, share, chunks, scoreBits) => {
          const layout = layoutOf(chunks * chunk, chunk, { scoreBits });
          const make = (salt: number) => residues(chunks * RING_DEGREE, seed + salt, share);
          const { arena, held } = filledArena(layout, 2, make);
          expectScores(arena, layout, held, [make(10), make(11)]);
        },
      ),
      { numRuns: 8 },
    );
  });

  test("the same ends everywhere", () => {
    const layout = layoutOf(384, 16);
    const ends = [0, 0x7fff, 0x8000, 0x7ffe8000, (MODULUS - 1) / 2, MODULUS - 1].map((end) =>
      new Uint32Array(24 * RING_DEGREE).fill(end),
    );
    const { arena, held } = filledArena(layout, ends.length, (k) => ends[k] ?? new Uint32Array(0));
    expectScores(arena, layout, held, ends);
  });

  // 42 pairs of products fit 32 bits before they are widened, 44 would not: both halves of a residue and the top limbs of the weighted query y
  // and of 2^16 y are as large as they get, in either sign, at every place of a long sum.
  test("the largest sums there can be", () => {
    const layout = layoutOf(384, 16);
    const half = (MODULUS - 1) / 2;
    const shifted = (y: number): number => centred(multiplyModulo(y, 65_536));
    const large = [-1, 1].map((sign) => {
      const t = Array.from({ length: 40_000 }, (_, i) => i).find((i) => sign * shifted(half - i) > half - 100_000) ?? 0;
      return half - t;
    });
    expect(large.map((y) => Math.round(shifted(y) / half))).toEqual([-1, 1]);
    const { weights } = scoreWeights(16);
    const unweighted = Uint32Array.from(weights, (weight) => powerModulo(weight, MODULUS - 2));
    const queries = large.map((y) =>
      Uint32Array.from({ length: 24 * RING_DEGREE }, (_, at) => {
        const i = Math.floor(at / (24 * 8)) * 8 + (at % 8);
        return multiplyModulo(y, unweighted[i] ?? 0);
      }),
    );
    // low = -2^15, high = -(2^14 - 1) and 2^14 - 1.
    const blocks = [-1, 1].map((sign) => (sign * 16_383 * 65_536 - 32_768 + MODULUS) % MODULUS);
    const { arena, held } = filledArena(layout, 4, (k) => new Uint32Array(24 * RING_DEGREE).fill(blocks[k % 2] ?? 0));
    for (const query of queries) expectScores(arena, layout, held, [query]);
    expectScores(arena, layout, held, queries);
  });

  test("the largest dimension there can be", () => {
    const layout = layoutOf(8192, 64);
    const make = (seed: number) => residues(layout.chunks * RING_DEGREE, seed, 0.9);
    const { arena, held } = filledArena(layout, 1, make);
    expectScores(arena, layout, held, [make(9)]);
  });

  test.each([1, 2, 3, 4, 5, 7, QUERIES_PER_PASS])("%d queries with 1 to 12 blocks", (queryCount) => {
    const layout = layoutOf(20, 16, { scoreBits: 14 });
    const make = (seed: number) => residues(layout.chunks * RING_DEGREE, seed, 0.2);
    const { arena, held } = filledArena(layout, BLOCKS_PER_TILE, make);
    const queries = Array.from({ length: queryCount }, (_, i) => make(100 + i));
    for (const count of [1, 2, 3, 4, 5, 6, 9, 12]) expectScores(arena, layout, held.slice(0, count), queries);
  });

  test("a single residue at every place of a row reaches exactly the rows it should", () => {
    const layout = layoutOf(16, 16);
    const one = new Uint32Array(RING_DEGREE).fill(1);
    for (const at of [0, 1, 7, 8, 14, 15, 16, 2032, 2046, 2047]) {
      const { arena, held } = filledArena(layout, 1, () => new Uint32Array(RING_DEGREE).with(at, MODULUS - 1));
      expectScores(arena, layout, held, [one]);
    }
  });
});

test("a query is scored as itself when others took its place in between", () => {
  const layout = layoutOf(48, 16);
  const make = (seed: number) => residues(layout.chunks * RING_DEGREE, seed, 0);
  const { arena, held } = filledArena(layout, 1, make);
  const [first, second] = [make(5), make(6)];
  for (const queries of [[first], [second], [first, second], [second, first], [first]])
    expectScores(arena, layout, held, queries);
});

test("more blocks or queries than a call takes are refused", () => {
  const layout = layoutOf(16, 16);
  const { arena, held } = filledArena(layout, 1, () => new Uint32Array(RING_DEGREE));
  const address = held[0]?.address ?? 0;
  const query = new Uint32Array(RING_DEGREE);
  expect(() => arena.score(new Array<number>(BLOCKS_PER_TILE + 1).fill(address), [query])).toThrow(TypeError);
  expect(() => arena.score([address], new Array<Uint32Array>(QUERIES_PER_PASS + 1).fill(query))).toThrow(TypeError);
  expect(() => arena.score([address], [new Uint32Array(2 * RING_DEGREE)])).toThrow(TypeError);
});

describe("write", () => {
  test.each([
    { dim: 20, chunk: 8 },
    { dim: 100, chunk: 16 },
    { dim: 64, chunk: 32 },
    { dim: 1, chunk: 64 },
  ])("makes the block and hint of the plain twins: $dim coordinates in chunks of $chunk", ({ dim, chunk }) => {
    const layout = layoutOf(dim, chunk);
    const { chunks, rowsPerBlock } = layout;
    const random = seeded(dim);
    const rows = [0, 1, rowsPerBlock - 1].map((slot) => ({ slot, vector: random.vector(dim) }));
    const [block, randomness, query] = [0, 1, 2].map((seed) => residues(chunks * RING_DEGREE, seed, 0.3)) as [
      Uint32Array,
      Uint32Array,
      Uint32Array,
    ];
    for (const [j, polynomial] of blockPolynomials(rows, layout).entries()) {
      referenceKernels.forwardNtt(polynomial);
      interleaveChunk(polynomial, j, chunks, block);
    }
    const error = residues(RING_DEGREE, 3, 0.3);
    const hint = referenceKernels.multiplyAccumulate(block, randomness, chunks);
    const errorThere = Uint32Array.from(error);
    referenceKernels.forwardNtt(errorThere);
    for (const [i, residue] of errorThere.entries()) hint[i] = ((hint[i] ?? 0) + residue) % MODULUS;

    const arena = arenaOf(layout, 1, randomness);
    const address = allocated(arena);
    const integers = new Int16Array(layout.rowsPerBlock * layout.dim).fill(-1);
    quantiseRows(rows, layout, integers);
    const packed = arena.write(address, integers, error);
    expectSame(packed, referenceKernels.packBits(hint, { stride: 1, count: RING_DEGREE, bits: 31 }));
    expectScores(arena, layout, [{ address, block }], [query]);
  });
});

describe("room", () => {
  test("runs out, and what is given back is zeroed and used again", () => {
    const layout = layoutOf(48, 16);
    const ones = new Uint32Array(3 * RING_DEGREE).fill(1);
    const { arena, held } = filledArena(layout, 2, (k) => residues(3 * RING_DEGREE, k, 0));
    const [first, second] = held as [(typeof held)[0], (typeof held)[0]];
    expect(arena.allocate()).toBeNull();
    arena.free(first.address);
    expect(arena.allocate()).toBe(first.address);
    expectScores(arena, layout, [{ address: first.address, block: new Uint32Array(ones.length) }, second], [ones]);
  });
});
