import { describe, expect, test } from "@jest/globals";
import { freshAdam } from "../../simulations/hashvfl/adam.ts";
import { accuracyOf } from "../../simulations/hashvfl/figures.ts";
import { settingsFor } from "../../simulations/hashvfl/settings.ts";
import { arrayOf, loadJax, valuesOf } from "../../simulations/hashvfl/jax.ts";
import { normalDraw } from "../../simulations/hashvfl/randomness.ts";
import { chooseReleases } from "../../simulations/security/training/chosen-release.ts";
import { codeReconstruction } from "../../simulations/security/training/code-reconstruction.ts";
import { generatedData } from "../../simulations/security/training/generated-data.ts";
import { fitDecoder } from "../../simulations/security/training/decoder.ts";
import { EpochReleases } from "../../simulations/security/training/epoch-releases.ts";
import { GradientDirections } from "../../simulations/security/training/gradient-directions.ts";
import { likeness } from "../../simulations/security/training/images.ts";
import { invert } from "../../simulations/security/training/invert.ts";
import { knownBottom } from "../../simulations/security/training/known-bottom.ts";
import { type JointModel, jointModel } from "../../simulations/security/training/joint-model.ts";
import { perturb } from "../../simulations/security/training/perturb.ts";
import { probe } from "../../simulations/security/training/probe.ts";
import { train } from "../../simulations/security/training/trained.ts";
import { ssim } from "../../simulations/security/training/ssim.ts";
import { seededRandom } from "../../simulations/seeded-random.ts";
import { toyLab } from "./toy-lab.ts";

const pause = (): Promise<void> => Promise.resolve();
const normals = (length: number, random: () => number): Float32Array =>
  Float32Array.from({ length }, () => normalDraw(random));
const shareEqual = (a: Uint8Array, b: Uint8Array): number => a.filter((value, i) => value === b[i]).length / a.length;

describe("structural similarity", () => {
  const strip = { height: 28, width: 14 };
  const pattern = (at: (x: number, y: number) => number): Float32Array =>
    Float32Array.from({ length: 28 * 14 }, (_, i) => at(i % 14, Math.floor(i / 14)));
  const a = pattern((x, y) => ((7 * x + 3 * y) % 11) / 10);
  const b = pattern((x, y) => ((5 * x + 2 * y) % 7) / 6);

  test("is what another implementation of Wang et al.'s eq. 13 gives, with separable filters", () => {
    expect(ssim(a, b, strip)).toBeCloseTo(-0.1066392807138951, 5);
    expect(
      ssim(
        a,
        a.map((value, i) => 0.7 * value + 0.3 * b[i]!),
        strip,
      ),
    ).toBeCloseTo(0.8600122885391163, 5);
    expect(ssim(a, a, strip)).toBeCloseTo(1, 10);
  });

  test("of even grey images is their luminance term", () => {
    const [grey, lighter] = [pattern(() => 0.5), pattern(() => 0.6)];
    expect(ssim(grey, lighter, strip)).toBeCloseTo((2 * 0.3 + 1e-4) / (0.25 + 0.36 + 1e-4), 6);
  });

  test("an image is found by what was rebuilt of it, and one that is no nearer to it is not", () => {
    const images = new Float32Array([...a, ...b]);
    expect(likeness(images, images)).toEqual({ error: 0, similarity: 1, found: 1 });
    expect(likeness(new Float32Array([...b, ...a]), images).found).toBe(0);
  });
});

describe("a probe", () => {
  const classes = 3;
  const random = seededRandom(4);
  const centres = normals(classes * 8, random).map((value) => 4 * value);
  const labels = Uint8Array.from({ length: 330 }, (_, row) => row % classes);
  const rows = Float32Array.from(
    { length: labels.length * 8 },
    (_, i) => centres[labels[Math.floor(i / 8)]! * 8 + (i % 8)]! + normalDraw(random),
  );
  const known = 30;

  test("reads labels that releases tell, and guesses where they do not", () => {
    const asked = rows.subarray(known * 8);
    const rest = labels.subarray(known);
    expect(
      shareEqual(probe({ values: rows.slice(0, known * 8), labels: labels.slice(0, known), classes }, asked), rest),
    ).toBe(1);
    const drawn = Uint8Array.from(labels, () => Math.floor(random() * classes));
    const guesses = probe(
      { values: rows.slice(0, known * 8), labels: drawn.slice(0, known), classes },
      normals(asked.length, random),
    );
    expect(shareEqual(guesses, drawn.subarray(known))).toBeLessThan(0.45);
  });

  test("one known row a class is enough where most gradients point by class, however long the others are", () => {
    const directions = new GradientDirections(labels.length, 8);
    const batch = Uint32Array.from(labels.keys());
    for (let epoch = 0; epoch < 3; epoch++) directions.add(batch, rows);
    directions.add(
      batch,
      normals(rows.length, random).map((value) => 1000 * value),
    );
    expect(shareEqual(directions.nearestLabels([0, 1, 2], labels), labels)).toBeGreaterThan(0.9);
  });
});

