import { execFileSync } from "node:child_process";
import {
  closeSync,
  openSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { blake2b } from "@noble/hashes/blake2.js";
import { afterAll, describe, expect, test } from "@jest/globals";
import { BlockShard, type EncodedBlock, type RingLayout } from "../../crypto/index.ts";
import { BlockCache } from "../../party-node/scoring/block-cache.ts";
import { layoutOf, seeded } from "../crypto/support.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());
const layout = layoutOf(40, 16);
const hintKey = new Uint8Array(32).fill(5);
let files = 0;

/** A block as a shard has encoded it. */
function encodedBlock(seed: number): EncodedBlock {
  const shard = new BlockShard(layout, hintKey);
  shard.stage(0, [{ slot: seed, vector: seeded(seed).vector(layout.dim) }]);
  const { residues, ...rest } = shard.encoded(0) ?? ({} as never);
  return { ...rest, residues: residues.slice() };
}

function open(
  path = join(folder.path, `${(files++).toString()}.cache`),
  changes: { layout?: RingLayout; hintKey?: Uint8Array } = {},
) {
  const cache = BlockCache.open({ path, layout, hintKey, ...changes });
  if (!cache) throw new Error("the cache does not open");
  return { cache, path };
}

const plain = (block: EncodedBlock | null): unknown =>
  block && { ...block, residues: Buffer.from(block.residues).toString("hex") };

test("gives blocks back as they were written, to the process and to the next", () => {
  const { cache, path } = open();
  const [first, second] = [encodedBlock(1), encodedBlock(2)];
  cache.write(0, 71, first);
  cache.write(3, 2 ** 53 - 1, second);
  for (const each of [cache, open(path).cache]) {
    expect(plain(each.read(0, 71))).toEqual(plain(first));
    expect(plain(each.read(3, 2 ** 53 - 1))).toEqual(plain(second));
    expect([1, 2, 4].map((block) => each.read(block, 0))).toEqual([null, null, null]);
    each.close();
  }
});

test("keeps one version of a block, the last; removing overwrites it", () => {
  const { cache, path } = open();
  cache.write(1, 10, encodedBlock(1));
  const bytes = readFileSync(path);
  cache.write(1, 11, encodedBlock(2));
  expect(cache.read(1, 10)).toBeNull();
  expect(plain(cache.read(1, 11))).toEqual(plain(encodedBlock(2)));
  expect(readFileSync(path)).toHaveLength(bytes.length);
  cache.remove(1);
  cache.remove(7);
  expect(cache.read(1, 11)).toBeNull();
  expect(readFileSync(path)).toEqual(Buffer.alloc(bytes.length));
  cache.close();
});

describe("does not give", () => {
  test.each([
    { id: "another revision", read: (path: string) => open(path).cache.read(0, 8) },
    { id: "another block's place", read: (path: string) => open(path).cache.read(1, 7) },
    {
      id: "another node's",
      read: (path: string) => open(path, { hintKey: new Uint8Array(32).fill(6) }).cache.read(0, 7),
    },
    {
      id: "another norm's",
      read: (path: string) => open(path, { layout: layoutOf(40, 16, { normMax: 2 }) }).cache.read(0, 7),
    },
    { id: "another dimension's", read: (path: string) => open(path, { layout: layoutOf(41, 16) }).cache.read(0, 7) },
    {
      id: "another federation's",
      read: (path: string) => open(path, { layout: { ...layout, seed: new Uint8Array(32).fill(9) } }).cache.read(0, 7),
    },
  ])("$id block", ({ read }) => {
    const { cache, path } = open();
    cache.write(0, 7, encodedBlock(1));
    expect(cache.read(0, 7)).not.toBeNull();
    expect(read(path)).toBeNull();
  });

  test("a record moved to another block's place, under that block's number", () => {
    const { cache, path } = open();
    cache.write(0, 7, encodedBlock(1));
    const record = readFileSync(path);
    writeFileSync(path, Buffer.concat([record, record]));
    expect(cache.read(0, 7)).not.toBeNull();
    expect(cache.read(1, 7)).toBeNull();
  });

  test("a record with any byte changed", () => {
    const { cache, path } = open();
    cache.write(0, 7, encodedBlock(1));
    const { length } = readFileSync(path);
    const file = openSync(path, "r+");
    const places = [0, 7, 8, 31, 32, 48, 60, length >> 1, length - 17, length - 16, length - 1];
    for (const place of places) {
      const byte = readFileSync(path)[place] ?? 0;
      writeSync(file, Uint8Array.of(byte ^ 1), 0, 1, place);
      expect({ place, read: cache.read(0, 7) }).toEqual({ place, read: null });
      writeSync(file, Uint8Array.of(byte), 0, 1, place);
    }
    expect(cache.read(0, 7)).not.toBeNull();
    closeSync(file);
  });

  test("a record that was cut off, and writes it anew", () => {
    const { cache, path } = open();
    cache.write(0, 7, encodedBlock(1));
    truncateSync(path, statSync(path).size - 1);
    expect(cache.read(0, 7)).toBeNull();
    cache.write(0, 7, encodedBlock(1));
    expect(cache.read(0, 7)).not.toBeNull();
  });

  test("anything from a file of something else", () => {
    const path = join(folder.path, "something else");
    writeFileSync(path, Buffer.alloc(100_000, "a diary "));
    const { cache } = open(path);
    expect([0, 1, 2].map((block) => cache.read(block, 0))).toEqual([null, null, null]);
  });
});

describe("the file", () => {
  test("is its owner's alone, and shows nothing of a block", () => {
    const { cache, path } = open();
    const { residues, hint, version } = encodedBlock(1);
    cache.write(0, 7, encodedBlock(1));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const bytes = readFileSync(path);
    for (const part of [residues.subarray(64, 80), hint.subarray(64, 80), Buffer.from(version, "hex")])
      expect(bytes.includes(Buffer.from(part))).toBe(false);
    cache.write(0, 7, encodedBlock(1));
    expect(readFileSync(path).subarray(8, 64)).not.toEqual(bytes.subarray(8, 64));
  });

  test("opens with an independent implementation of its cipher and key derivation", () => {
    const { cache, path } = open();
    cache.write(2, 7, encodedBlock(1));
    const bytes = readFileSync(path);
    const record = bytes.subarray((bytes.length / 3) * 2);
    const nonce = record.subarray(8, 32);
    const u64 = (value: number): Uint8Array => new Uint8Array(new BigUint64Array([BigInt(value)]).buffer);
    const keyed = (key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array =>
      blake2b(Buffer.concat(parts.flatMap((part) => [u64(part.length), part])), { key, dkLen: 32 });
    const parameters = new Uint8Array(new Float64Array([1, 40, 16, 1]).buffer);
    const cacheKey = keyed(hintKey, Buffer.from("sotto block cache"), parameters, layout.seed);
    const key = keyed(cacheKey, Buffer.from("record"), u64(2), u64(7), nonce);
    const opened = chacha20poly1305(key, new Uint8Array(12)).decrypt(record.subarray(32));
    const { version, occupied, hint, residues } = encodedBlock(1);
    expect(Buffer.from(opened)).toEqual(Buffer.concat([Buffer.from(version, "hex"), occupied, hint, residues]));
  });

  test("that cannot be opened, or is no ordinary file, is no cache", () => {
    const at = (name: string): string => join(folder.path, name);
    writeFileSync(at("precious"), "somebody's diary");
    symlinkSync(at("precious"), at("link"));
    execFileSync("mkfifo", [at("pipe")]);
    for (const path of [folder.path, at("no/such/folder"), at("link"), at("pipe"), "/dev/full"])
      expect({ path, cache: BlockCache.open({ path, layout, hintKey }) }).toEqual({ path, cache: null });
    expect(readFileSync(at("precious"), "utf8")).toBe("somebody's diary");
  });

  test("becomes its owner's alone when others could read it", () => {
    const path = join(folder.path, "open to all");
    writeFileSync(path, "", { mode: 0o644 });
    open(path).cache.close();
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("that can no longer be written keeps nothing, and nothing else happens", () => {
    const { cache } = open();
    cache.close();
    cache.write(0, 7, encodedBlock(1));
    cache.remove(0);
    expect(cache.read(0, 7)).toBeNull();
  });
});
