import { describe, expect, test } from "@jest/globals";
import { HintEquations } from "../../simulations/security/ciphertexts/hint-equations.ts";
import { hintDifference } from "../../simulations/security/ciphertexts/hint-difference.ts";
import { Lattice } from "../../simulations/security/ciphertexts/lattice.ts";
import { PublicRing } from "../../simulations/security/ciphertexts/ring.ts";
import { layoutOf, localIndex, seeded } from "../crypto/support.ts";
import { toyLab } from "./toy-lab.ts";

const random = seeded(11);
const layout = layoutOf(32, 16, { scoreBits: 14 });
const ring = new PublicRing(layout);

/** Hints of a block before and after the last `added` of its rows are there. */
async function hints(
  slots: readonly number[],
  added: number,
): Promise<{ before: Uint8Array; after: Uint8Array; last: Float32Array }> {
  const index = localIndex(layout, new Uint8Array(32).fill(9));
  const rows = slots.map((slot) => ({ slot, vector: random.vector(32) }));
  const before = (await index.stage(0, rows.slice(0, -added)))!.hint;
  const after = (await index.stage(0, rows))!.hint;
  return { before, after, last: rows.at(-1)!.vector };
}

describe("two hints that differ in one row", () => {
  const equations = new HintEquations(ring, 40);
  const lattice = equations.lattice();
  for (const share of lattice.reduce()) expect(share).toBeLessThanOrEqual(1);

  // In the last slots the equations go round the end of the ring.
  test.each([0, 60, 127])("give it away, in slot %d", async (slot) => {
    const others = [3, 17, 99];
    const { before, after, last } = await hints([...others, slot], 1);
    const sides = equations.sides(after, before, slot);
    const entries = equations.entries(last);
    expect([...lattice.decode(sides)]).toEqual([...entries]);
    expect(equations.misfit(sides, equations.predict(entries))).toBeLessThan(1.5);
    const nearly = entries.with(4, entries[4]! + 1);
    expect(equations.misfit(sides, equations.predict(nearly))).toBeGreaterThan(1000);
  });

  test("give nothing away when they differ in two", async () => {
    const { before, after, last } = await hints([3, 17, 99, 60], 2);
    const sides = equations.sides(after, before, 60);
    const entries = equations.entries(last);
    expect(equations.misfit(sides, equations.predict(entries))).toBeGreaterThan(1000);
    const right = lattice.decode(sides).filter((value, i) => value === entries[i]).length;
    expect(right).toBeLessThan(4);
  });
});

describe("lattice reduction", () => {
  test("finds the short basis that was hidden", () => {
    const short = [Float64Array.of(3, 1, 0), Float64Array.of(-1, 4, 1), Float64Array.of(0, 1, -5)];
    const mix = [
      [1, 0, 0],
      [12, 1, 0],
      [85, -31, 1],
    ];
    const hidden = mix.map((times) =>
      short[0]!.map((_, i) => times.reduce((total, time, j) => total + time * short[j]![i]!, 0)),
    );
    const lattice = new Lattice(hidden);
    for (const share of lattice.reduce()) expect(share).toBeLessThanOrEqual(1);
    const lengths = (basis: readonly Float64Array[]): number[] =>
      basis.map((vector) => Math.hypot(...vector)).sort((a, b) => a - b);
    expect(lengths(lattice.basis)).toEqual(lengths(short));
    const point = Float64Array.of(3 - 1 + 0.3, 1 + 4 - 0.2, 1 + 0.1);
    expect([...lattice.remainder(point)].map((value) => Math.round(10 * value))).toEqual([3, -2, 1]);
  });
});

test("an encoder that counts words keeps its texts from who has other counts, not its vectors in few dimensions", async () => {
  await using lab = toyLab("hint-difference", { encoders: ["lexical:16"] });
  const { findings } = await hintDifference.run(lab);
  const [lookedUp, , solved] = findings;
  expect(lookedUp!.value).toBeLessThan(0.1);
  expect(lookedUp!.baseline).toBeGreaterThan(0.3);
  expect(solved!.value).toBeGreaterThan(0.99);
  expect(solved!.baseline).toBeGreaterThan(0.99);
});