describe("rebuilding", () => {
  const random = seededRandom(5);
  const [features, bits, count] = [6, 8, 400];
  const rows = normals(count * features, random);
  const map = normals(features * bits, random);
  const released = Float32Array.from({ length: count * bits }, (_, i) => {
    const row = Math.floor(i / bits);
    let sum = 0;
    for (let f = 0; f < features; f++) sum += rows[row * features + f]! * map[f * bits + (i % bits)]!;
    return sum;
  });
  const errorOf = (decoded: Float32Array): number =>
    decoded.reduce((sum, value, i) => sum + (value - rows[300 * features + i]!) ** 2, 0) / decoded.length;

  test("a decoder recovers features from releases that determine them; of unrelated ones it gives the mean", async () => {
    const fit = { rows: rows.slice(0, 300 * features), bits, hidden: 20, random, pause };
    const decode = await fitDecoder({ ...fit, released: released.slice(0, 300 * bits) });
    expect(errorOf(decode(released.slice(300 * bits)))).toBeLessThan(0.02);
    const unrelated = normals(released.length, random);
    const blind = await fitDecoder({ ...fit, released: unrelated.slice(0, 300 * bits) });
    expect(errorOf(blind(unrelated.slice(300 * bits)))).toBeGreaterThan(0.9);
  });

  test("the search finds the image that a known linear model released; of signs, one with the same code", async () => {
    const jax = await loadJax();
    const image = { height: 2, width: 3 };
    const running = {
      mean: new Float32Array(bits).fill(0.5),
      variance: new Float32Array(bits).fill(4),
      median: new Float32Array(bits).fill(-0.1),
    };
    using bottom = knownBottom(jax, { adam: freshAdam([map, new Float32Array(bits)]), running }, features, []);
    const targets = 5;
    const truth = rows.slice(0, targets * features).map((value) => Math.min(2, Math.max(-2, value)));
    const releaseOf = (values: Float32Array): Promise<Float32Array> =>
      valuesOf(bottom.activations(arrayOf(jax, values, [targets, features])));
    const common = {
      jax,
      bottom,
      image,
      start: new Float32Array(truth.length),
      range: [-2, 2] as const,
      rate: 0.1,
      onStep: pause,
    };
    const weights = { totalVariation: 0, nearStart: 0 };
    const seen = await releaseOf(truth);
    const found = await invert({ ...common, released: seen, signsOnly: false, weights, steps: 250 });
    expect(Math.max(...found.map((value, i) => Math.abs(value - truth[i]!)))).toBeLessThan(0.05);
    const signs = seen.map(Math.sign);
    const likely = await invert({ ...common, released: signs, signsOnly: true, weights, steps: 250 });
    expect((await releaseOf(likely)).map(Math.sign)).toEqual(signs);
    expect(Math.max(...likely.map((value, i) => Math.abs(value - truth[i]!)))).toBeGreaterThan(0.3);
    const smooth = await invert({
      ...common,
      released: seen,
      signsOnly: false,
      weights: { totalVariation: 100, nearStart: 0 },
      steps: 250,
    });
    const spread = (values: Float32Array): number =>
      Math.max(...values.subarray(0, features)) - Math.min(...values.subarray(0, features));
    expect(spread(smooth)).toBeLessThan(0.5 * spread(truth));
  });

  test("a server puts every epoch's release of a row side by side, and zeros where a row was left over", () => {
    const releases = new EpochReleases({ rows: 5, epochs: 2, bits: 2 });
    for (const [batch, value] of [
      [[3, 1], 1],
      [[0, 4], 2],
      [[4, 3], 3],
      [[1, 2], 4],
    ] as const)
      releases.add(Uint32Array.from(batch), new Float32Array(4).fill(value));
    expect([...releases.of(1, 4)]).toEqual([1, 1, 4, 4, 0, 0, 4, 4, 1, 1, 3, 3]);
  });
});

