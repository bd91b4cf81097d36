import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { type Candidate, TopRows, mergeTop } from "../../party-node/asking/ranking.ts";

/** Few different scores, so that there are many ties; NaN is an empty slot. */
const score = fc.constantFrom(-1, -0.5, 0, 0.25, 0.5, 1, Number.NaN);
const blocks = fc.uniqueArray(fc.record({ block: fc.nat(50), scores: fc.array(score, { maxLength: 12 }) }), {
  selector: ({ block }) => block,
  maxLength: 12,
});

describe("the best rows of a party", () => {
  test("are those of sorting all of them, whatever the order of the blocks", () => {
    fc.assert(
      fc.property(blocks, fc.integer({ min: 1, max: 8 }), (offered, k) => {
        const top = new TopRows(k, "alpha");
        for (const { block, scores } of offered) top.offer(block, Float32Array.from(scores));
        const all: Candidate[] = offered.flatMap(({ block, scores }) =>
          scores.flatMap((each, slot) => (Number.isNaN(each) ? [] : [{ party: "alpha", block, slot, score: each }])),
        );
        const sorted = all.toSorted((a, b) => b.score - a.score || a.block - b.block || a.slot - b.slot);
        expect(top.best).toEqual(sorted.slice(0, k));
        expect(top.rowCount).toBe(all.length);
      }),
      { numRuns: 500 },
    );
  });

  test("of several parties merge by score, then by name", () => {
    const row = (party: string, each: number): Candidate => ({ party, block: 0, slot: 0, score: each });
    const merged = mergeTop(3, [row("b", 1), row("b", 0)], [row("a", 1), row("a", 0.5)]);
    expect(merged).toEqual([row("a", 1), row("b", 1), row("a", 0.5)]);
  });
});
