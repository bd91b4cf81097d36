import { describe, expect, test } from "@jest/globals";
import { passageLeaf } from "../../protocol/index.ts";
import type { BlockReader, DocumentRecord, PassageStore } from "../../party-node/store/store.ts";

/** An empty store somewhere, for one test. */
export interface StoreHarness extends Disposable {
  /** One more connection to it; disposing of the harness closes them all. */
  open(): PassageStore;
}

const ROWS_PER_BLOCK = 8;

/** A document of `count` passages whose texts and vectors tell which they are. */
export function record(key: string, count: number, version = 1): DocumentRecord {
  const ordinals = Array.from({ length: count }, (_, ordinal) => ordinal);
  return {
    documentKey: key,
    contentHash: `hash of ${key} ${version.toString()}`,
    passages: ordinals.map((ordinal) => ({
      documentId: `id ${key}`,
      title: "A title",
      text: `${key} v${version.toString()} ${ordinal.toString()}`,
      ordinal,
      ...(ordinal % 2 === 0 ? {} : { place: `page ${ordinal.toString()}` }),
      ...(ordinal % 3 === 0 ? {} : { offset: 100 * ordinal }),
    })),
    vectors: ordinals.map((ordinal) => Float32Array.of(count, ordinal, version, -0.1)),
  };
}

/** All rows: `block/slot` -> text, each vector checked against its passage. */
export function rowsOf(store: PassageStore): Map<string, string> {
  const rows = new Map<string, string>();
  for (const block of store.blockRevisions().keys()) {
    const vectors = store.vectorsOfBlock(block);
    expect(store.rowIdsOfBlock(block).toSorted((a, b) => a.rowId - b.rowId)).toEqual(
      vectors.map(({ rowId, slot }) => ({ rowId, slot })).toSorted((a, b) => a.rowId - b.rowId),
    );
    for (const row of vectors) {
      const [passage] = store.passages([row.rowId]);
      expect(row.vector[1]).toBe(passage?.ordinal);
      expect(row.block).toBe(block);
      expect(row.slot).toBeLessThan(store.rowsPerBlock);
      rows.set(`${block.toString()}/${row.slot.toString()}`, passage?.text ?? "");
    }
  }
  expect(rows.size).toBe(store.rowCount);
  return rows;
}

