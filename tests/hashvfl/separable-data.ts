import type { VerticalData, VerticalSplit } from "../../simulations/hashvfl/vertical-data.ts";
import { normalDraw } from "../../simulations/hashvfl/randomness.ts";
import { seededRandom } from "../../simulations/seeded-random.ts";

/** Classes around points of their own, features dealt out to parties; the last class has `rare` of the rows of another. */
export function separableData({ classes = 3, parties = 2, rows = 240, rare = 1, spread = 0.5 } = {}): VerticalData {
  const width = 3;
  const random = seededRandom(9);
  const centres = Array.from({ length: classes * parties * width }, () => 2 * normalDraw(random));
  const weights = Array.from({ length: classes }, (_, i) => (i === classes - 1 ? rare : 1));
  const total = weights.reduce((a, b) => a + b);
  const split = (name: string, count: number): VerticalSplit => {
    const labels = Uint8Array.from({ length: count }, (_, row) => {
      let at = ((row + 0.5) / count) * total;
      return Math.max(
        0,
        weights.findIndex((weight) => (at -= weight) <= 0),
      );
    });
    const features = Array.from({ length: parties }, (_, party) =>
      Float32Array.from({ length: count * width }, (_, i) => {
        const label = labels[Math.floor(i / width)]!;
        return centres[(label * parties + party) * width + (i % width)]! + spread * normalDraw(random);
      }),
    );
    return { ids: Array.from(labels, (_, row) => `${name}${row}`), labels, features };
  };
  return {
    name: "separable",
    classes: Array.from({ length: classes }, (_, i) => `c${i}`),
    parties: Array.from({ length: parties }, (_, i) => ({ name: `p${i}`, features: ["x", "y", "z"] })),
    train: split("train", rows),
    test: split("test", rows / 2),
  };
}
