import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { measureRankProfile, sodium } from "../../crypto/index.ts";
import { inOrder, mergeRankings } from "../../party-node/asking/merged-ranking.ts";
import { newCollectionKey } from "../../party-node/keyring/index.ts";
import { checkCandidates } from "../../party-node/outsourced/candidate-check.ts";
import { CollectionSecrets } from "../../party-node/outsourced/collection-secrets.ts";
import {
  type CollectionHeader,
  openHeader,
  packRemoved,
  sealHeader,
  unpackRemoved,
} from "../../party-node/outsourced/header.ts";
import { RowSealer } from "../../party-node/outsourced/row-sealer.ts";
import { SeenSequences, measureCollection } from "../../party-node/outsourced/index.ts";
import { openSqliteStore } from "../../party-node/store/index.ts";
import type { PackedRow } from "../../protocol/index.ts";
import { fault, innerProduct } from "../crypto/support.ts";
import { corpus } from "../federation/corpora.ts";
import { entryOf } from "../keyring/entries.ts";
import { steadyEncoder } from "../support/hosted.ts";
import { ingestCorpus } from "../support/ingest-corpus.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const rowId = (number: number): Uint8Array => new Uint8Array(16).fill(number);
const name = (number: number): string => sodium.to_hex(rowId(number));

const header = (changes: Partial<CollectionHeader> = {}): CollectionHeader => ({
  sequence: 7,
  rowCountMin: 3,
  removed: packRemoved(new Map([[name(9), 4]])),
  rankProfile: null,
  ...changes,
});

describe("a collection's header", () => {
  const secrets = new CollectionSecrets(newCollectionKey());

  test("opens as it was sealed, and never looks the same twice", () => {
    const rankProfile = measureRankProfile([Float32Array.of(0.3, 0.9, 0.1), Float32Array.of(0.5, 0.2, 0)]);
    const full = header({ rankProfile });
    const [one, two] = [sealHeader(full, secrets), sealHeader(full, secrets)];
    expect(openHeader(one, secrets)).toEqual(full);
    expect(one).not.toEqual(two);
  });

  test("may hold how scores fall for as many questions as an owner measures", () => {
    const questions = Array.from({ length: 1024 }, () => new Array<number>(64).fill(0.5));
    const full = header({ rankProfile: { rowCount: 5, questions } });
    expect(openHeader(sealHeader(full, secrets), secrets)).toEqual(full);
  });

  test("tells its size in steps of a kibibyte only", () => {
    const sizes = [0, 1, 5, 20].map((count) => {
      const removed = packRemoved(new Map(Array.from({ length: count }, (_, i) => [name(i), 1])));
      return sealHeader(header({ removed }), secrets).length;
    });
    expect(new Set(sizes).size).toBe(1);
    expect(sizes[0]! - 24 - 16).toBe(1024);
  });

  test("opens with no other key, under no other key id, and with no byte altered or missing", () => {
    const key = newCollectionKey();
    const sealed = sealHeader(header(), new CollectionSecrets(key));
    const others = [
      newCollectionKey(),
      { ...key, secret: sodium.randombytes_buf(32) },
      { ...key, id: newCollectionKey().id },
    ];
    for (const other of others)
      expect(() => openHeader(sealed, new CollectionSecrets(other))).toThrow(fault("HEADER_TAMPERED"));
    const own = new CollectionSecrets(key);
    for (const at of [0, 23, 24, 100, sealed.length - 1]) {
      const altered = sealed.slice();
      altered[at]! ^= 0x80;
      expect(() => openHeader(altered, own)).toThrow(fault("HEADER_TAMPERED"));
    }
    for (const length of [1, 23, 24, 39, 40, sealed.length - 1])
      expect(() => openHeader(sealed.subarray(0, length), own)).toThrow(fault("HEADER_TAMPERED"));
    expect(() => openHeader(new Uint8Array(0), own)).toThrow(fault("COLLECTION_NOT_FILLED"));
  });

  test.each([
    { sequence: 0 },
    { sequence: 1.5 },
    { rowCountMin: -1 },
    { removed: new Uint8Array(23) },
    { removed: new Uint8Array(24 * 40_001) },
    { rankProfile: { rowCount: 0, questions: [[1]] } },
    { rankProfile: { rowCount: 1, questions: [] } },
    { more: 1 } as Partial<CollectionHeader>,
  ])("that an owner sealed and that makes no sense is refused: %#", (changes) => {
    expect(() => openHeader(sealHeader(header(changes), secrets), secrets)).toThrow(fault("HEADER_TAMPERED"));
  });

  test("names removed rows, and of too many the last", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(
          fc.tuple(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.integer({ min: 1, max: 2 ** 53 - 1 })),
          {
            selector: ([id]) => sodium.to_hex(id),
          },
        ),
        (rows) => {
          const removed = new Map(rows.map(([id, version]) => [sodium.to_hex(id), version]));
          expect([...unpackRemoved(packRemoved(removed))]).toEqual([...removed]);
        },
      ),
    );
    const id = (i: number): string => i.toString(16).padStart(32, "0");
    const many = new Map(Array.from({ length: 40_010 }, (_, i) => [id(i), i + 1]));
    const kept = [...unpackRemoved(packRemoved(many)).keys()];
    expect([kept.length, kept[0], kept.at(-1)]).toEqual([40_000, id(10), id(40_009)]);
    expect(openHeader(sealHeader(header({ removed: packRemoved(many) }), secrets), secrets).removed.length).toBe(
      960_000,
    );
  });
});