/** What every {@link PassageStore} must do. */
export function storeContract(name: string, makeHarness: (rowsPerBlock: number) => StoreHarness): void {
  const check = (title: string, body: (store: PassageStore, harness: StoreHarness) => void): void => {
    test(title, () => {
      using harness = makeHarness(ROWS_PER_BLOCK);
      body(harness.open(), harness);
    });
  };

  describe(`${name} keeps the store contract`, () => {
    check("commits to every passage: a leaf for each row, which the passage and its salt open", (store) => {
      store.apply({ put: [record("/a", 5), record("/b", 6)], remove: [] });
      store.apply({ put: [record("/a", 2, 2)], remove: [] });
      const salts = new Set<string>();
      for (const block of store.blockRevisions().keys()) {
        const leaves = new Map(store.commitmentsOfBlock(block).map(({ slot, commitment }) => [slot, commitment]));
        const rows = store.rowIdsOfBlock(block);
        expect(leaves.size).toBe(rows.length);
        for (const { rowId, slot } of rows) {
          const [passage] = store.passages([rowId]);
          const salted = store.salted(passage!);
          expect(salted).toEqual({ ...passage, salt: expect.any(Uint8Array) });
          expect(passageLeaf(salted)).toEqual(leaves.get(slot));
          salts.add(Buffer.from(salted.salt).toString("hex"));
        }
      }
      expect(salts.size).toBe(8);
      expect(store.commitmentsOfBlock(99)).toEqual([]);
    });

    check("a new store is empty", (store) => {
      expect([store.rowCount, store.documentCount, store.blockRevisions().size]).toEqual([0, 0, 0]);
      expect(store.contentHash("/a")).toBeNull();
      expect(store.readValue("x")).toBeNull();
      expect(store.rowsPerBlock).toBe(ROWS_PER_BLOCK);
    });

    check("gives back what was put, also over a new connection", (store, harness) => {
      const b = record("/b", 3);
      store.apply({ put: [record("/a", 2), b], remove: [] });
      for (const each of [store, harness.open()]) {
        expect([each.rowCount, each.documentCount]).toEqual([5, 2]);
        expect(each.contentHash("/b")).toBe(b.contentHash);
        expect(each.passagesOfDocument("/b").map(({ rowId, ...passage }) => passage)).toEqual(b.passages);
        expect(each.passagesOfDocument("/c")).toEqual([]);
        const ids = each.passagesOfDocument("/b").map(({ rowId }) => rowId);
        expect(each.vectorsOfBlock(0).find((row) => row.rowId === ids[2])?.vector).toEqual(b.vectors[2]);
        expect([...rowsOf(each).values()].toSorted()).toEqual(["/a v1 0", "/a v1 1", "/b v1 0", "/b v1 1", "/b v1 2"]);
      }
    });

    check("lists keys by prefix, in order", (store) => {
      store.apply({ put: ["/x/b", "/x/a", "/xy", "/y"].map((key) => record(key, 1)), remove: [] });
      expect(store.documentKeys("/x/")).toEqual(["/x/a", "/x/b"]);
      expect(store.documentKeys("")).toEqual(["/x/a", "/x/b", "/xy", "/y"]);
    });

    check("gives passages in the order asked and leaves out rows that are gone", (store) => {
      store.apply({ put: [record("/a", 3), record("/b", 1)], remove: [] });
      const [first, second, third] = store.passagesOfDocument("/a").map(({ rowId }) => rowId) as [
        number,
        number,
        number,
      ];
      const [gone] = store.passagesOfDocument("/b").map(({ rowId }) => rowId) as [number];
      store.apply({ put: [], remove: ["/b", "/never there"] });
      expect(store.passages([third, gone, first, 999, second]).map(({ ordinal }) => ordinal)).toEqual([2, 0, 1]);
    });

    check("gives passages as of one moment, also when another connection replaces them meanwhile", (store, harness) => {
      store.apply({ put: [record("/a", 1), record("/b", 1)], remove: [] });
      const other = harness.open();
      const rowIds = ["/a", "/b"].map((key) => store.passagesOfDocument(key)[0]!.rowId);
      const second = rowIds[1]!;
      // Whoever reads the second id makes the other connection write first.
      Object.defineProperty(rowIds, 1, {
        get: () => {
          if (other.passagesOfDocument("/b")[0]?.rowId === second)
            other.apply({ put: [record("/a", 1, 2), record("/b", 1, 2)], remove: [] });
          return second;
        },
      });
      expect(store.passages(rowIds).map(({ text }) => text)).toEqual(["/a v1 0", "/b v1 0"]);
      expect(store.passages(rowIds)).toEqual([]);
    });

    check("fills blocks before it begins new ones", (store) => {
      for (const key of ["/a", "/b", "/c"]) store.apply({ put: [record(key, 7)], remove: [] });
      expect([...store.blockRevisions().keys()]).toEqual([0, 1, 2]);
      expect([0, 1, 2].map((block) => store.rowIdsOfBlock(block).length)).toEqual([8, 8, 5]);
      rowsOf(store);
    });

    check("a changed document replaces its rows, in their old slots, under new ids", (store) => {
      store.apply({ put: [record("/a", 8), record("/b", 8)], remove: [] });
      const before = rowsOf(store);
      const oldIds = store.passagesOfDocument("/a").map(({ rowId }) => rowId);
      store.apply({ put: [record("/a", 8, 2)], remove: [] });
      const after = rowsOf(store);
      expect([...after.keys()].toSorted()).toEqual([...before.keys()].toSorted());
      for (const [place, text] of before)
        expect(after.get(place)).toEqual(text.startsWith("/b") ? text : expect.stringMatching(/^\/a v2 \d$/));
      expect(Math.min(...store.passagesOfDocument("/a").map(({ rowId }) => rowId))).toBeGreaterThan(
        Math.max(...oldIds),
      );
      expect(store.contentHash("/a")).toBe("hash of /a 2");
    });

    check("gives the touched blocks revisions they never had, and no other", (store) => {
      for (const key of ["/a", "/b", "/c"]) store.apply({ put: [record(key, 8)], remove: [] });
      const first = store.blockRevisions();
      expect([...first.keys()]).toEqual([0, 1, 2]);
      store.apply({ put: [], remove: ["/b"] });
      const second = store.blockRevisions();
      store.apply({ put: [record("/d", 9)], remove: [] });
      const third = store.blockRevisions();
      for (const block of [0, 2]) expect(new Set([first, second, third].map((at) => at.get(block))).size).toBe(1);
      expect(new Set([first, second, third].map((at) => at.get(1))).size).toBe(3);
      expect([...third.keys()]).toEqual([0, 1, 2, 3]);
      for (const revision of third.values()) expect(Number.isSafeInteger(revision)).toBe(true);
    });

    check("gives a snapshot that later changes do not reach", (store) => {
      store.apply({ put: [record("/a", 8), record("/b", 8)], remove: [] });
      const vectors = (from: BlockReader): unknown => [0, 1, 2].map((block) => from.vectorsOfBlock(block));
      const [revisions, before] = [store.blockRevisions(), vectors(store)];
      const snapshot = store.snapshot();
      store.apply({ put: [record("/a", 8, 2), record("/c", 3)], remove: ["/b"] });
      expect(snapshot.blockRevisions()).toEqual(revisions);
      expect(vectors(snapshot)).toEqual(before);
      expect(snapshot.rowIdsOfBlock(2)).toEqual([]);
      snapshot[Symbol.dispose]();
      using later = store.snapshot();
      expect(vectors(later)).toEqual(vectors(store));
      expect(later.blockRevisions()).not.toEqual(revisions);
    });

    check("never gives a row id twice", (store) => {
      store.apply({ put: [record("/a", 4)], remove: [] });
      const old = store.passagesOfDocument("/a").map(({ rowId }) => rowId);
      store.apply({ put: [], remove: ["/a"] });
      store.apply({ put: [record("/a", 4)], remove: [] });
      expect(store.passagesOfDocument("/a").filter(({ rowId }) => old.includes(rowId))).toEqual([]);
    });

    check("neither slots nor row ids follow the documents", (store) => {
      // One chance in 64! that a random order is this one.
      store.apply({ put: [record("/a", 64)], remove: [] });
      const inOrder = Array.from({ length: 64 }, (_, ordinal) => ordinal);
      const bySlot = [...store.blockRevisions().keys()].flatMap((block) =>
        store.vectorsOfBlock(block).toSorted((a, b) => a.slot - b.slot),
      );
      expect(bySlot.map(({ vector }) => vector[1])).not.toEqual(inOrder);
      expect(bySlot.toSorted((a, b) => a.rowId - b.rowId).map(({ vector }) => vector[1])).not.toEqual(inOrder);
    });

    check("slots do not follow the order of insertion", (store) => {
      // One chance in 8! ** 4 that random orders are these.
      for (let i = 0; i < 32; i++) store.apply({ put: [record(`/${i.toString()}`, 1)], remove: [] });
      const slots = store
        .passages(Array.from({ length: 32 }, (_, i) => i + 1))
        .map(
          ({ rowId }) =>
            [0, 1, 2, 3].flatMap((block) => store.rowIdsOfBlock(block)).find((row) => row.rowId === rowId)?.slot ?? -1,
        );
      expect(slots).not.toEqual(Array.from({ length: 32 }, (_, i) => i % 8));
      expect(slots.toSorted()).toEqual(Array.from({ length: 32 }, (_, i) => i >> 2));
    });

    check("a change that fails half way leaves nothing behind", (store, harness) => {
      store.apply({ put: [record("/a", 2)], remove: [] });
      const [before, revisions] = [rowsOf(store), store.blockRevisions()];
      const failing = record("/c", 1);
      const passages = failing.passages.map((passage) => ({
        ...passage,
        get text(): string {
          throw new Error("disk on fire");
        },
      }));
      expect(() => store.apply({ put: [record("/b", 9), { ...failing, passages }], remove: ["/a"] })).toThrow(
        "disk on fire",
      );
      for (const each of [store, harness.open()]) {
        expect(rowsOf(each)).toEqual(before);
        expect(each.documentKeys("")).toEqual(["/a"]);
        expect(each.blockRevisions()).toEqual(revisions);
      }
      store.apply({ put: [record("/b", 1)], remove: [] });
    });

    check("a refused change leaves nothing behind", (store) => {
      store.apply({ put: [record("/a", 2)], remove: [] });
      const bad = { ...record("/b", 2), vectors: [] };
      expect(() => store.apply({ put: [record("/c", 1), bad], remove: ["/a"] })).toThrow(TypeError);
      expect(() => store.apply({ put: [record("/c", 1), record("/c", 2)], remove: ["/a"] })).toThrow(TypeError);
      expect(store.documentKeys("")).toEqual(["/a"]);
    });

    check("keeps a document without passages", (store) => {
      store.apply({ put: [record("/a", 0)], remove: [] });
      expect([store.documentCount, store.rowCount, store.contentHash("/a")]).toEqual([1, 0, "hash of /a 1"]);
    });

    check("keeps named values, the last one written", (store, harness) => {
      store.writeValue("x", Uint8Array.of(1));
      store.writeValue("x", Uint8Array.of(2, 0, 255));
      store.writeValue("y", Uint8Array.of());
      const other = harness.open();
      expect([other.readValue("x"), other.readValue("y"), other.readValue("z")]).toEqual([
        Uint8Array.of(2, 0, 255),
        Uint8Array.of(),
        null,
      ]);
    });

    check("another connection sees changes, and that there are some", (store, harness) => {
      const reader = harness.open();
      const before = reader.changeCounter();
      expect(reader.changeCounter()).toBe(before);
      store.apply({ put: [record("/a", 1)], remove: [] });
      expect(reader.changeCounter()).not.toBe(before);
      expect(reader.documentCount).toBe(1);
    });
  });
}
