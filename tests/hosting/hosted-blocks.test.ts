import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { type ScoringIndex, scoreStandardDeviation } from "../../crypto/index.ts";
import { RlweAsker } from "../../crypto/secret/index.ts";
import { HostedBlocks, type HostedBlocksOptions } from "../../party-node/hosting/hosted-blocks.ts";
import { type SealedRow, type SealedStore, openSqliteSealedStore } from "../../party-node/sealed-store/index.ts";
import { Collection } from "../../party-node/serving/collection.ts";
import { fault, innerProduct, layoutOf, localIndex, seeded } from "../crypto/support.ts";
import { numberOf, rowId } from "../sealed-store/rows.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const ID = "0123456789abcdef0123456789abcdef";
const layout = layoutOf(64, 64); // 32 rows a block
const SIX_SIGMA = 6 * scoreStandardDeviation(layout);
const asker = new RlweAsker(layout, { poolSize: 0 });

let folder: ReturnType<typeof temporaryFolder>;
let store: SealedStore;
let index: ScoringIndex;
let blocks: HostedBlocks;
let collection: Collection;

/** Starts serving from the store, or from what stands before it. */
function serve(from: Partial<HostedBlocksOptions["store"]> = {}): void {
  const reached = {
    revision: (id: string) => store.revision(id),
    versions: (...page: Parameters<SealedStore["versions"]>) => store.versions(...page),
    readVectors: (id: string, ids: readonly Uint8Array[]) => store.readVectors(id, ids),
    ...from,
  };
  blocks = new HostedBlocks({ store: reached, collectionId: ID, rowsPerBlock: layout.rowsPerBlock });
  index = localIndex(layout, new Uint8Array(32).fill(7));
  collection = new Collection(blocks, index, () => 0);
}

beforeEach(async () => {
  folder = temporaryFolder();
  store = openSqliteSealedStore({ folder: join(folder.path, "host") });
  await store.createCollection({ id: ID, dim: layout.dim, owner: "owner", fields: [], search: "exact" });
  serve();
});
afterEach(async () => {
  await index.close();
  await store.close();
  folder[Symbol.dispose]();
});

/** Its norm tells version from version. */
const vectorOf = (number: number, version: number): Float32Array =>
  seeded(number * 100 + version).vector(layout.dim, 1 / (1 + (version % 4)));
const row = (number: number, version = 1): SealedRow => ({
  rowId: rowId(number),
  version,
  vector: vectorOf(number, version),
  passage: new Uint8Array(16),
});
const rows = (from: number, count: number, version = 1): SealedRow[] =>
  Array.from({ length: count }, (_, i) => row(from + i, version));

interface Scored {
  readonly number: number;
  readonly score: number;
  readonly rowNumber: number;
}

/** Asks, and reads the score of every row that was there. */
async function scored(question: Float32Array): Promise<Scored[]> {
  const { query, secrets } = await asker.ask(question);
  const { answer, rowAt } = await collection.score(query, new AbortController().signal);
  const found = answer.blocks.flatMap(({ block }, i) => {
    const bytes = answer.scores.subarray(i * layout.scoreBytesPerBlock, (i + 1) * layout.scoreBytesPerBlock);
    return Array.from(secrets.read("host", index.describe(block)!, bytes), (score, slot) => {
      const rowNumber = rowAt(block, slot);
      expect(Number.isNaN(score)).toBe(rowNumber === null);
      return {
        score,
        rowNumber: rowNumber ?? -1,
        number: numberOf(blocks.rowIdOf(rowNumber ?? -1)?.rowId ?? rowId(-1)),
      };
    });
  });
  secrets[Symbol.dispose]();
  return found.filter(({ score }) => !Number.isNaN(score));
}

/** The rows that are served, with their scores, are these: number -> version. */
async function expectServed(expected: ReadonlyMap<number, number>): Promise<Scored[]> {
  const question = seeded(1).vector(layout.dim);
  const found = await scored(question);
  expect(found.map(({ number }) => number).toSorted((a, b) => a - b)).toEqual(
    [...expected.keys()].toSorted((a, b) => a - b),
  );
  for (const { number, score } of found) {
    const exact = innerProduct(question, vectorOf(number, expected.get(number)!));
    expect(Math.abs(score - exact)).toBeLessThan(SIX_SIGMA);
  }
  expect(collection.rowCount).toBe(expected.size);
  return found;
}

const all = (count: number, version = 1): Map<number, number> =>
  new Map(Array.from({ length: count }, (_, number) => [number, version]));

test("scores are those of the rows that are there, however they come, go and are replaced", async () => {
  const { uniform } = seeded(4);
  const random = (below: number): number => Math.floor(uniform() * below);
  const there = new Map<number, number>();
  const last = new Map<number, number>();
  const numberOfRow = new Map<number, number>();
  for (let round = 0; round < 15; round++) {
    const gone = new Set([...there.keys()].filter(() => uniform() < 0.15));
    await store.remove(
      ID,
      [...gone].map((number) => rowId(number)),
    );
    for (const number of gone) there.delete(number);
    const put = new Set(Array.from({ length: random(60) }, () => random(250)));
    for (const number of put) {
      last.set(number, (last.get(number) ?? 0) + 1);
      there.set(number, last.get(number)!);
    }
    await store.put(
      ID,
      [...put].map((number) => row(number, last.get(number))),
    );
    await collection.refresh();
    for (const { number, rowNumber } of await expectServed(there)) {
      // A number, once given, names this row alone.
      expect(numberOfRow.get(rowNumber) ?? number).toBe(number);
      numberOfRow.set(rowNumber, number);
      expect(blocks.rowIdOf(rowNumber)?.version).toBe(there.get(number));
    }
  }
  expect(there.size).toBeGreaterThan(64);
  expect((await collection.refresh()).changed).toBe(0);
});