describe("a party that lies", () => {
  /** Class 1 where the first input is above its bound by more than the second's release. */
  const margin = 0.3;

  test.each([false, true])(
    "turns a prediction when it may change inputs by more than the margin, not by less (signs: %s)",
    async (signs) => {
      const jax = await loadJax();
      const model: JointModel = {
        scores: (rows, other, surrogate) => {
          other.dispose();
          const inputs = rows.slice([], [0, 1]);
          const activations = inputs.sub(margin);
          const released =
            surrogate === "none"
              ? activations
              : surrogate === "smooth"
                ? jax.numpy.tanh(activations.mul(2))
                : activations.ref.add(jax.lax.stopGradient(jax.numpy.sign(activations.ref).sub(activations)));
          return jax.numpy.concatenate([released.ref.neg(), released], 1);
        },
        [Symbol.dispose]: () => undefined,
      };
      const labels = new Uint8Array(8);
      const { searched, noise } = await perturb(
        {
          jax,
          model,
          rows: new Float32Array(16),
          other: new Float32Array(8),
          labels,
          classes: 2,
          signs,
          range: [-1, 1],
          steps: 12,
          random: seededRandom(6),
          pause,
        },
        [0.25, 0.35],
      );
      expect([...searched]).toEqual([
        [0.25, 0],
        [0.35, 1],
      ]);
      expect(noise.get(0.25)).toBe(0);
      expect(noise.get(0.35)).toBeGreaterThan(0);
      expect(noise.get(0.35)).toBeLessThan(1);
    },
  );

  test("gets the class it wants where a release gives it, and is noticed where that is unlike the other's code", async () => {
    const bits = 4;
    const honest = new Float32Array(10 * bits).fill(1);
    const far = new Float32Array(bits).fill(-1);
    const near = Float32Array.of(1, 1, 1, -1);
    /** Class 1 when the first party's last bit is negative. */
    const predict = ([own]: readonly Float32Array[]): Promise<Float32Array> =>
      Promise.resolve(
        Float32Array.from({ length: 30 }, (_, i) =>
          i % 3 === (own![Math.floor(i / 3) * bits + 3]! < 0 ? 1 : 0) ? 1 : 0,
        ),
      );
    const chosen = (candidates: readonly Float32Array[], wanted: number) =>
      chooseReleases({
        predict,
        honest: [honest, honest],
        wanted: new Uint8Array(10).fill(wanted),
        classes: 3,
        bits,
        candidates: Float32Array.from(candidates.flatMap((candidate) => [...candidate])),
        pause,
      });
    expect(await chosen([honest.slice(0, bits), far], 1)).toEqual({ turned: 1, unnoticed: 0, byChance: 0.5 });
    expect(await chosen([far, near], 1)).toEqual({ turned: 1, unnoticed: 1, byChance: 1 });
    expect(await chosen([far, near], 2)).toEqual({ turned: 0, unnoticed: 0, byChance: 0 });
  });
});

describe("training that is attacked", () => {
  test("what is attacked is the model that was trained: its codes, its answers and the gradients of the rows", async () => {
    await using lab = toyLab("label-leakage");
    const data = generatedData({ train: 500, test: 200, random: lab.random });
    const settings = settingsFor(undefined, { epochs: 3, batch: 50, learningRate: 0.01, bottomHidden: [24] });
    const directions = new GradientDirections(500, settings.bits);
    using trained = await train(lab, {
      data,
      settings,
      release: "codes",
      onShare: () => undefined,
      onGradient: (batch, gradient) => {
        directions.add(batch, gradient);
      },
    });
    const released = await Promise.all(data.test.features.map((values, party) => trained.release(party, values)));
    expect(new Set(released[0])).toEqual(new Set([-1, 1]));
    expect(trained.accuracy).toBeGreaterThan(0.7);
    expect(accuracyOf(await trained.predict(released), data.test.labels)).toBe(trained.accuracy);
    const known = data.classes.map((_, label) => data.train.labels.indexOf(label));
    expect(shareEqual(directions.nearestLabels(known, data.train.labels), data.train.labels)).toBeGreaterThan(0.5);

    const jax = await loadJax();
    const width = data.parties[0]!.features.length;
    using bottom = knownBottom(jax, trained.bottoms[0]!, width, settings.bottomHidden);
    const activations = await valuesOf(bottom.activations(arrayOf(jax, data.test.features[0]!, [200, width])));
    const signs = activations.map((value) => (value >= 0 ? 1 : -1));
    expect(signs.filter((sign, i) => sign !== released[0]![i]).length).toBeLessThanOrEqual(2);
    using model = jointModel(jax, trained, { data, settings });
    const inputs = [
      arrayOf(jax, data.test.features[0]!, [200, width]),
      arrayOf(jax, released[1]!, [200, settings.bits]),
    ];
    const scores = await valuesOf(model.scores(inputs[0]!, inputs[1]!, "straight-through"));
    expect(accuracyOf(scores, data.test.labels)).toBeCloseTo(trained.accuracy, 2);
  });

  test("images are not made up: reconstruction says that there are none", async () => {
    await using lab = toyLab("code-reconstruction");
    await expect(codeReconstruction.run(lab)).rejects.toMatchObject({ code: "NOT_HERE" });
  });
});
