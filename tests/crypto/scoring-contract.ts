import { setImmediate as nextTurn } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type {
  Asker,
  BlockDescription,
  BlockRow,
  IndexAnswer,
  PresentBlock,
  QuerySecrets,
  RingLayout,
  ScoringIndex,
} from "../../crypto/index.ts";
import { isLongRun } from "../support/long.ts";
import { fault, innerProduct, layoutOf, seeded, setBlock } from "./support.ts";

/** A scheme, as the contract meets it. */
export interface Scheme {
  makeIndex(layout: RingLayout): ScoringIndex;
  /** @param poolSize - Keys to hold ready, where the scheme has keys. */
  makeAsker(layout: RingLayout, poolSize: number): Asker;
  /** A correct score is not further than this from the exact inner product. */
  errorMax(layout: RingLayout): number;
  /** Bytes of a block's scores. */
  scoreBytes(layout: RingLayout): number;
  /** Makes a well-formed query of the right size one that must be refused. */
  spoilQuery(query: Uint8Array): void;
  /** Hints that must be refused in place of a good one; none where the scheme has no hints. */
  spoiltHints(hint: Uint8Array): readonly { readonly id: string; readonly hint: Uint8Array }[];
}

const PARTY = "library";

const LAYOUTS = [
  { id: "d 384, c 16, p 31", layout: layoutOf(384, 16) },
  { id: "d 384, c 16, p 14", layout: layoutOf(384, 16, { scoreBits: 14 }) },
  { id: "d 1024, c 32, p 14, M 20", layout: layoutOf(1024, 32, { scoreBits: 14, normMax: 20 }) },
  { id: "d 64, c 8, p 31, M 0.5", layout: layoutOf(64, 8, { normMax: 0.5 }) },
  { id: "d 50, c 16 (padded), p 14", layout: layoutOf(50, 16, { scoreBits: 14 }) },
];

/** So long that a slice of work is few blocks: several turns of the event loop a query. */
const DEEP = layoutOf(4096, 8);

/** One question: its bytes, and what reads the answers. */
interface Question extends Disposable {
  readonly query: Uint8Array;
  readonly secrets: QuerySecrets;
}

/** An index and an asker of one scheme and layout. */
class Bench implements AsyncDisposable {
  readonly scheme: Scheme;
  readonly layout: RingLayout;
  readonly index: ScoringIndex;
  readonly asker: Asker;

  constructor(scheme: Scheme, layout: RingLayout, poolSize = 1) {
    this.scheme = scheme;
    this.layout = layout;
    this.index = scheme.makeIndex(layout);
    this.asker = scheme.makeAsker(layout, poolSize);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.asker.close();
    await this.index.close();
  }

  async ask(embedding: Float32Array): Promise<Question> {
    const { query, secrets } = await this.asker.ask(embedding);
    return { query, secrets, [Symbol.dispose]: () => secrets[Symbol.dispose]() };
  }

  describe(block: number): BlockDescription {
    const description = this.index.describe(block);
    if (!description) throw new Error(`block ${block.toString()} holds no rows`);
    return description;
  }

  /** Scores by block, read with the descriptions given; the answer's versions are checked against them. */
  read(
    { secrets }: Question,
    answer: IndexAnswer,
    descriptions: readonly BlockDescription[],
  ): Map<number, Float32Array> {
    const bytes = this.scheme.scoreBytes(this.layout);
    const byNumber = (blocks: readonly PresentBlock[]): PresentBlock[] =>
      blocks.map(({ block, version }) => ({ block, version })).sort((a, b) => a.block - b.block);
    expect(byNumber(answer.blocks)).toEqual(byNumber(descriptions));
    expect(answer.scores.length).toBe(descriptions.length * bytes);
    const described = new Map(descriptions.map((description) => [description.block, description]));
    return new Map(
      answer.blocks.map(({ block }, i) => [
        block,
        secrets.read(PARTY, described.get(block)!, answer.scores.subarray(i * bytes, (i + 1) * bytes)),
      ]),
    );
  }

