import { describe, expect, test } from "@jest/globals";
import { blake2b } from "@noble/hashes/blake2.js";
import { sodium } from "../../crypto/index.ts";
import {
  blockVersion,
  descriptionHash,
  encodeValue,
  type CommittedPassage,
  passageLeaf,
  passagePath,
  passageRoot,
  rootOfPath,
} from "../../protocol/index.ts";

const hex = sodium.to_hex;
const hash = (...parts: readonly Uint8Array[]): Uint8Array =>
  blake2b(Uint8Array.from(Buffer.concat(parts)), { dkLen: 32 });
const leaf = (i: number): Uint8Array => new Uint8Array(32).fill(i + 1);
const leaves = Uint8Array.from(Buffer.concat(Array.from({ length: 8 }, (_, i) => leaf(i))));

/** RFC 6962, section 2.1, as it is written: MTH of a list is of its two halves. */
const treeHash = (list: readonly Uint8Array[]): Uint8Array =>
  list.length === 1
    ? list[0]!
    : hash(Uint8Array.of(1), treeHash(list.slice(0, list.length / 2)), treeHash(list.slice(list.length / 2)));

describe("the tree of a block's passages", () => {
  test("has RFC 6962's root, and from every slot its path leads there", () => {
    const list = Array.from({ length: 8 }, (_, i) => leaf(i));
    const root = passageRoot(leaves);
    expect(hex(root)).toBe(hex(treeHash(list)));
    for (const [slot, own] of list.entries()) {
      const path = passagePath(leaves, slot);
      expect(path).toHaveLength(96);
      expect(hex(rootOfPath(own, slot, path))).toBe(hex(root));
    }
  });

  test("a leaf leads there from its own slot alone, by its own path alone", () => {
    const root = hex(passageRoot(leaves));
    const path = passagePath(leaves, 5);
    for (const slot of [0, 1, 4, 6, 7]) expect(hex(rootOfPath(leaf(5), slot, path))).not.toBe(root);
    expect(hex(rootOfPath(leaf(4), 5, path))).not.toBe(root);
    for (const at of [0, 40, 95]) expect(hex(rootOfPath(leaf(5), 5, path.with(at, path[at]! ^ 1)))).not.toBe(root);
  });

  test("no inner node passes for a leaf", () => {
    const passage = { documentId: "a", title: "", text: "x", ordinal: 0, salt: leaf(0) };
    const encoded = encodeValue([passage.salt, "a", "", "x", 0]);
    expect(hex(passageLeaf(passage))).toBe(hex(hash(Uint8Array.of(0), encoded)));
    const located = encodeValue([passage.salt, "a", "", "x", 0, null, 7]);
    expect(hex(passageLeaf({ ...passage, offset: 7 }))).toBe(hex(hash(Uint8Array.of(0), located)));
  });

  test("a leaf is another with every field, the salt among them", () => {
    const passage = { documentId: "a", title: "t", text: "x", ordinal: 0, salt: leaf(0) };
    const changed: Partial<CommittedPassage>[] = [
      { documentId: "b" },
      { title: "" },
      { text: "y" },
      { ordinal: 1 },
      { salt: leaf(1) },
    ];
    changed.push({ place: "1" }, { place: "2" }, { offset: 1 }, { place: "1", offset: 1 }, { offset: 0 });
    const all = [passage, ...changed.map((change) => ({ ...passage, ...change }))].map((one) => hex(passageLeaf(one)));
    expect(new Set(all).size).toBe(11);
  });
});

test("a block's version is another with its number, its slots, its hint and its passages", () => {
  const block = { block: 1, occupied: Uint8Array.of(3), hint: leaf(0), passages: leaf(1) };
  const versionOf = (one: typeof block): string => blockVersion({ ...one, description: descriptionHash(one) });
  const changed = [{ block: 2 }, { occupied: Uint8Array.of(1) }, { hint: leaf(2) }, { passages: leaf(3) }];
  expect(new Set([block, ...changed.map((change) => ({ ...block, ...change }))].map(versionOf)).size).toBe(5);
  expect(versionOf(block)).toMatch(/^[0-9a-f]{32}$/);
});
