import { describe, expect, test } from "@jest/globals";
import type { AdamState } from "../../simulations/hashvfl/adam.ts";
import {
  BottomModel,
  type BottomSettings,
  type BottomState,
  NORM_EPSILON,
  freshBottom,
} from "../../simulations/hashvfl/bottom-model.ts";
import { loadJax } from "../../simulations/hashvfl/jax.ts";
import { TopModel, type TopSettings, freshTop } from "../../simulations/hashvfl/top-model.ts";
import { seededRandom } from "../../simulations/seeded-random.ts";

const jax = await loadJax();
const [ROWS, FEATURES, HIDDEN, BITS] = [12, 5, 7, 3];
const SETTINGS: BottomSettings = {
  bits: BITS,
  hidden: [HIDDEN],
  batchNorm: true,
  release: "floats",
  greedyPenalty: 0,
  weightDecay: 0,
};
const random = seededRandom(11);
const draw = (length: number): Float32Array => Float32Array.from({ length }, () => 2 * random() - 1);
const inputs = draw(ROWS * FEATURES);
const gradient = draw(ROWS * BITS);
const fresh = freshBottom([FEATURES, HIDDEN, BITS], seededRandom(1));

function model(settings: Partial<BottomSettings>, state: BottomState = fresh): BottomModel {
  return new BottomModel(jax, FEATURES, { ...SETTINGS, ...settings }, state);
}

/** The gradient of the first step: a tenth of it is Adam's first mean. */
const gradientOf = ({ means }: AdamState): number[] => means.flatMap((mean) => [...mean.map((value) => 10 * value)]);

async function learnt(settings: Partial<BottomSettings>): Promise<number[]> {
  using one = model(settings);
  await one.release(inputs);
  one.learn(gradient, 0.1);
  return gradientOf((await one.state()).adam);
}

/** What the sign is taken of, before the median is subtracted, with one weight moved; and the median. */
async function normalised(settings: Partial<BottomSettings>, at: number, by: number) {
  let left = at;
  const weights = fresh.adam.weights.map((values) => {
    const moved = values.map((value, i) => (i === left ? value + by : value));
    left -= values.length;
    return moved;
  });
  using one = model({ ...settings, release: "floats" }, { ...fresh, adam: { ...fresh.adam, weights } });
  const released = await one.release(inputs);
  const { running } = await one.state();
  const median = running.median.map((value) => 10 * value);
  return { values: released.map((value, i) => value + median[i % BITS]!), median };
}