  /** Asks one question and reads the scores of these blocks, which must be all there are. */
  async scores(embedding: Float32Array, blocks: readonly number[]): Promise<Map<number, Float32Array>> {
    using question = await this.ask(embedding);
    return this.read(
      question,
      await this.index.answer(question.query),
      blocks.map((block) => this.describe(block)),
    );
  }

  /** Every slot holds the exact inner product, within the scheme's error, or NaN where there is no row. */
  check(scores: Float32Array | undefined, rows: readonly BlockRow[], embedding: Float32Array): void {
    const expected = new Float64Array(this.layout.rowsPerBlock).fill(NaN);
    for (const { slot, vector } of rows) expected[slot] = innerProduct(vector, embedding);
    expect(scores?.length).toBe(expected.length);
    const wrong = [...expected].flatMap((exact, slot) => {
      const score = scores?.[slot] ?? 0;
      const isRight = Number.isNaN(exact)
        ? Number.isNaN(score)
        : Math.abs(score - exact) <= this.scheme.errorMax(this.layout);
      return isRight ? [] : [{ slot, exact, score }];
    });
    expect(wrong).toEqual([]);
  }
}

/** Rows at these slots, of norm M times `length`. */
function rowsAt({ dim, normMax }: RingLayout, slots: readonly number[], seed: number, length = 1): BlockRow[] {
  const random = seeded(seed);
  return slots.map((slot) => ({ slot, vector: random.vector(dim, normMax * length) }));
}

const allSlots = ({ rowsPerBlock }: RingLayout): number[] => Array.from({ length: rowsPerBlock }, (_, slot) => slot);

/**
 * What every {@link ScoringIndex} must do together with its {@link Asker}.
 *
 * @param options.layouts - How many of the layouts to score in; default three, all in a long run.
 */
export function scoringContract(name: string, scheme: Scheme, { layouts = isLongRun ? LAYOUTS.length : 3 } = {}): void {
  describe(`${name} keeps the scoring contract`, () => {
    describe.each(LAYOUTS.slice(-layouts))("$id", ({ layout }) => scoresContract(scheme, layout));
    describe("versions", () => versionsContract(scheme));
    describe("what it refuses", () => refusalsContract(scheme));
    describe("while a query runs", () => concurrencyContract(scheme));
  });
}

function scoresContract(scheme: Scheme, layout: RingLayout): void {
  const { dim, rowsPerBlock, normMax } = layout;
  const question = seeded(1).vector(dim);
  const negative = question.map((entry) => -entry);

  test("scores every row of every block, all of them at norm M; NaN at empty slots", async () => {
    await using bench = new Bench(scheme, layout);
    const blocks = new Map([
      [7, rowsAt(layout, [rowsPerBlock - 1], 2)],
      [0, rowsAt(layout, allSlots(layout), 3)],
      [3, rowsAt(layout, [0, 5, rowsPerBlock - 1], 4)],
    ]);
    for (const [block, rows] of blocks) await setBlock(bench.index, block, rows);
    const scores = await bench.scores(question, [0, 3, 7]);
    for (const [block, rows] of blocks) bench.check(scores.get(block), rows, question);
  });

  test("rows along the question, from -M to M, reach the whole range; the zero row too", async () => {
    await using bench = new Bench(scheme, layout);
    const along = (length: number): Float32Array => question.map((entry) => entry * length * normMax);
    const rows = [1, -1, 0.5, -0.25, 0].map((length, slot) => ({ slot, vector: along(length) }));
    await setBlock(bench.index, 0, rows);
    bench.check((await bench.scores(question, [0])).get(0), rows, question);
    bench.check((await bench.scores(negative, [0])).get(0), rows, negative);
  });

  test("a zero question scores zero", async () => {
    await using bench = new Bench(scheme, layout);
    const rows = rowsAt(layout, allSlots(layout), 5);
    await setBlock(bench.index, 0, rows);
    const zero = new Float32Array(dim);
    bench.check((await bench.scores(zero, [0])).get(0), rows, zero);
  });

  test("single coordinates, the last one too", async () => {
    await using bench = new Bench(scheme, layout);
    const unit = (at: number, length: number): Float32Array =>
      Float32Array.from({ length: dim }, (_, i) => (i === at ? length : 0));
    const rows = [0, 1, layout.chunk - 1, layout.chunk, dim - 1].map((at, slot) => ({
      slot,
      vector: unit(at, normMax),
    }));
    await setBlock(bench.index, 0, rows);
    for (const at of [0, layout.chunk, dim - 1])
      bench.check((await bench.scores(unit(at, 1), [0])).get(0), rows, unit(at, 1));
  });

  test("says its sizes", async () => {
    await using bench = new Bench(scheme, layout);
    expect(bench.index.rowsPerBlock).toBe(layout.rowsPerBlock);
    using asked = await bench.ask(question);
    expect(asked.query.length).toBe(bench.index.queryBytes);
    expect(await bench.index.answer(asked.query)).toEqual({ blocks: [], scores: new Uint8Array(0) });
  });

  test("an answer can be read again, and prepared for", async () => {
    await using bench = new Bench(scheme, layout);
    const rows = rowsAt(layout, [1, 2], 6);
    await setBlock(bench.index, 0, rows);
    const block = bench.describe(0);
    bench.asker.blocksChanged(new Map([[PARTY, [block]]]));
    await bench.asker.ready();
    using asked = await bench.ask(question);
    asked.secrets.prepare(PARTY, block);
    const answer = await bench.index.answer(asked.query);
    const first = bench.read(asked, answer, [block]);
    expect(bench.read(asked, answer, [block])).toEqual(first);
    bench.check(first.get(0), rows, question);
  });
}

