import { describe, expect, test } from "@jest/globals";
import { KnownBlocks } from "../../party-node/asking/known-blocks.ts";
import { type DescribedBlock, limits } from "../../protocol/index.ts";

const block = (number: number, version: string): DescribedBlock => ({
  block: number,
  version,
  occupied: Uint8Array.of(1),
  hint: new Uint8Array(0),
  passages: new Uint8Array(32),
});

describe("what is known of a party's blocks", () => {
  test("the present ones are those that were listed last, and a change is told once", () => {
    const known = new KnownBlocks();
    expect(known.replace([])).toBe(false);
    const first = [block(0, "a"), block(1, "b")];
    expect(known.replace(first)).toBe(true);
    expect(known.present).toBe(first);
    expect(known.replace([block(1, "b"), block(0, "a")])).toBe(false);
    expect(known.replace([block(0, "a"), block(1, "c")])).toBe(true);
    expect(known.replace([block(0, "a")])).toBe(true);
    expect(known.present.map(({ version }) => version)).toEqual(["a"]);
  });

  test("a block that has gone is still known to an answer that is late, and may come back", () => {
    const known = new KnownBlocks();
    known.replace([block(0, "old")]);
    known.replace([block(0, "new")]);
    expect(known.get("old")).toMatchObject({ block: 0, version: "old" });
    expect(known.replace([block(0, "old")])).toBe(true);
    expect(known.get("new")).toBeDefined();
  });

  test("a block that has come back is kept, however many go after it", () => {
    const known = new KnownBlocks();
    known.replace([block(0, "old")]);
    known.replace([]);
    for (let i = 0; i < limits.pastBlocksMax + 10; i++) {
      known.replace([block(0, "old"), block(1, `version ${String(i)}`)]);
      expect(known.get("old")).toBeDefined();
    }
  });

  test("of what has gone only the last are kept, of what is present everything", () => {
    const known = new KnownBlocks();
    const steady = Array.from({ length: 3 * limits.pastBlocksMax }, (_, i) => block(i + 1, `steady ${String(i)}`));
    const changes = limits.pastBlocksMax + 10;
    for (let i = 0; i <= changes; i++) known.replace([block(0, `version ${String(i)}`), ...steady]);
    const isKnown = Array.from({ length: changes + 1 }, (_, i) => known.get(`version ${String(i)}`) !== undefined);
    expect(isKnown.indexOf(true)).toBe(changes - limits.pastBlocksMax);
    expect(isKnown.filter(Boolean)).toHaveLength(limits.pastBlocksMax + 1);
    for (const { version } of steady) expect(known.get(version)).toBeDefined();
    known.replace([]);
    expect(steady.filter(({ version }) => known.get(version))).toHaveLength(limits.pastBlocksMax);
  });
});
