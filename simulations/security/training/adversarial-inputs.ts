import { loadJax } from "../../hashvfl/jax.ts";
import { settingsFor } from "../../hashvfl/settings.ts";
import type { TrainingSettings } from "../../hashvfl/settings.ts";
import { sampleIndices } from "../../seeded-random.ts";
import type { Attack, AttackResult, Finding } from "../attack.ts";
import type { Lab } from "../lab.ts";
import { percent } from "../percent.ts";
import type { Effort } from "../settings.ts";
import { type ChosenRelease, chooseReleases } from "./chosen-release.ts";
import { pixelRange } from "./images.ts";
import { jointModel } from "./joint-model.ts";
import { type Perturbed, likeliest, perturb } from "./perturb.ts";
import { type Scene, gather, loadScene } from "./scene.ts";
import { type ReleaseName, type Trained, releasesCodes, train } from "./trained.ts";

/** Largest changes of an input, as shares of the range that inputs have. */
const EPSILONS = [0.05, 0.1, 0.2, 0.3];
/** The least that turns most predictions of a model with float outputs. */
const SMALL = 0.2;
/** Of images, what Madry et al. call MNIST's. */
const LARGE = 0.3;
/** Of made-up features, in their standard deviations. */
const MADE_UP_RANGE: readonly [number, number] = [-4, 4];

export const adversarialInputs: Attack = {
  name: "adversarial-inputs",
  title: "One of two parties changes its inputs, or what it sends, so that the joint prediction is wrong",
  role: "malicious party",
  holds:
    "its own features and bottom model; for changed inputs also the server's model and what the other party releases; for a release of its choice only the answers",
  assumptions:
    "The attacker attacks rows that are predicted rightly, and knows it. Favourable to it: in the first attack it knows the whole model, in the second it is told the answer after each try. It has half of the features.",
  method:
    "Changed inputs: projected gradient ascent within epsilon of the true input, past the sign by the straight-through gradient and by a tanh in its place. A release of its choice: for a class it wants, it sends what it released for other rows, one after another, and random codes or floats ten times too large.",
  papers: [
    {
      citation: "Goodfellow, Shlens and Szegedy, Explaining and Harnessing Adversarial Examples, ICLR 2015",
      id: "arXiv 1412.6572",
    },
    {
      citation: "Madry et al., Towards Deep Learning Models Resistant to Adversarial Attacks, ICLR 2018",
      id: "arXiv 1706.06083",
    },
    {
      citation: "Athalye, Carlini and Wagner, Obfuscated Gradients Give a False Sense of Security, ICML 2018",
      id: "arXiv 1802.00420",
    },
  ],
  run,
};

interface Fooled {
  readonly changed: Perturbed;
  readonly chosen: ChosenRelease;
}

async function run(lab: Lab): Promise<AttackResult> {
  const { train: rows, test, epochs, width, steps, tries, releases } = lab.bySize(SIZES);
  const scene = await loadScene(lab, { train: rows, test, own: 0 });
  const seed = Math.floor(lab.random() * 2 ** 32);
  const settings = settingsFor("mnist", { epochs, seed, batch: 64, learningRate: 0.01, bottomHidden: [width] });
  const results = new Map<ReleaseName, Fooled>();
  for (const [i, release] of releases.entries()) {
    const progress = (share: number): Promise<void> => lab.progress(i + share, releases.length);
    using trained = await train(lab, {
      data: scene.data,
      settings,
      release,
      onShare: (share) => void progress(0.6 * share),
    });
    results.set(release, await attack(lab, { scene, settings, release, trained, steps, tries }));
    await progress(1);
  }
  return resultOf(scene, results);
}

interface Sizes {
  readonly train: number;
  readonly test: number;
  readonly epochs: number;
  /** Of the bottom models' hidden layer. */
  readonly width: number;
  /** Of gradient ascent. */
  readonly steps: number;
  /** Releases that are tried. */
  readonly tries: number;
  readonly releases: readonly ReleaseName[];
}

const SIZES: Readonly<Record<Effort, Sizes>> = {
  quick: { train: 768, test: 150, epochs: 5, width: 48, steps: 8, tries: 60, releases: ["floats", "codes"] },
  standard: {
    train: 5000,
    test: 600,
    epochs: 10,
    width: 96,
    steps: 40,
    tries: 300,
    releases: ["floats", "codes without consistency", "codes"],
  },
  full: {
    train: 8000,
    test: 2000,
    epochs: 40,
    width: 192,
    steps: 100,
    tries: 1000,
    releases: ["floats", "codes without consistency", "codes"],
  },
};

interface Target {
  readonly scene: Scene;
  readonly settings: TrainingSettings;
  readonly release: ReleaseName;
  readonly trained: Trained;
  readonly steps: number;
  readonly tries: number;
}