function versionsContract(scheme: Scheme): void {
  const layout = layoutOf(64, 8);
  const question = seeded(10).vector(64);
  const rows = rowsAt(layout, [0, 1, 9], 11);

  test("a replaced block has another version and its new scores; the old rows again, the old version again", async () => {
    await using bench = new Bench(scheme, layout);
    await setBlock(bench.index, 0, rows);
    const before = bench.describe(0);
    const changed = rows.map((row) => (row.slot === 1 ? { slot: 1, vector: seeded(12).vector(64) } : row));
    await setBlock(bench.index, 0, changed);
    expect(bench.describe(0).version).not.toBe(before.version);
    bench.check((await bench.scores(question, [0])).get(0), changed, question);
    await setBlock(bench.index, 0, rows.toReversed());
    expect(bench.describe(0)).toEqual(before);
    bench.check((await bench.scores(question, [0])).get(0), rows, question);
  });

  test("two blocks of the same rows have different versions: a querier knows blocks by them", async () => {
    await using bench = new Bench(scheme, layout);
    await setBlock(bench.index, 0, rows);
    await setBlock(bench.index, 1, rows);
    expect(bench.describe(1).version).not.toBe(bench.describe(0).version);
  });

  test("a version is 16 bytes in hex, and tells rows, their slots, and a zero row from none", async () => {
    await using bench = new Bench(scheme, layout);
    const zero = { slot: 3, vector: new Float32Array(64) };
    const versions: string[] = [];
    for (const each of [
      rows,
      rows.slice(1),
      rows.map(({ slot, vector }) => ({ slot: slot + 1, vector })),
      [...rows, zero],
    ]) {
      await setBlock(bench.index, 0, each);
      versions.push(bench.describe(0).version);
    }
    expect(new Set(versions).size).toBe(4);
    for (const version of versions) expect(version).toMatch(/^[0-9a-f]{32}$/);
  });

  test("says which slots hold a row", async () => {
    await using bench = new Bench(scheme, layout);
    await setBlock(bench.index, 0, rowsAt(layout, [0, 9, 255], 13));
    const expected = new Uint8Array(32);
    expected.set([1, 2], 0);
    expected[31] = 128;
    expect(bench.describe(0).occupied).toEqual(expected);
  });

  test("a removed block is gone, and its slot in the answer too; removing what is not there is nothing", async () => {
    await using bench = new Bench(scheme, layout);
    for (const block of [0, 1, 2]) await setBlock(bench.index, block, rowsAt(layout, [block], block + 14));
    await setBlock(bench.index, 1, []);
    await setBlock(bench.index, 8, []);
    expect([bench.index.describe(1), bench.index.describe(8), bench.index.describe(9)]).toEqual([null, null, null]);
    const scores = await bench.scores(question, [0, 2]);
    bench.check(scores.get(2), rowsAt(layout, [2], 16), question);
  });

  test("neither keeps nor changes a row's vector", async () => {
    await using bench = new Bench(scheme, layout);
    const vector = seeded(17).vector(64);
    const before = vector.slice();
    await setBlock(bench.index, 0, [{ slot: 4, vector }]);
    expect(vector).toEqual(before);
    vector.fill(0);
    bench.check((await bench.scores(question, [0])).get(0), [{ slot: 4, vector: before }], question);
  });

  test("takes bytes that lie inside a larger Buffer", async () => {
    await using bench = new Bench(scheme, layout);
    await setBlock(bench.index, 0, rows);
    const inside = (bytes: Uint8Array): Buffer =>
      Buffer.concat([Buffer.from([9]), bytes, Buffer.from([9])]).subarray(1, -1);
    using asked = await bench.ask(question);
    const { scores } = await bench.index.answer(inside(asked.query));
    bench.check(asked.secrets.read(PARTY, bench.describe(0), inside(scores)), rows, question);
  });

  test("reading after the secrets are wiped is a bug of the caller", async () => {
    await using bench = new Bench(scheme, layout);
    await setBlock(bench.index, 0, rows);
    const { query, secrets } = await bench.asker.ask(question);
    const { scores } = await bench.index.answer(query);
    secrets.read(PARTY, bench.describe(0), scores);
    secrets[Symbol.dispose]();
    expect(() => secrets.read(PARTY, bench.describe(0), scores)).toThrow(TypeError);
    secrets[Symbol.dispose]();
  });
}