test("only blocks whose rows have changed are read and encoded again", async () => {
  const read: number[] = [];
  await index.close();
  serve({
    readVectors: (id, ids) => {
      read.push(ids.length);
      return store.readVectors(id, ids);
    },
  });
  const changed = async (): Promise<number> => (await collection.refresh()).changed;
  const versions = (): (string | undefined)[] => [0, 1, 2, 3, 4].map((block) => index.describe(block)?.version);
  await store.put(ID, rows(0, 130));
  expect([await changed(), read.splice(0)]).toEqual([5, [32, 32, 32, 32, 2]]);
  expect([await changed(), read]).toEqual([0, []]);

  const before = versions();
  await store.put(ID, [row(40, 2)]); // the rows were placed by id
  expect([await changed(), read.splice(0)]).toEqual([1, [32]]);
  expect(versions().map((version, block) => version === before[block])).toEqual([true, false, true, true, true]);

  await store.remove(ID, [rowId(3), rowId(128), rowId(129)]);
  expect([await changed(), read.splice(0)]).toEqual([2, [31]]);
  expect(index.describe(4)).toBeNull();
  await store.put(ID, rows(300, 2)); // into the slot that is free, and into the block that was emptied
  expect([await changed(), read.splice(0)]).toEqual([2, [32, 1]]);
  await store.writeAttachment(ID, new Uint8Array(9));
  expect([await changed(), read]).toEqual([0, []]);
  const expected = all(128).set(40, 2).set(300, 1).set(301, 1);
  expected.delete(3);
  await expectServed(expected);
});

test("the rows of an old answer are what they were, or gone, never others", async () => {
  await store.put(ID, rows(0, 32));
  await collection.refresh();
  const before = await expectServed(all(32));
  await store.remove(
    ID,
    rows(0, 10).map((one) => one.rowId),
  );
  await store.put(ID, [...rows(100, 9), row(20, 2)]); // into the slots of the removed ones
  await collection.refresh();
  expect(index.describe(1)).toBeNull();
  for (const { number, rowNumber } of before)
    expect(blocks.rowIdOf(rowNumber)).toEqual(
      number < 10 ? null : { rowId: rowId(number), version: number === 20 ? 2 : 1 },
    );
  await store.remove(ID, [rowId(20)]);
  await collection.refresh();
  await store.put(ID, [row(20, 3)]);
  await collection.refresh();
  expect(blocks.rowIdOf(before.find(({ number }) => number === 20)!.rowNumber)).toBeNull();
});

test.each<[string, () => Promise<unknown>]>([
  ["put", () => store.put(ID, [row(90, 2)])],
  ["removed", () => store.remove(ID, [rowId(90)])],
])(
  "a row that is %s while blocks are read stops the refresh; nothing of it is served, and the next one is right",
  async (what, change) => {
    let meddle = false;
    let changing: Promise<unknown> | null = null;
    await index.close();
    serve({
      readVectors: async (id, ids) => {
        if (meddle) await (changing ??= change());
        return store.readVectors(id, ids);
      },
    });
    await store.put(ID, rows(0, 90));
    await collection.refresh();
    await store.put(ID, [row(5, 2), row(50, 2), row(90)]);
    meddle = true;
    await expect(collection.refresh()).rejects.toThrow(fault("COLLECTION_CHANGED"));
    await expectServed(all(90));

    await collection.refresh();
    const expected = all(90).set(5, 2).set(50, 2);
    if (what === "put") expected.set(90, 2);
    await expectServed(expected);
  },
);

test("a transaction between two pages of the list is seen wholly; one at each reading is a fault", async () => {
  let puts = 0;
  let putsMax = 1;
  await index.close();
  serve({
    versions: async (id, page) => {
      const found = await store.versions(id, { ...page, limit: 10 });
      // Below and above what has been listed.
      if (page?.after && puts < putsMax) await store.put(ID, [row(5, ++puts + 1), row(95, puts + 1)]);
      return found;
    },
  });
  await store.put(ID, rows(0, 100));
  await collection.refresh();
  await expectServed(all(100).set(5, 2).set(95, 2));

  putsMax = Infinity;
  await store.put(ID, [row(50, 2)]);
  await expect(collection.refresh()).rejects.toThrow(fault("COLLECTION_CHANGED"));
  await expectServed(all(100).set(5, 2).set(95, 2));
  putsMax = 0;
  await collection.refresh();
  await expectServed(
    all(100)
      .set(5, puts + 1)
      .set(95, puts + 1)
      .set(50, 2),
  );
});

test("an erased collection is a fault, and one that was made again is served as it is", async () => {
  await store.put(ID, rows(0, 40));
  await collection.refresh();
  await store.erase(ID);
  await expect(collection.refresh()).rejects.toThrow(fault("COLLECTION_UNKNOWN"));
  await expectServed(all(40));
  await store.createCollection({ id: ID, dim: layout.dim, owner: "owner", fields: [], search: "exact" });
  await collection.refresh();
  expect([collection.rowCount, await scored(vectorOf(1, 1))]).toEqual([0, []]);
  await store.put(ID, rows(0, 3, 5));
  await collection.refresh();
  await expectServed(all(3, 5));
});
