import { setImmediate } from "node:timers/promises";
import { describe, expect, test } from "@jest/globals";
import type { Candidate, Filter, SealedStore } from "../../party-node/sealed-store/index.ts";
import { killedChild } from "./killed-child.ts";
import { DIM, SETTINGS, nearestOf, numberOf, passageFor, row, rowId, rowRange, vectorFor } from "./rows.ts";

/** An empty store somewhere, for one test. */
export interface SealedStoreHarness extends AsyncDisposable {
  /** Opens it; what was open before is closed. */
  open(options?: { readonly exactRowsMax?: number }): Promise<SealedStore>;
  /** What store-child.ts needs to open it, once it is closed here. */
  readonly childOptions: object;
}

export const fault = (code: string) => expect.objectContaining({ name: "Fault", code });
const numbers = (found: readonly { rowId: Uint8Array }[]): number[] => found.map((one) => numberOf(one.rowId));
const ID = SETTINGS.id;

/** Each candidate is one version of one row, wholly. */
function expectWhole(candidates: readonly Candidate[]): void {
  for (const { rowId: id, version, vector, passage } of candidates) {
    expect(Buffer.from(passage)).toEqual(Buffer.from(passageFor(numberOf(id), version)));
    expect(vector).toEqual(vectorFor(numberOf(id), version));
  }
}