function refusalsContract(scheme: Scheme): void {
  const layout = layoutOf(64, 8);
  const good = seeded(20).vector(64);
  const withEntry = (entry: number): Float32Array => good.with(63, entry);

  test.each([
    { id: "an entry that is NaN", row: { slot: 1, vector: withEntry(NaN) } },
    { id: "an infinite entry", row: { slot: 1, vector: withEntry(-Infinity) } },
    { id: "a short vector", row: { slot: 1, vector: good.slice(1) } },
    { id: "a long vector", row: { slot: 1, vector: new Float32Array(65) } },
    { id: "a vector of norm 1.01 M", row: { slot: 1, vector: seeded(21).vector(64, 1.01) } },
    { id: "the largest float", row: { slot: 1, vector: withEntry(3.4e38) } },
    { id: "a slot past the last", row: { slot: 256, vector: good } },
    { id: "a slot below the first", row: { slot: -1, vector: good } },
    { id: "a slot that is no whole number", row: { slot: 1.5, vector: good } },
    { id: "a slot that is NaN", row: { slot: NaN, vector: good } },
    { id: "a slot given twice", row: { slot: 0, vector: good } },
  ])("a row with $id; the block stays as it was", async ({ row }) => {
    await using bench = new Bench(scheme, layout);
    const { index } = bench;
    await setBlock(index, 0, [{ slot: 2, vector: good }]);
    const before = index.describe(0);
    for (const block of [0, 1]) {
      const refusal = index.stage(block, [{ slot: 0, vector: good }, row]);
      await expect(refusal).rejects.toEqual(fault("ROW_INVALID"));
      await expect(refusal).rejects.not.toThrow(/\d\.\d{3}/);
    }
    index.commit();
    expect(index.describe(0)).toEqual(before);
    expect(index.describe(1)).toBeNull();
  });

  test.each([
    { id: "an entry that is NaN", embedding: withEntry(NaN) },
    { id: "an infinite entry", embedding: withEntry(Infinity) },
    { id: "too few entries", embedding: good.slice(1) },
    { id: "no entries", embedding: new Float32Array(0) },
    { id: "norm 1.01", embedding: seeded(22).vector(64, 1.01) },
  ])("an embedding with $id", async ({ embedding }) => {
    await using bench = new Bench(scheme, layout);
    await expect(bench.asker.ask(embedding)).rejects.toEqual(fault("EMBEDDING_INVALID"));
  });

  test("a query of a wrong size or with an impossible value, and answers the next one", async () => {
    await using bench = new Bench(scheme, layout);
    const rows = rowsAt(layout, [0], 23);
    await setBlock(bench.index, 0, rows);
    using asked = await bench.ask(good);
    const spoilt = asked.query.slice();
    scheme.spoilQuery(spoilt);
    const { query } = asked;
    for (const bad of [
      new Uint8Array(0),
      query.slice(1),
      Buffer.concat([query, query.slice(0, 1)]),
      Buffer.concat([query, query]),
      spoilt,
    ]) {
      await expect(bench.index.answer(bad)).rejects.toEqual(fault("QUERY_MALFORMED"));
    }
    bench.check(bench.read(asked, await bench.index.answer(query), [bench.describe(0)]).get(0), rows, good);
  });

  test("scores of a wrong size", async () => {
    await using bench = new Bench(scheme, layout);
    await setBlock(bench.index, 0, rowsAt(layout, [0], 24));
    using asked = await bench.ask(good);
    const { scores } = await bench.index.answer(asked.query);
    for (const bad of [new Uint8Array(0), scores.slice(1), Buffer.concat([scores, scores])]) {
      expect(() => asked.secrets.read(PARTY, bench.describe(0), bad)).toThrow(fault("ANSWER_MALFORMED"));
    }
  });

  test("scores that are noise are read as numbers all the same", async () => {
    await using bench = new Bench(scheme, layout);
    await setBlock(bench.index, 0, rowsAt(layout, [0], 25));
    using asked = await bench.ask(good);
    for (const byte of [0, 0x55, 0xff]) {
      expect(
        asked.secrets.read(PARTY, bench.describe(0), new Uint8Array(scheme.scoreBytes(layout)).fill(byte)).length,
      ).toBe(256);
    }
  });

  test("malformed hints, at reading; preparing ahead goes on for the other blocks", async () => {
    await using bench = new Bench(scheme, layout);
    const rows = rowsAt(layout, [0], 26);
    await setBlock(bench.index, 0, rows);
    const block = bench.describe(0);
    for (const { id, hint } of scheme.spoiltHints(block.hint)) {
      const bad = { ...block, version: `version ${id}`, hint };
      bench.asker.blocksChanged(
        new Map([
          ["liar", [bad]],
          [PARTY, [block]],
        ]),
      );
      await bench.asker.ready();
      using asked = await bench.ask(good);
      const answer = await bench.index.answer(asked.query);
      expect(() => asked.secrets.read("liar", bad, answer.scores)).toThrow(fault("HINT_MALFORMED"));
      bench.check(bench.read(asked, answer, [block]).get(0), rows, good);
    }
  });
}