describe("a bottom model", () => {
  test.each([
    { id: "floats", settings: {} },
    { id: "codes", settings: { release: "codes" } as const },
    { id: "codes without normalisation", settings: { release: "codes", batchNorm: false } as const },
    { id: "codes with the greedy hash penalty", settings: { release: "codes", greedyPenalty: 2 } as const },
  ])("has the gradients that finite differences give: $id", async ({ settings }) => {
    const found = await learnt(settings);
    const penalty = "greedyPenalty" in settings ? settings.greedyPenalty : 0;
    const { median } = await normalised(settings, -1, 0);
    const loss = async (at: number, by: number): Promise<number> => {
      const { values } = await normalised(settings, at, by);
      const shifted = [...values].map((value, i) => value - median[i % BITS]!);
      const own = shifted.reduce((sum, value) => sum + Math.abs(Math.abs(value) - 1) ** 3, 0) / shifted.length;
      return shifted.reduce((sum, value, i) => sum + value * gradient[i]!, 0) + penalty * own;
    };
    const checked = found.map((_, at) => at).filter((at) => at % 4 === 0);
    const expected: number[] = [];
    for (const at of checked) expected.push(((await loss(at, 0.002)) - (await loss(at, -0.002))) / 0.004);
    const scale = Math.max(...found.map(Math.abs));
    checked.forEach((at, i) => expect(Math.abs(found[at]! - expected[i]!) / scale).toBeLessThan(0.01));
    expect(scale).toBeGreaterThan(0.1);
  });

  test("codes pass the gradient straight through: it is that of floats", async () => {
    expect(await learnt({ release: "codes" })).toEqual(await learnt({}));
  });

  test("running statistics by hand, and evaluation by them", async () => {
    const linear = freshBottom([FEATURES, BITS], seededRandom(2));
    const [weights] = linear.adam.weights;
    const outputs = (row: number, bit: number): number =>
      Array.from({ length: FEATURES }, (_, i) => inputs[row * FEATURES + i]! * weights![i * BITS + bit]!).reduce(
        (a, b) => a + b,
      );
    using one = model({ hidden: [] }, linear);
    await one.release(inputs);
    const { running } = await one.state();
    const evaluated = await one.evaluate(inputs);
    for (let bit = 0; bit < BITS; bit++) {
      const column = Array.from({ length: ROWS }, (_, row) => outputs(row, bit));
      const mean = column.reduce((a, b) => a + b) / ROWS;
      const variance = column.reduce((sum, value) => sum + (value - mean) ** 2, 0) / ROWS;
      const scaled = column.map((value) => (value - mean) / Math.sqrt(variance + NORM_EPSILON));
      const sorted = [...scaled].sort((a, b) => a - b);
      expect(running.mean[bit]).toBeCloseTo(0.1 * mean, 5);
      expect(running.variance[bit]).toBeCloseTo(0.9 + 0.1 * variance, 5);
      expect(running.median[bit]).toBeCloseTo((0.1 * (sorted[5]! + sorted[6]!)) / 2, 5);
      column.forEach((value, row) =>
        expect(evaluated[row * BITS + bit]).toBeCloseTo(
          (value - running.mean[bit]!) / Math.sqrt(running.variance[bit]! + NORM_EPSILON) - running.median[bit]!,
          4,
        ),
      );
    }
    expect((await one.state()).running).toEqual(running);
  });

  test("in training, half of a batch is positive in every bit; codes are 1 and -1", async () => {
    using one = model({ release: "codes" });
    const codes = [...(await one.release(inputs))];
    expect(new Set(codes)).toEqual(new Set([-1, 1]));
    for (let bit = 0; bit < BITS; bit++)
      expect(codes.filter((code, i) => i % BITS === bit && code > 0)).toHaveLength(ROWS / 2);
  });

  test("weights decay apart from the gradient", async () => {
    using one = model({ weightDecay: 0.5 });
    await one.release(inputs);
    one.learn(new Float32Array(ROWS * BITS), 0.1);
    const { weights } = (await one.state()).adam;
    weights[0]!.forEach((weight, i) => expect(weight).toBeCloseTo(0.95 * fresh.adam.weights[0]![i]!, 5));
  });

  test("numbers that are no longer finite are a fault", async () => {
    using one = model({ release: "codes" });
    const bad = inputs.slice();
    bad[3] = NaN;
    await expect(one.release(bad)).rejects.toMatchObject({ code: "NOT_FINITE" });
    await expect(one.evaluate(bad)).rejects.toMatchObject({ code: "NOT_FINITE" });
  });

  test("steps leave no arrays behind", async () => {
    const rows = 4000;
    const many = draw(rows * FEATURES);
    const byMany = draw(rows * BITS);
    using one = model({ release: "codes" });
    const step = async (): Promise<void> => {
      await one.release(many);
      one.learn(byMany, 0.001);
      await one.evaluate(inputs);
    };
    for (let i = 0; i < 20; i++) await step();
    const before = process.memoryUsage();
    for (let i = 0; i < 150; i++) await step();
    const after = process.memoryUsage();
    // A batch left behind in every step would be 12 MB.
    expect(after.external - before.external).toBeLessThan(4e6);
  });
});

describe("the top model", () => {
  const settings: TopSettings = { parties: 2, bits: BITS, hidden: [6], consistencyWeight: 0.7, weightDecay: 0 };
  const codes = [Float32Array.of(1, -1, 1), Float32Array.of(-1, 1, 1), Float32Array.of(-1, -1, -1)];
  const labels = Uint8Array.from({ length: ROWS }, (_, row) => row % 3);
  const releases = [draw(ROWS * BITS), draw(ROWS * BITS)];
  const state = freshTop(settings, 3, seededRandom(3));

  const lossAt = async (moved: readonly Float32Array[], consistencyWeight = 0.7): Promise<number> => {
    using top = new TopModel(jax, { ...settings, consistencyWeight }, codes, state);
    return (await top.learn(moved, labels, 0.1)).loss;
  };

  test("its loss is cross entropy and the mean of 1 - cos, by hand", async () => {
    using top = new TopModel(jax, settings, codes, state);
    const scores = await top.predict(releases);
    let crossEntropy = 0;
    let distance = 0;
    labels.forEach((label, row) => {
      crossEntropy -= Math.log(scores[row * 3 + label]!) / ROWS;
      for (const release of releases) {
        const h = [...release.subarray(row * BITS, (row + 1) * BITS)];
        const product = h.reduce((sum, value, i) => sum + value * codes[label]![i]!, 0);
        distance += (1 - product / (Math.hypot(...h) * Math.sqrt(BITS))) / (2 * ROWS);
      }
    });
    expect(await lossAt(releases)).toBeCloseTo(crossEntropy + 0.7 * distance, 4);
    expect(await lossAt(releases, 0)).toBeCloseTo(crossEntropy, 4);
  });

  test("its gradients are those of finite differences", async () => {
    using top = new TopModel(jax, settings, codes, state);
    const { gradients } = await top.learn(releases, labels, 0.1);
    for (const party of [0, 1])
      for (let at = 0; at < ROWS * BITS; at += 5) {
        const moved = (by: number) => releases.map((r, i) => r.map((v, j) => (i === party && j === at ? v + by : v)));
        const expected = ((await lossAt(moved(0.01))) - (await lossAt(moved(-0.01)))) / 0.02;
        expect(gradients[party]![at]).toBeCloseTo(expected, 3);
      }
  });
});