test("a row is opened with the place and offset it was sealed with, or without", () => {
  const entry = entryOf("notes");
  const { dim } = entry.encoder;
  const secrets = new CollectionSecrets(entry.current);
  const sealer = new RowSealer(secrets, secrets.capriseKey(entry), dim);
  const passage = { documentId: "a.pdf", title: "A", text: "what it says", ordinal: 2 };
  const vector = new Float32Array(dim).fill(0.1);
  const located = [
    passage,
    { ...passage, place: "page 3" },
    { ...passage, offset: 0 },
    { ...passage, place: "p", offset: 9 },
  ];
  const ids = located.map((one) => sealer.rowId(one, vector, 0));
  expect(new Set(ids.map((id) => Buffer.from(id).toString("hex"))).size).toBe(4);
  const opened = located.map((one, i) =>
    sealer.open(sealer.seal({ rowId: ids[i]!, version: 1, passage: one, vector })),
  );
  expect(opened.map((row) => row.passage)).toEqual(located);
});

describe("candidates", () => {
  const row = (number: number, version = 5): PackedRow => ({
    rowId: rowId(number),
    version,
    vector: new Float32Array(1),
    passage: new Uint8Array(0),
  });
  const asked = { wanted: 3, listed: null };

  test.each([
    { what: "as asked", rows: [row(1), row(2), row(3)] },
    { what: "fewer than asked where the collection has no more", rows: [row(1), row(2), row(3)], wanted: 10 },
    { what: "one of the newest change", rows: [row(1), row(2), row(3, 7)] },
    { what: "one that was removed and put again", rows: [row(1), row(2), row(9, 5)] },
    { what: "more listed than there need be", rows: [row(1), row(2), row(3)], listed: 4 },
  ])("are accepted: $what", ({ rows, wanted = 3, listed = null }) => {
    expect(() => {
      checkCandidates(rows, header(), { wanted, listed });
    }).not.toThrow();
  });

  test.each([
    { what: "a row twice", rows: [row(1), row(2), row(1)], code: "HOST_MISBEHAVED" },
    { what: "a removed row", rows: [row(1), row(2), row(9, 4)], code: "HOST_MISBEHAVED" },
    { what: "an older version of a removed row", rows: [row(1), row(2), row(9, 1)], code: "HOST_MISBEHAVED" },
    { what: "a row newer than the header", rows: [row(1), row(2), row(3, 8)], code: "HOST_ROLLED_BACK" },
    { what: "too few", rows: [row(1), row(2)], code: "CANDIDATES_MISSING" },
    { what: "none", rows: [], code: "CANDIDATES_MISSING" },
    {
      what: "fewer listed than the collection has",
      rows: [row(1), row(2), row(3)],
      listed: 2,
      code: "CANDIDATES_MISSING",
    },
  ])("are refused: $what", ({ rows, listed = null, code }) => {
    expect(() => {
      checkCandidates(rows, header(), { ...asked, listed });
    }).toThrow(fault(code));
  });
});

describe("what was seen of collections", () => {
  test("is kept on disk, only ever rises, and is nobody else's to read", () => {
    using folder = temporaryFolder();
    const path = join(folder.path, "seen.json");
    const seen = new SeenSequences(path);
    expect(seen.get("a")).toBe(0);
    seen.raise("a", 5);
    seen.raise("a", 3);
    seen.raise("b", 1);
    const again = new SeenSequences(path);
    expect([again.get("a"), again.get("b")]).toEqual([5, 1]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test.each(["", "{", "[]", "null", '{"a": -1}', '{"a": "5"}', '{"a": 1.5}'])(
    "a damaged file counts as empty, and is written anew: %p",
    (text) => {
      using folder = temporaryFolder();
      const path = join(folder.path, "seen.json");
      writeFileSync(path, text);
      const seen = new SeenSequences(path);
      expect(seen.get("a")).toBe(0);
      seen.raise("a", 2);
      expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({ a: 2 });
    },
  );

  test("two processes of one member lose nothing of each other", () => {
    using folder = temporaryFolder();
    const path = join(folder.path, "seen.json");
    const here = new SeenSequences(path);
    here.raise("ours", 4);
    here.raise("both", 4);
    const module_ = join(import.meta.dirname, "../../party-node/outsourced/seen-sequences.ts");
    const program = `import { SeenSequences } from ${JSON.stringify(module_)};
      const seen = new SeenSequences(${JSON.stringify(path)});
      seen.raise("theirs", 9); seen.raise("both", 6);`;
    const { status } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
      env: { ...process.env, NODE_OPTIONS: "" },
    });
    expect(status).toBe(0);
    here.raise("ours", 5); // which takes up what the other has seen
    here.raise("both", 5);
    const after = new SeenSequences(path);
    expect(["ours", "theirs", "both"].map((id) => after.get(id))).toEqual([5, 9, 6]);
    expect([here.get("theirs"), here.get("both")]).toEqual([9, 6]);
  });

  test("two processes of one member write it at the same time", async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, "seen.json");
    const module_ = join(import.meta.dirname, "../../party-node/outsourced/seen-sequences.ts");
    const program = `import { SeenSequences } from ${JSON.stringify(module_)};
      const seen = new SeenSequences(${JSON.stringify(path)});
      for (let i = 1; i <= 1000; i++) seen.raise("a", 1000000 + seen.get("a") + i);`;
    const run = async () => {
      const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
        env: { ...process.env, NODE_OPTIONS: "" },
        stdio: "ignore",
      });
      return ((await once(child, "exit")) as [number])[0];
    };
    expect(await Promise.all([run(), run()])).toEqual([0, 0]);
  });

  test("without a file counts for the process", () => {
    const seen = new SeenSequences(null);
    seen.raise("a", 2);
    expect(seen.get("a")).toBe(2);
  });
});