function concurrencyContract(scheme: Scheme): void {
  let bench: Bench;
  beforeAll(() => {
    bench = new Bench(scheme, DEEP, 0);
  });
  afterAll(() => bench[Symbol.asyncDispose]());
  const question = seeded(30).vector(DEEP.dim);
  const blocks = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
  const rowsOf = (block: number): BlockRow[] => rowsAt(DEEP, [block, 255], 31 + block);
  const fill = async (): Promise<void> => {
    for (const block of blocks) await setBlock(bench.index, block, rowsOf(block));
  };

  test("blocks that are replaced, removed or added meanwhile are scored as they were, under the versions they had", async () => {
    await fill();
    const before = blocks.map((block) => bench.describe(block));
    using asked = await bench.ask(question);
    await bench.index.stage(9, rowsAt(DEEP, [9], 40));
    await bench.index.stage(8, []);
    await bench.index.stage(12, rowsAt(DEEP, [0, 1], 41));
    expect(blocks.map((block) => bench.describe(block))).toEqual(before);
    const running = bench.index.answer(asked.query);
    await nextTurn();
    bench.index.commit();
    const old = bench.read(asked, await running, before);
    for (const block of blocks) bench.check(old.get(block), rowsOf(block), question);

    const now = await bench.scores(question, [0, 1, 2, 3, 4, 5, 6, 7, 9, 12]);
    bench.check(now.get(9), rowsAt(DEEP, [9], 40), question);
    bench.check(now.get(12), rowsAt(DEEP, [0, 1], 41), question);
    await setBlock(bench.index, 12, []);
  });

  test("what is staged does not show until the commit, then all of it at once, however many queries run", async () => {
    await fill();
    const [old, next] = [rowsAt(DEEP, [0], 50), rowsAt(DEEP, [1], 51)];
    for (const block of blocks) await bench.index.stage(block, old);
    bench.index.commit();
    using asked = await bench.ask(question);
    let committed = false;
    /** The versions of every answer, asked one after the other from before the commit to after it. */
    const askOn = async (): Promise<string[][]> => {
      const seen: string[][] = [];
      for (let isLast = false; !isLast;) {
        isLast = committed;
        seen.push((await bench.index.answer(asked.query)).blocks.map(({ version }) => version));
      }
      return seen;
    };
    const asking = Promise.all([askOn(), askOn()]);
    for (const block of blocks) await bench.index.stage(block, next);
    await bench.index.answer(asked.query);
    bench.index.commit();
    committed = true;
    const kinds = new Set((await asking).flat().map((versions) => versions.toSorted().join(" ")));
    expect(kinds.size).toBe(2);
  });

  test("what is discarded never shows, and what is staged twice shows as it was last", async () => {
    await fill();
    const before = blocks.map((block) => bench.describe(block));
    await bench.index.stage(0, rowsAt(DEEP, [7], 52));
    await bench.index.stage(1, []);
    await bench.index.stage(20, rowsAt(DEEP, [7], 53));
    bench.index.discard();
    bench.index.commit();
    expect(blocks.map((block) => bench.describe(block))).toEqual(before);
    await bench.index.stage(0, rowsAt(DEEP, [7], 52));
    await bench.index.stage(0, rowsAt(DEEP, [8], 54));
    bench.index.commit();
    const now = await bench.scores(question, blocks);
    bench.check(now.get(0), rowsAt(DEEP, [8], 54), question);
    bench.check(now.get(1), rowsOf(1), question);
  });

  test("answers have the same list of blocks until the next commit, which returns it", async () => {
    await fill();
    using asked = await bench.ask(question);
    await bench.index.stage(0, rowsAt(DEEP, [7], 52));
    const list = bench.index.commit();
    expect((await bench.index.answer(asked.query)).blocks).toBe(list);
    expect((await bench.index.answer(asked.query)).blocks).toBe(list);
  });

  test("two queries at once do not disturb each other, and others get their turn meanwhile", async () => {
    await fill();
    using first = await bench.ask(question);
    using second = await bench.ask(question.map((entry) => -entry));
    let done = false;
    const doneAtTheNextTurn = nextTurn().then(() => done);
    const answers = await Promise.all([first, second].map(({ query }) => bench.index.answer(query)));
    done = true;
    expect(await doneAtTheNextTurn).toBe(false);
    const [ofFirst, ofSecond] = answers as [IndexAnswer, IndexAnswer];
    const descriptions = blocks.map((block) => bench.describe(block));
    bench.check(bench.read(first, ofFirst, descriptions).get(9), rowsOf(9), question);
    bench.check(
      bench.read(second, ofSecond, descriptions).get(9),
      rowsOf(9),
      question.map((entry) => -entry),
    );
  });

  test("ends when its signal fires, before it begins or between slices; the next query is answered", async () => {
    await fill();
    using asked = await bench.ask(question);
    await expect(bench.index.answer(asked.query, AbortSignal.abort())).rejects.toEqual(fault("ABORTED"));
    const controller = new AbortController();
    const running = bench.index.answer(asked.query, controller.signal);
    controller.abort();
    await setBlock(bench.index, 0, rowsAt(DEEP, [3], 42));
    await expect(running).rejects.toEqual(fault("ABORTED"));
    bench.check((await bench.scores(question, blocks)).get(0), rowsAt(DEEP, [3], 42), question);
  });
}
