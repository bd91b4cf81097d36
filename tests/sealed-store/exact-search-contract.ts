import { describe, expect, test } from "@jest/globals";
import type { Filter, SealedRow, SealedStore } from "../../party-node/sealed-store/index.ts";
import { killedChild } from "./killed-child.ts";
import { LIFTED_DIM, liftedQuestion, liftedRow } from "./lifted-rows.ts";
import { SETTINGS, nearestOf, numberOf, passageFor, row, rowId, rowRange, vectorFor } from "./rows.ts";
import { type SealedStoreHarness, fault } from "./sealed-store-contract.ts";

const ID = SETTINGS.id;
const EXACT = { ...SETTINGS, search: "exact" } as const;
/** What an `approximate` collection would be searched by its index for. */
const INDEXED = { exactRowsMax: 20 };

const squaredDistance = (a: Float32Array, b: Float32Array): number =>
  a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0);

/** Of every question the nearest rows, or others as near, each as it was put last. */
async function expectNearest(store: SealedStore, rows: ReadonlyMap<number, SealedRow>, filter?: Filter): Promise<void> {
  const all = [...rows.values()].filter(({ fields }) => !filter || fields?.["year"] === filter["year"]?.eq);
  for (const candidates of [1, 10, 130])
    for (let question = 0; question < 5; question++) {
      const vector = liftedQuestion(question);
      const found = await store.search(ID, { vector, candidates, ...(filter ? { filter } : {}) });
      const distances = all.map((one) => squaredDistance(one.vector, vector)).sort((a, b) => a - b);
      expect(found.map((one) => squaredDistance(one.vector, vector))).toEqual(distances.slice(0, candidates));
      expect(new Set(found.map((one) => numberOf(one.rowId))).size).toBe(found.length);
      for (const one of found) {
        const { vector: stored, version } = rows.get(numberOf(one.rowId))!;
        expect([one.version, one.vector]).toEqual([version, stored]);
        expect(Buffer.from(one.passage)).toEqual(Buffer.from(passageFor(numberOf(one.rowId), version)));
      }
    }
}

/** What every store must find in an `exact` collection. */
export function exactSearchContract(name: string, makeHarness: () => Promise<SealedStoreHarness>): void {
  describe(`${name}: an exact search`, () => {
    test("finds the nearest rows, far from all of them too, whatever is put, replaced or removed", async () => {
      await using harness = await makeHarness();
      let store = await harness.open(INDEXED);
      await store.createCollection({ ...EXACT, dim: LIFTED_DIM });
      const rows = new Map<number, SealedRow>();
      const put = async (batch: readonly SealedRow[]): Promise<void> => {
        await store.put(ID, batch);
        for (const one of batch) rows.set(numberOf(one.rowId), one);
      };
      const remove = async (numbers: readonly number[]): Promise<void> => {
        await store.remove(ID, numbers.map(rowId));
        for (const number of numbers) rows.delete(number);
      };
      const range = (from: number, count: number, version = 1): SealedRow[] =>
        Array.from({ length: count }, (_, i) => liftedRow(from + i, version));
      await put(range(0, 2500));
      await put(range(2500, 2500));
      await expectNearest(store, rows);
      await put(range(5000, 300)); // the vectors were read already
      await put(range(100, 300, 2));
      await expectNearest(store, rows);
      await remove(Array.from({ length: 700 }, (_, i) => 7 * i));
      await put([liftedRow(7, 3), liftedRow(9000)]);
      await expect(store.put(ID, [...range(1000, 2000, 9), liftedRow(7, 3)])).rejects.toThrow(fault("ROW_REPLAYED"));
      await expectNearest(store, rows);
      await expectNearest(store, rows, { year: { eq: 2003 } });
      store = await harness.open(INDEXED);
      await expectNearest(store, rows);
      await remove([...rows.keys()].slice(2500));
      await remove([...rows.keys()].slice(3));
      await expectNearest(store, rows);
      await remove([...rows.keys()]);
      await expectNearest(store, rows);
      await put(range(20, 5, 5));
      await expectNearest(store, rows);
    });

    test("finds what another process has put", async () => {
      await using harness = await makeHarness();
      const store = await harness.open(INDEXED);
      await store.createCollection(EXACT);
      await store.put(ID, rowRange(10_000, 50));
      expect(await store.search(ID, { vector: vectorFor(10_003), candidates: 60 })).toHaveLength(50);
      await store.close();
      await killedChild(harness.childOptions, "put", { lines: 4, delayMs: 3 });
      const again = await harness.open(INDEXED);
      const count = (await again.rowCount(ID)) - 50;
      expect(count).toBeGreaterThanOrEqual(80);
      for (const number of [0, 33, 10_007]) {
        const found = await again.search(ID, { vector: vectorFor(number, 2), candidates: 25 });
        const nearest = nearestOf([...rowRange(0, count), ...rowRange(10_000, 50)], vectorFor(number, 2), 25);
        expect(found.map((one) => numberOf(one.rowId))).toEqual(nearest);
      }
      await again.put(ID, [row(20_000)]);
    });
  });
}