describe("one ranking of parties and hosted collections", () => {
  const candidate = (party: string, score: number, slot = 0) => ({ party, block: 0, slot, score });
  const entry = { ...entryOf("notes"), owner: "clinic" };
  const hosted = (documentId: string, score: number) => ({
    entry,
    documentId,
    title: "",
    text: documentId,
    ordinal: 0,
    score,
  });

  test("has the k best by score, wherever they are", () => {
    const ranking = mergeRankings(
      4,
      [candidate("alpha", 0.9), candidate("alpha", 0.5, 1), candidate("beta", 0.4)],
      [hosted("x", 0.7), hosted("y", 0.6), hosted("z", 0.1)],
    );
    expect(ranking.map(({ score }) => score)).toEqual([0.9, 0.7, 0.6, 0.5]);
    expect(mergeRankings(4, [], [])).toEqual([]);
  });

  test("has at most so many of one owner, what it serves itself and what it has hosted together", () => {
    const clinic = [candidate("clinic", 0.9), candidate("clinic", 0.5, 1)];
    const ranking = mergeRankings(4, [...clinic, candidate("beta", 0.1)], [hosted("x", 0.7), hosted("y", 0.6)], 2);
    expect(ranking.map(({ score }) => score)).toEqual([0.9, 0.7, 0.1]);
  });

  test("does not depend on who answered first where scores are equal", () => {
    const rows = [hosted("x", 0.5), hosted("y", 0.5), hosted("z", 0.5)];
    const parties = [candidate("alpha", 0.5), candidate("delta", 0.5)];
    const once = mergeRankings(3, parties, rows);
    expect(mergeRankings(3, parties.toReversed(), rows.toReversed())).toEqual(once);
  });

  test("is kept by the passages that were delivered, without those that were not", () => {
    const ranking = mergeRankings(
      4,
      [candidate("alpha", 0.9), candidate("alpha", 0.5, 1)],
      [hosted("x", 0.7), hosted("y", 0.6)],
    );
    const fetched = [{ party: "alpha", documentId: "a", title: "", text: "a", ordinal: 0, score: 0.5 }];
    const passages = inOrder(ranking, fetched);
    expect(passages.map(({ documentId }) => documentId)).toEqual(["x", "y", "a"]);
    expect(passages.map(({ party, collection }) => [party, collection])).toEqual([
      ["clinic", "notes"],
      ["clinic", "notes"],
      ["alpha", undefined],
    ]);
  });
});

describe("a ledger's rank profile", () => {
  const encoder = steadyEncoder();

  test("is how the scores of its own passages' first words fall, those of their own document left out", async () => {
    using folder = temporaryFolder();
    const ledger = openSqliteStore({
      path: join(folder.path, "ledger.db"),
      storeKey: sodium.randombytes_buf(32),
      rowsPerBlock: 8,
    });
    try {
      expect(await measureCollection(ledger, encoder)).toBeNull();
      const texts = corpus("case", 20);
      await ingestCorpus(folder.path, texts, ledger, encoder);
      const profile = await measureCollection(ledger, encoder);
      expect(profile).toEqual(await measureCollection(ledger, encoder));
      const vectors = await Promise.all(Object.values(texts).map((text) => encoder.encodeQuery(text)));
      const expected = measureRankProfile(
        vectors.map((question, own) =>
          Float32Array.from(vectors, (vector, i) => (i === own ? 0 : innerProduct(question, vector))),
        ),
      );
      expect(profile!.rowCount).toBe(20);
      const sorted = (questions: readonly (readonly number[])[]) =>
        questions.map((scores) => scores.map((score) => score.toFixed(5)).join()).toSorted();
      expect(sorted(profile!.questions)).toEqual(sorted(expected.questions));
    } finally {
      ledger.close();
    }
  });
});