/** What every {@link SealedStore} must do. */
export function sealedStoreContract(name: string, makeHarness: () => Promise<SealedStoreHarness>): void {
  const check = (
    title: string,
    body: (store: SealedStore, harness: SealedStoreHarness) => Promise<void>,
    options?: { readonly exactRowsMax: number },
  ): void => {
    test(title, async () => {
      await using harness = await makeHarness();
      const store = await harness.open(options);
      await store.createCollection(SETTINGS);
      await body(store, harness);
    });
  };

  describe(`${name}: collections`, () => {
    check("are listed with their settings and rows, also after a restart", async (store, harness) => {
      await store.createCollection({ id: "another", dim: 3, owner: "somebody", fields: [], search: "exact" });
      await store.put(ID, rowRange(0, 7));
      const expected = [
        { id: "another", dim: 3, owner: "somebody", fields: [], search: "exact", rowCount: 0 },
        { ...SETTINGS, rowCount: 7 },
      ];
      expect(await store.collections()).toEqual(expected);
      expect(await (await harness.open()).collections()).toEqual(expected);
    });

    check("have an id of their own", async (store) => {
      await expect(store.createCollection({ ...SETTINGS, dim: 3 })).rejects.toThrow(fault("COLLECTION_EXISTS"));
      expect(await store.collections()).toEqual([{ ...SETTINGS, rowCount: 0 }]);
    });

    check("that are not there are refused everywhere", async (store) => {
      for (const id of ["nobody", "", "clinic'; DROP TABLE rows; --", "\0", "Clinic", "x".repeat(5000)]) {
        for (const attempt of [
          () => store.rowCount(id),
          () => store.put(id, [row(1)]),
          () => store.remove(id, [rowId(1)]),
          () => store.erase(id),
          () => store.versions(id),
          () => store.search(id, { vector: vectorFor(1), candidates: 1 }),
          () => store.read(id, [rowId(1)]),
          () => store.readVectors(id, [rowId(1)]),
          () => store.revision(id),
          () => store.writeAttachment(id, new Uint8Array(1)),
          () => store.attachment(id),
        ])
          await expect(attempt()).rejects.toThrow(fault("COLLECTION_UNKNOWN"));
      }
    });

    check("do not mix", async (store) => {
      await store.createCollection({ ...SETTINGS, id: "other" });
      await store.put(ID, rowRange(0, 5));
      await store.put("other", rowRange(3, 5, 2));
      expect(numbers(await store.search(ID, { vector: vectorFor(4), candidates: 100 })).toSorted()).toEqual([
        0, 1, 2, 3, 4,
      ]);
      await store.remove(ID, [rowId(3), rowId(4)]);
      expect(await store.rowCount("other")).toBe(5);
      await store.erase(ID);
      const found = await store.search("other", { vector: vectorFor(4), candidates: 100 });
      expect(numbers(found).toSorted()).toEqual([3, 4, 5, 6, 7]);
      expectWhole(found);
    });

    check("that were erased are gone, and their ids free", async (store, harness) => {
      await store.put(ID, rowRange(0, 5));
      await store.erase(ID);
      await expect(store.rowCount(ID)).rejects.toThrow(fault("COLLECTION_UNKNOWN"));
      const again = await harness.open();
      expect(await again.collections()).toEqual([]);
      await again.createCollection(SETTINGS);
      expect(await again.versions(ID)).toEqual([]);
      await again.put(ID, [row(1)]); // nothing is known of its versions
    });

    check("of a wrong form are refused", async (store) => {
      const field = { name: "year", type: "number" } as const;
      for (const wrong of [
        { id: "" },
        { id: "../up" },
        { id: "-dash" },
        { id: "x".repeat(64) },
        { id: "a b" },
        { dim: 0 },
        { dim: 8193 },
        { dim: 1.5 },
        { dim: NaN },
        { owner: "" },
        { owner: "x".repeat(257) },
        { fields: [field, field] },
        { fields: [{ name: 'year"; DROP TABLE collections; --', type: "number" }] },
        { fields: [{ name: "Year", type: "number" }] },
        { fields: [{ name: "year", type: "boolean" }] },
        { fields: [{ ...field, unique: true }] },
        { fields: Array.from({ length: 17 }, (_, i) => ({ ...field, name: `f${i.toString()}` })) },
        { search: "fast" },
        { search: undefined },
        { feilds: [] },
      ]) {
        const settings = { ...SETTINGS, id: "new", ...wrong } as typeof SETTINGS;
        await expect(store.createCollection(settings)).rejects.toThrow(fault("COLLECTION_INVALID"));
      }
      expect(await store.collections()).toHaveLength(1);
    });
  });

  describe(`${name}: rows`, () => {
    check("come back as they were put, nearest first, also after a restart", async (store, harness) => {
      const extreme = {
        ...row(900),
        vector: Float32Array.from({ length: DIM }, (_, i) => [1e15, -1e-38, 0.1, 1 / 3][i % 4]!),
      };
      const empty = {
        rowId: rowId(901),
        version: Number.MAX_SAFE_INTEGER,
        vector: vectorFor(901),
        passage: new Uint8Array(0),
      };
      await store.put(ID, [...rowRange(0, 30), extreme, empty]);
      for (const reach of [() => store, () => harness.open()]) {
        const opened = await reach();
        const found = await opened.search(ID, { vector: vectorFor(17), candidates: 5 });
        expect(numbers(found)).toEqual(nearestOf(rowRange(0, 30), vectorFor(17), 5));
        expectWhole(found);
        const all = await opened.search(ID, { vector: vectorFor(17), candidates: 2048 });
        expect(all).toHaveLength(32);
        expect(all.at(-1)?.vector).toEqual(extreme.vector);
        const last = all.find((one) => numberOf(one.rowId) === 901);
        expect([last?.version, last?.passage.length]).toEqual([Number.MAX_SAFE_INTEGER, 0]);
      }
    });

    check("are replaced by a higher version only, and a replayed batch changes nothing", async (store) => {
      await store.put(ID, [row(1, 5), row(2, 5)]);
      for (const version of [4, 5])
        await expect(store.put(ID, [row(3, 1), row(1, 6), row(2, version)])).rejects.toThrow(fault("ROW_REPLAYED"));
      expect(await store.versions(ID)).toEqual([1, 2].map((n) => ({ rowId: rowId(n), version: 5 })));
      await store.put(ID, [row(2, 6)]);
      const found = await store.search(ID, { vector: vectorFor(2, 6), candidates: 9 });
      expect(found.map(({ rowId: id, version }) => [numberOf(id), version])).toEqual([
        [2, 6],
        [1, 5],
      ]);
      expectWhole(found);
      expect(
        await store.search(ID, { vector: vectorFor(2), candidates: 9, filter: { year: { eq: 2002 } } }),
      ).toHaveLength(1);
    });

    check("that were removed are not found, and do not come back in an old version", async (store) => {
      await store.put(ID, rowRange(0, 6, 3));
      expect(await store.remove(ID, [rowId(2), rowId(4), rowId(77)])).toBe(2);
      expect(await store.remove(ID, [rowId(2)])).toBe(0);
      expect(await store.rowCount(ID)).toBe(4);
      expect(numbers(await store.search(ID, { vector: vectorFor(2, 3), candidates: 9 })).toSorted()).toEqual([
        0, 1, 3, 5,
      ]);
      expect(numbers(await store.versions(ID))).toEqual([0, 1, 3, 5]);
      await expect(store.put(ID, [row(2, 3)])).rejects.toThrow(fault("ROW_REPLAYED"));
      await store.put(ID, [row(2, 4)]);
      await expect(store.put(ID, [row(2, 4)])).rejects.toThrow(fault("ROW_REPLAYED"));
      expect(await store.rowCount(ID)).toBe(5);
    });

    check("of a wrong form are refused, and the batch with them", async (store) => {
      const good = row(1);
      const vector = (value: number) => ({ vector: vectorFor(1).fill(value, 3, 4) });
      const hostile: [string, object][] = [
        ["VECTOR_INVALID", { vector: vectorFor(1, 1, DIM + 1) }],
        ["VECTOR_INVALID", { vector: vectorFor(1, 1, DIM - 1) }],
        ["VECTOR_INVALID", { vector: Array.from(vectorFor(1)) }],
        ["VECTOR_INVALID", vector(NaN)],
        ["VECTOR_INVALID", vector(Infinity)],
        ["VECTOR_INVALID", vector(-3e38)],
        ["ROW_INVALID", { rowId: new Uint8Array(15) }],
        ["ROW_INVALID", { rowId: new Uint8Array(17) }],
        ["ROW_INVALID", { version: 0 }],
        ["ROW_INVALID", { version: 1.5 }],
        ["ROW_INVALID", { version: 2 ** 53 }],
        ["ROW_INVALID", { version: "1" }],
        ["ROW_INVALID", { passage: new Uint8Array(128 * 1024 + 1) }],
        ["ROW_INVALID", { passage: "text" }],
        ["ROW_INVALID", { fields: { price: 3 } }],
        ["ROW_INVALID", { fields: { constructor: 3 } }],
        ["ROW_INVALID", { fields: { "year, version": 3 } }],
        ["ROW_INVALID", { fields: { year: "2001" } }],
        ["ROW_INVALID", { fields: { year: NaN } }],
        ["ROW_INVALID", { fields: { topic: 7 } }],
        ["ROW_INVALID", { fields: { topic: "a\0b" } }],
        ["ROW_INVALID", { fields: { topic: "\ud800" } }],
        ["ROW_INVALID", { fields: { topic: "x".repeat(257) } }],
        ["ROW_INVALID", { rowId: rowId(2) }],
        ["ROW_INVALID", { text: "in clear" }],
      ];
      for (const [code, wrong] of hostile) {
        const attempt = store.put(ID, [row(2), { ...good, ...wrong }]);
        await expect(attempt).rejects.toThrow(fault(code));
      }
      expect(await store.rowCount(ID)).toBe(0);
    });

    check("are read by id in the order asked, those that are there", async (store, harness) => {
      await store.put(ID, rowRange(0, 40));
      await store.put(ID, [{ ...row(7, 2), passage: new Uint8Array(128 * 1024).fill(9) }]);
      await store.remove(ID, [rowId(3)]);
      const asked = [30, 3, 7, 0, 99, 12, 7].map((number) => rowId(number));
      const there = [30, 7, 0, 12, 7];
      for (const reach of [() => store, () => harness.open()]) {
        const opened = await reach();
        const found = await opened.read(ID, asked);
        expect(numbers(found)).toEqual(there);
        expectWhole(found.filter((one) => numberOf(one.rowId) !== 7));
        expect([found[1]?.version, found[1]?.passage.length]).toEqual([2, 128 * 1024]);
        expect(await opened.readVectors(ID, asked)).toEqual(
          found.map(({ rowId: id, version, vector }) => ({ rowId: id, version, vector })),
        );
        expect([await opened.read(ID, []), await opened.readVectors(ID, [rowId(99)])]).toEqual([[], []]);
      }
      store = await harness.open();
      const many = rowRange(0, 4096, 3);
      await store.put(ID, many);
      const ids = many.map((one) => one.rowId).toReversed();
      expect(numbers(await store.readVectors(ID, ids))).toEqual(ids.map(numberOf));
    });

    check("give the collection another revision whenever they change, and only then", async (store, harness) => {
      const seen: number[] = [];
      const expectAnother = async (): Promise<void> => {
        const revision = await store.revision(ID);
        expect(Number.isSafeInteger(revision)).toBe(true);
        expect(seen).not.toContain(revision);
        seen.push(revision);
      };
      await expectAnother();
      expect(seen).toEqual([0]);
      await store.put(ID, rowRange(0, 3));
      await expectAnother();
      await store.put(ID, [row(1, 2)]);
      await expectAnother();
      await store.remove(ID, [rowId(2), rowId(77)]);
      await expectAnother();
      await store.put(ID, []);
      await store.remove(ID, [rowId(77)]);
      await store.put(ID, [row(5), row(1)]).catch(() => undefined);
      await store.writeAttachment(ID, new Uint8Array(3));
      await store.search(ID, { vector: vectorFor(1), candidates: 2 });
      const last = seen.at(-1);
      expect(await store.revision(ID)).toBe(last);
      store = await harness.open();
      expect(await store.revision(ID)).toBe(last);
      await store.erase(ID);
      await store.createCollection(SETTINGS);
      expect(await store.revision(ID)).toBe(0);
      await store.put(ID, rowRange(0, 3));
      await expectAnother();
    });

    check("are listed in pages", async (store) => {
      await store.put(ID, rowRange(0, 25).toReversed());
      const pages: number[][] = [];
      let after: Uint8Array | undefined;
      do {
        const page = await store.versions(ID, after ? { after, limit: 10 } : { limit: 10 });
        pages.push(numbers(page));
        after = page.at(-1)?.rowId;
      } while (after);
      expect(pages.map((page) => page.length)).toEqual([10, 10, 5, 0]);
      expect(pages.flat()).toEqual(Array.from({ length: 25 }, (_, i) => i));
      await expect(store.versions(ID, { limit: 20_000 })).rejects.toThrow(fault("STORE_LIMIT"));
      await expect(store.versions(ID, { offset: 3 } as object)).rejects.toThrow(TypeError);
    });

    check("beyond the limits are refused before anything is done", async (store) => {
      await expect(store.put(ID, rowRange(0, 4097))).rejects.toThrow(fault("STORE_LIMIT"));
      const passage = new Uint8Array(128 * 1024);
      await expect(
        store.put(
          ID,
          rowRange(0, 512).map((one) => ({ ...one, passage })),
        ),
      ).rejects.toThrow(fault("STORE_LIMIT"));
      await expect(
        store.remove(
          ID,
          Array.from({ length: 4097 }, (_, i) => rowId(i)),
        ),
      ).rejects.toThrow(fault("STORE_LIMIT"));
      await expect(store.remove(ID, [new Uint8Array(4)])).rejects.toThrow(fault("ROW_INVALID"));
      const ids = Array.from({ length: 4097 }, (_, i) => rowId(i));
      for (const read of ["read", "readVectors"] as const) {
        await expect(store[read](ID, ids)).rejects.toThrow(fault("STORE_LIMIT"));
        await expect(store[read](ID, [new Uint8Array(17)])).rejects.toThrow(fault("ROW_INVALID"));
      }
      expect(await store.rowCount(ID)).toBe(0);
    });
  });

  describe(`${name}: attachments`, () => {
    const bytes = (length: number, from: number): Uint8Array => Uint8Array.from({ length }, (_, i) => from + i * 7);

    check("come back as written last, each collection's its own, also after a restart", async (store, harness) => {
      await store.createCollection({ ...SETTINGS, id: "other" });
      expect(await store.attachment(ID)).toEqual(new Uint8Array(0));
      await store.writeAttachment(ID, bytes(4 * 1024 * 1024, 1));
      await store.writeAttachment("other", bytes(5, 2));
      await store.put(ID, rowRange(0, 3));
      for (const reach of [() => store, () => harness.open()]) {
        const opened = await reach();
        expect(Buffer.from(await opened.attachment(ID)).equals(bytes(4 * 1024 * 1024, 1))).toBe(true);
        expect(await opened.attachment("other")).toEqual(bytes(5, 2));
        expect(await opened.rowCount(ID)).toBe(3);
      }
      store = await harness.open();
      await store.writeAttachment(ID, bytes(300, 3));
      expect(await store.attachment(ID)).toEqual(bytes(300, 3));
      await store.writeAttachment(ID, new Uint8Array(0));
      expect(await store.attachment(ID)).toEqual(new Uint8Array(0));
      await store.writeAttachment(ID, bytes(9, 4));
      await store.erase(ID);
      await store.createCollection(SETTINGS);
      expect([await store.attachment(ID), await store.attachment("other")]).toEqual([new Uint8Array(0), bytes(5, 2)]);
    });

    check("of a wrong form are refused, and the old one stays", async (store) => {
      await store.writeAttachment(ID, bytes(5, 2));
      await expect(store.writeAttachment(ID, new Uint8Array(4 * 1024 * 1024 + 1))).rejects.toThrow(
        fault("STORE_LIMIT"),
      );
      await expect(store.writeAttachment(ID, "text" as never)).rejects.toThrow(TypeError);
      expect(await store.attachment(ID)).toEqual(bytes(5, 2));
    });
  });

  describe(`${name}: filters`, () => {
    const matching = async (store: SealedStore, filter: Filter): Promise<number[]> =>
      numbers(await store.search(ID, { vector: vectorFor(1), candidates: 100, filter })).toSorted((a, b) => a - b);

    check("choose by equality, membership and order, and a missing value matches nothing", async (store) => {
      await store.put(ID, [
        ...rowRange(0, 10),
        { ...row(50), fields: {} },
        { ...row(51), fields: { topic: "topic 1" } },
      ]);
      expect(await matching(store, { year: { eq: 2003 } })).toEqual([3]);
      expect(await matching(store, { year: { in: [2003, 2005, 1] } })).toEqual([3, 5]);
      expect(await matching(store, { year: { gt: 2003, lte: 2006 } })).toEqual([4, 5, 6]);
      expect(await matching(store, { year: { gte: 2008 } })).toEqual([8, 9]);
      expect(await matching(store, { year: { lt: 2001.5 } })).toEqual([0, 1]);
      expect(await matching(store, { topic: { eq: "topic 1" } })).toEqual([1, 6, 51]);
      expect(await matching(store, { topic: { eq: "topic 1" }, year: { gt: 2001 } })).toEqual([6]);
      expect(await matching(store, { topic: { eq: "TOPIC 1" } })).toEqual([]);
    });

    check("of a wrong form are refused, never a match", async (store) => {
      await store.put(ID, rowRange(0, 3));
      const hostile: unknown[] = [
        {},
        { year: {} },
        { year: undefined },
        { year: 2001 },
        { price: { eq: 1 } },
        { constructor: { eq: 1 } },
        { "year = 2001 OR true --": { eq: 1 } },
        { '"; DROP TABLE rows; --': { eq: 1 } },
        { year: { ne: 1 } },
        { year: { "= 1 OR true OR field_0 =": 1 } },
        { year: { eq: "2001" } },
        { year: { eq: null } },
        { year: { eq: NaN } },
        { year: { eq: [2001] } },
        { year: { eq: { toString: "x" } } },
        { year: { in: [] } },
        { year: { in: 2001 } },
        { year: { in: Array.from({ length: 65 }, (_, i) => i) } },
        { year: { in: [1, "2"] } },
        { year: { eq: 2001, unknown: 1 } },
        { topic: { gt: "a" } },
        { topic: { eq: "a\0" } },
        { topic: { eq: 1 } },
      ];
      for (const filter of hostile)
        await expect(matching(store, filter as Filter)).rejects.toThrow(fault("FILTER_INVALID"));
      expect(await store.rowCount(ID)).toBe(3);
    });

    check("take SQL in a value for the text it is", async (store) => {
      const texts = ["' OR '1'='1", "'; DROP TABLE rows; --", "$1", "?1", "\\", "%", "topic\u202e", "\u{1f3e5}"];
      await store.put(
        ID,
        texts.map((topic, i) => ({ ...row(i), fields: { topic } })),
      );
      for (const [i, topic] of texts.entries()) expect(await matching(store, { topic: { eq: topic } })).toEqual([i]);
      expect(await matching(store, { topic: { in: texts } })).toHaveLength(texts.length);
      expect(await store.rowCount(ID)).toBe(texts.length);
    });
  });

  describe(`${name}: searches`, () => {
    check("of a wrong form are refused", async (store) => {
      await store.put(ID, rowRange(0, 3));
      const hostile: [string, object][] = [
        ["VECTOR_INVALID", { vector: vectorFor(1, 1, DIM + 1) }],
        ["VECTOR_INVALID", { vector: vectorFor(1).fill(NaN, 0, 1) }],
        ["VECTOR_INVALID", { vector: [1, 2, 3] }],
        ["STORE_LIMIT", { candidates: 0 }],
        ["STORE_LIMIT", { candidates: 2049 }],
        ["STORE_LIMIT", { candidates: 1.5 }],
        ["STORE_LIMIT", { candidates: NaN }],
      ];
      const good = { vector: vectorFor(1), candidates: 3 };
      for (const [code, wrong] of hostile)
        await expect(store.search(ID, { ...good, ...wrong })).rejects.toThrow(fault(code));
      await expect(store.search(ID, { ...good, flter: {} } as typeof good)).rejects.toThrow(TypeError);
      expect(await store.search(ID, good)).toHaveLength(3);
    });

    check("of an empty collection find nothing", async (store) => {
      expect(await store.search(ID, { vector: vectorFor(1), candidates: 10 })).toEqual([]);
      expect(await store.search(ID, { vector: vectorFor(1), candidates: 10, filter: { year: { eq: 1 } } })).toEqual([]);
    });

    check(
      "through the index find the nearest rows that are there now, as many as asked for",
      async (store, harness) => {
        const initial = rowRange(0, 400);
        await store.put(ID, initial);
        await store.remove(
          ID,
          initial.filter((_, i) => i % 3 === 0).map((one) => one.rowId),
        );
        await store.put(ID, rowRange(1, 1, 2));
        const now = [...initial.filter((one, i) => i % 3 !== 0 && numberOf(one.rowId) !== 1), row(1, 2)];
        for (const reach of [() => store, () => harness.open({ exactRowsMax: 20 })]) {
          const opened = await reach();
          let hits = 0;
          for (let q = 0; q < 20; q++) {
            const query = vectorFor(q * 19 + 3, 1).map((value, i) => value + 0.1 * Math.cos(q + i));
            const found = await opened.search(ID, { vector: query, candidates: 10 });
            expect(found).toHaveLength(10);
            expectWhole(found);
            expect(numbers(found)).toEqual(
              nearestOf(
                now.filter(({ rowId: id }) => numbers(found).includes(numberOf(id))),
                query,
                10,
              ),
            );
            const nearest = nearestOf(now, query, 10);
            hits += numbers(found).filter((number) => nearest.includes(number)).length;
          }
          expect(hits / 200).toBeGreaterThan(0.95);
          expect(await opened.search(ID, { vector: vectorFor(3), candidates: 2000 })).toHaveLength(now.length);
          for (const filter of [
            { year: { eq: 2005 } },
            { topic: { eq: "topic 2" } },
            { year: { gte: 2002 } },
          ] as Filter[]) {
            const fits = now.filter(({ fields }) =>
              filter.topic
                ? fields?.topic === "topic 2"
                : filter.year?.eq
                  ? fields?.year === 2005
                  : (fields?.year as number) >= 2002,
            );
            const found = await opened.search(ID, { vector: vectorFor(5), candidates: 12, filter });
            expect(found).toHaveLength(Math.min(12, fits.length));
            const nearest = nearestOf(fits, vectorFor(5), 12);
            expect(numbers(found).filter((number) => nearest.includes(number)).length).toBeGreaterThanOrEqual(
              found.length - 1,
            );
          }
        }
      },
      { exactRowsMax: 20 },
    );

    check(
      "while rows are put see each batch wholly, and every one that was put before",
      async (store) => {
        let batchesPut = 0;
        const putting = (async () => {
          for (let batch = 1; batch <= 15; batch++) {
            await store.put(ID, rowRange(0, 30, batch)); // the same 30 rows in the next version
            await store.put(ID, rowRange(1000 * batch, 10));
            batchesPut = batch;
          }
        })();
        let searches = 0;
        while (batchesPut < 15) {
          const before = batchesPut;
          const found = await store.search(ID, { vector: vectorFor(3, 8), candidates: 2048 });
          expectWhole(found);
          const replaced = found.filter((one) => numberOf(one.rowId) < 30);
          expect(new Set(replaced.map(({ version }) => version)).size).toBeLessThanOrEqual(1);
          expect(new Set(numbers(found)).size).toBe(found.length);
          expect(found.length).toBeGreaterThanOrEqual(before > 0 ? 30 + 10 * before : 0);
          if (before > 0) expect(replaced[0]?.version).toBeGreaterThanOrEqual(before);
          searches++;
          await setImmediate(); // SQLite answers at once, and would leave no room for the puts
        }
        await putting;
        expect(searches).toBeGreaterThan(3);
        expect(await store.rowCount(ID)).toBe(30 + 150);
      },
      { exactRowsMax: 20 },
    );
  });

  describe(`${name}: killed`, () => {
    test("while it puts, it has every batch that was put, and each wholly", async () => {
      await using harness = await makeHarness();
      const store = await harness.open();
      await store.createCollection(SETTINGS);
      await store.close();
      const written = await killedChild(harness.childOptions, "put", { lines: 12, delayMs: 7 });
      const again = await harness.open({ exactRowsMax: 20 });
      const rowCount = await again.rowCount(ID);
      expect([rowCount % 20, rowCount / 20 >= written.length, rowCount / 20 <= written.length + 1]).toEqual([
        0,
        true,
        true,
      ]);
      const found = await again.search(ID, { vector: vectorFor(25), candidates: 2000 });
      expect(numbers(found).toSorted((a, b) => a - b)).toEqual(Array.from({ length: rowCount }, (_, i) => i));
      expectWhole(found);
      await again.put(ID, [row(100_000)]);
    });

    test.each([0, 2, 6])("%p ms into an erase, it has the collection wholly or not at all", async (delayMs) => {
      await using harness = await makeHarness();
      const store = await harness.open();
      await store.createCollection(SETTINGS);
      await store.put(ID, rowRange(0, 300));
      await store.close();
      await killedChild(harness.childOptions, "erase", { lines: 1, delayMs });
      const again = await harness.open();
      const [collection] = await again.collections();
      // The child may have come to create it again, before or after its rows.
      expect([undefined, 0, 300]).toContain(collection?.rowCount);
      if (collection) expectWhole(await again.search(ID, { vector: vectorFor(1), candidates: 300 }));
      else await again.createCollection(SETTINGS);
      await again.erase(ID);
    });
  });

  describe(`${name}: closed`, () => {
    check("it refuses, and may be closed again", async (store) => {
      await store.close();
      await store.close();
      for (const attempt of [
        () => store.collections(),
        () => store.createCollection(SETTINGS),
        () => store.rowCount(ID),
      ])
        await expect(attempt()).rejects.toThrow(fault("STORE_UNAVAILABLE"));
    });
  });
}