async function attack(lab: Lab, target: Target): Promise<Fooled> {
  const { scene, settings, release, trained, steps } = target;
  const { classes, parties, test } = scene.data;
  const jax = await loadJax();
  using model = jointModel(jax, trained, { data: scene.data, settings });
  const released = await Promise.all(test.features.map((values, party) => trained.release(party, values)));
  const scores = await trained.predict(released);
  const right = Array.from(test.labels.keys()).filter(
    (row) => likeliest(scores, row, classes.length) === test.labels[row],
  );
  const labels = Uint8Array.from(right, (row) => test.labels[row]!);
  const honest = released.map((values) => gather(values, settings.bits, right)) as [Float32Array, Float32Array];
  const range = scene.isImages ? pixelRange(parties[0]!) : MADE_UP_RANGE;
  const common = { classes: classes.length, pause: () => lab.pause() };
  const changed = await perturb(
    {
      ...common,
      jax,
      model,
      labels,
      rows: gather(test.features[0]!, parties[0]!.features.length, right),
      other: honest[1],
      signs: releasesCodes(release),
      range,
      steps,
      random: lab.random,
    },
    EPSILONS.map((epsilon) => epsilon * (range[1] - range[0])),
  );
  const candidates = await candidatesOf(lab, target);
  const wanted = labels.map((label) => (label + 1 + Math.floor(lab.random() * (classes.length - 1))) % classes.length);
  const chosen = await chooseReleases({
    ...common,
    wanted,
    predict: (releases) => trained.predict(releases),
    honest,
    bits: settings.bits,
    candidates,
  });
  const byShare = (found: ReadonlyMap<number, number>): Map<number, number> =>
    new Map([...found.values()].map((value, i) => [EPSILONS[i]!, value]));
  return { changed: { searched: byShare(changed.searched), noise: byShare(changed.noise) }, chosen };
}

/** Half of them releases of its training rows; half random codes, or releases ten times as large. Shape [tries, bits]. */
async function candidatesOf(lab: Lab, { scene, settings, release, trained, tries }: Target): Promise<Float32Array> {
  const { train, parties } = scene.data;
  const rows = sampleIndices(train.labels.length, tries / 2, lab.random);
  const own = await trained.release(0, gather(train.features[0]!, parties[0]!.features.length, rows));
  const other = releasesCodes(release) ? own.map(() => (lab.random() < 0.5 ? -1 : 1)) : own.map((value) => 10 * value);
  const all = new Float32Array(tries * settings.bits);
  all.set(own);
  all.set(other, own.length);
  return all;
}

function resultOf({ words, isImages }: Scene, results: ReadonlyMap<ReleaseName, Fooled>): AttackResult {
  const [floats, codes] = [results.get("floats")!, results.get("codes")!];
  const common = { mode: "training", baselineIs: "float outputs", direction: "above" } as const;
  const findings = [...results]
    .filter(([release]) => release !== "floats")
    .flatMap(([release, { changed, chosen }]): Finding[] => {
      const setting = release === "codes" ? "" : release;
      return [
        ...[SMALL, LARGE].map((epsilon) => ({
          ...common,
          setting,
          metric: `predictions turned by changing inputs by ${epsilon}`,
          // More than random changes of that size may turn.
          threshold: 0.75,
          value: changed.searched.get(epsilon)!,
          baseline: floats.changed.searched.get(epsilon)!,
          guessing: changed.noise.get(epsilon)!,
        })),
        {
          ...common,
          setting,
          metric: "predictions turned to a wanted class by a release of its choice",
          threshold: 0.5,
          value: chosen.turned,
          baseline: floats.chosen.turned,
          guessing: chosen.byChance,
        },
        {
          ...common,
          setting,
          metric: "the same, the parties' codes disagreeing no more than usual",
          threshold: 0.5,
          value: chosen.unnoticed,
          baseline: floats.chosen.turned,
          guessing: chosen.byChance,
          note: "float outputs have no codes to compare",
        },
      ];
    });
  const range = isImages ? "of the way between black and white" : "of a feature's range";
  return {
    findings,
    charts: [
      {
        title: "Predictions turned by one party's changed inputs",
        x: { title: `largest change of an input, as a share ${isImages ? "of black to white" : "of its range"}` },
        y: { title: "right predictions turned", domain: [0, 1] },
        lines: [
          ...[...results].map(([release, { changed }]) => ({ name: release, points: [...changed.searched] })),
          { name: "codes, random changes", points: [...codes.changed.noise] },
        ],
      },
    ],
    words: [
      `Trained on ${words}. A party that may change its own inputs by ${percent(SMALL)} ${range} turns ${percent(codes.changed.searched.get(SMALL)!)} of the right predictions with codes and ${percent(floats.changed.searched.get(SMALL)!)} with floats; by ${percent(LARGE)}, ${percent(codes.changed.searched.get(LARGE)!)} and ${percent(floats.changed.searched.get(LARGE)!)}. Random changes of the latter size turn ${percent(codes.changed.noise.get(LARGE)!)}.`,
      `Codes do not stop a party that lies: by trying releases it gets a class of its choice predicted for ${percent(codes.chosen.turned)} of the rows (${percent(floats.chosen.turned)} with floats), for ${percent(codes.chosen.unnoticed)} without the parties' codes disagreeing more than usual. That disagreement finds mistakes rather than a party that knows of it. One of two parties has half of the say: take part with those whose inputs you trust, and let more parties take part where answers matter.`,
    ],
  };
}
