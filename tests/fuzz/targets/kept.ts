import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { type EncodedBlock, RING_DEGREE, sodium } from "../../../crypto/index.ts";
import { HintCache } from "../../../party-node/asking/hint-cache.ts";
import { CountStatistics } from "../../../party-node/encoders/count-statistics.ts";
import { LexicalStatistics } from "../../../party-node/encoders/lexical-statistics.ts";
import { openHybrid, openLexical } from "../../../party-node/encoders/index.ts";
import { BlockCache } from "../../../party-node/scoring/block-cache.ts";
import { openSqliteStore } from "../../../party-node/store/index.ts";
import { encodeValue } from "../../../protocol/index.ts";
import { Defect, type FuzzTarget, bytesOf, survives } from "../target.ts";
import { fixed, layout } from "../world.ts";
import { inFile } from "./files.ts";

const { chunks, rowsPerBlock, hintBytes } = layout;
const block: EncodedBlock = {
  version: "0f".repeat(16),
  occupied: new Uint8Array(rowsPerBlock / 8).fill(0xff),
  hint: new Uint8Array(hintBytes).fill(3),
  residues: new Uint8Array(chunks * RING_DEGREE * 4).fill(5),
};

/** A record of the cache is long and sealed: the input is a list of changes to one, each of a place (u16) and a byte; an odd byte at the end cuts the file there. */
function damagedRecord(path: string): (input: Uint8Array) => void {
  let cache: BlockCache | null = null;
  return (input) => {
    cache ??= BlockCache.open({ path, layout, hintKey: fixed("hints") });
    if (!cache) throw new Defect("the cache could not be opened");
    cache.write(0, 7, block);
    const file = openSync(path, "r+");
    const { size } = fstatSync(file);
    for (let at = 0; at + 3 <= input.length; at += 3)
      writeSync(file, input, at + 2, 1, (input[at]! * 256 + input[at + 1]!) % size);
    if (input.length % 3 === 1) ftruncateSync(file, Math.floor((input.at(-1)! / 256) * size));
    closeSync(file);
    const read = cache.read(0, 7);
    if (read && !isDeepStrictEqual({ ...read, residues: new Uint8Array(read.residues) }, block))
      throw new Defect("a damaged record opened as another block");
  };
}

/** Bytes of a store with a document in it, written once. */
function storeFile(folder: string): Uint8Array {
  const path = join(folder, "whole-store.db");
  if (!existsSync(path)) {
    const store = openSqliteStore({ path, storeKey: fixed("store"), rowsPerBlock: 32 });
    const passage = { documentId: "a.md", title: "A", text: "what it says", ordinal: 0 };
    const vectors = [new Float32Array(4).fill(0.5)];
    store.apply({ put: [{ documentKey: "a", contentHash: "0", passages: [passage], vectors }], remove: [] });
    store.writeValue("note", bytesOf("kept"));
    store.close();
  }
  return readFileSync(path);
}

/** Opens a store whose pages were changed, as {@link damagedRecord} changes a record, and reads all that is in it. */
function readStore(path: string, whole: Uint8Array, input: Uint8Array): void {
  const bytes = Buffer.from(whole);
  for (let at = 0; at + 4 <= input.length; at += 4)
    bytes[(input[at]! * 65_536 + input[at + 1]! * 256 + input[at + 2]!) % bytes.length] = input[at + 3]!;
  for (const ending of ["-wal", "-shm"]) rmSync(path + ending, { force: true });
  writeFileSync(path, bytes, { mode: 0o600 });
  const store = openSqliteStore({ path, storeKey: fixed("store"), rowsPerBlock: 32 });
  try {
    for (const number of store.blockRevisions().keys()) {
      store.vectorsOfBlock(number);
      store.commitmentsOfBlock(number);
      store.passages(store.rowIdsOfBlock(number).map(({ rowId }) => rowId));
    }
    store.documentKeys("");
    store.readValue("note");
  } finally {
    store.close();
  }
}

const cached = [
  {
    ...{ block: 1, version: "ab".repeat(16) },
    ...{ occupied: Uint8Array.of(1), hint: new Uint8Array(5), passages: new Uint8Array(32) },
  },
];
const hintFile = (blocks: Uint8Array): Uint8Array =>
  encodeValue({ checksum: sodium.crypto_generichash(32, blocks, null), blocks });

const hybrid = openHybrid([
  { encoder: await openLexical(64), weight: 1 },
  { encoder: await openLexical(32), weight: 0.5 },
]);

function statistics(): LexicalStatistics {
  const taken = new LexicalStatistics();
  taken.add("warfarin after a bleeding ulcer");
  return taken;
}

/** What a node keeps of its own work, after damage. */
export function keptTargets(folder: string): FuzzTarget[] {
  const hints = new HintCache(join(folder, "hint-cache"));
  const inside = new HintCache(join(folder, "hint-cache-inside"));
  const load = (cache: HintCache): void => {
    for (const { block, version, occupied, hint } of cache.load("asker"))
      if (!Number.isSafeInteger(block) || typeof version !== "string" || !occupied.length || !hint.length) return;
  };
  const cbor = { form: "cbor", faults: [] } as const;
  return [
    inFile(
      folder,
      "hint-cache",
      { ...cbor, seeds: () => [hintFile(encodeValue(cached))] },
      () => load(hints),
      "asker.hints",
    ),
    {
      ...inFile(folder, "hint-cache-inside", { ...cbor, seeds: () => [encodeValue(cached)] }, () => null),
      run: (input) => {
        inFile(folder, "hint-cache-inside", { ...cbor, seeds: () => [] }, () => load(inside), "asker.hints").run(
          hintFile(input),
        );
      },
    },
    {
      name: "block-cache",
      form: "bytes",
      faults: [],
      seeds: () => [new Uint8Array(0), Uint8Array.of(0, 3, 0), Uint8Array.of(0, 40, 9), Uint8Array.of(128)],
      bytesMax: 64,
      run: damagedRecord(join(folder, "scoring.cache")),
    },
    {
      name: "store-file",
      form: "bytes",
      faults: ["STORE_FILE", "STORE_VERSION", "STORE_KEY", "STORE_BLOCK_SIZE", "STORE_TAMPERED", "STORE_DAMAGED"],
      seeds: () => [new Uint8Array(0), Uint8Array.of(0, 0, 40, 1), Uint8Array.of(0, 0, 60, 7)],
      bytesMax: 64,
      run: (input) => {
        readStore(join(folder, "damaged-store.db"), storeFile(folder), input);
      },
    },
    {
      name: "lexical-statistics",
      form: "cbor",
      faults: ["BAD_STATISTICS"],
      seeds: () => [new LexicalStatistics().toBytes(), statistics().toBytes()],
      run: survives(
        (bytes) => LexicalStatistics.fromBytes(bytes).toBytes(),
        (bytes) => bytes,
      ),
    },
    {
      name: "count-statistics",
      form: "cbor",
      faults: ["BAD_STATISTICS"],
      seeds: () => [new CountStatistics().toBytes()],
      run: survives(
        (bytes) => CountStatistics.fromBytes(bytes).toBytes(),
        (bytes) => bytes,
      ),
    },
    {
      name: "hybrid-statistics",
      form: "cbor",
      faults: ["BAD_STATISTICS"],
      seeds: () => [hybrid.statistics().toBytes()],
      run: survives(
        (bytes) => hybrid.statistics(bytes).toBytes(),
        (bytes) => bytes,
      ),
    },
  ];
}
