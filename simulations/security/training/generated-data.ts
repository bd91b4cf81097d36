import { normalDraw } from "../../hashvfl/randomness.ts";
import type { VerticalData, VerticalSplit } from "../../hashvfl/vertical-data.ts";

const CLASSES = 10;
const PARTIES = 2;
/** Features of a party. */
const WIDTH = 16;
/** Distance of the classes' centres from each other, against noise of deviation 1 in each feature: a party alone tells most rows' classes. */
const SPREAD = 0.7;

/** Rows around their class's centre, for machines without the data folder. */
export function generatedData({
  train,
  test,
  random,
}: {
  readonly train: number;
  readonly test: number;
  readonly random: () => number;
}): VerticalData {
  const centres = Float32Array.from({ length: CLASSES * PARTIES * WIDTH }, () => SPREAD * normalDraw(random));
  const split = (name: string, count: number): VerticalSplit => {
    const labels = Uint8Array.from({ length: count }, () => Math.floor(random() * CLASSES));
    const features = Array.from({ length: PARTIES }, (_, party) =>
      Float32Array.from({ length: count * WIDTH }, (_, i) => {
        const label = labels[Math.floor(i / WIDTH)]!;
        return centres[(label * PARTIES + party) * WIDTH + (i % WIDTH)]! + normalDraw(random);
      }),
    );
    return { ids: Array.from(labels, (_, row) => `${name} ${row}`), labels, features };
  };
  return {
    name: "made up",
    classes: Array.from({ length: CLASSES }, (_, i) => `class ${i}`),
    parties: Array.from({ length: PARTIES }, (_, i) => ({
      name: `party-${i + 1}`,
      features: Array.from({ length: WIDTH }, (_, feature) => `feature ${feature + 1}`),
    })),
    train: split("train", train),
    test: split("test", test),
  };
}
