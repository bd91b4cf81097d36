import { settingsFor } from "../../hashvfl/settings.ts";
import { mean } from "../../metrics.ts";
import { sampleIndices } from "../../seeded-random.ts";
import type { Attack, AttackResult, Finding } from "../attack.ts";
import type { Lab } from "../lab.ts";
import { percent } from "../percent.ts";
import { GradientDirections } from "./gradient-directions.ts";
import { type Labelled, probe } from "./probe.ts";
import { type Scene, gather, loadScene } from "./scene.ts";
import { type ReleaseName, train } from "./trained.ts";

/** Labelled rows of each class that the attacker has. */
const LABELLED = 10;
const FEWER = [1, 3, LABELLED];
/** Different choices of the labelled rows, averaged. */
const DRAWS = 3;
const RELEASES: readonly ReleaseName[] = ["floats", "noisy codes", "codes without consistency", "codes"];

export const labelLeakage: Attack = {
  name: "label-leakage",
  title: "Labels are read from what a party releases, or from the gradients that come back to it",
  role: "training party or server",
  holds: `What the first party releases for each row, or the gradients that this party is sent, and the labels of ${LABELLED} rows a class, or of one.`,
  assumptions:
    "The attacker has labels of a few rows by other means, as many of each class. It knows neither the other party's features nor the server's model. Favourable to it: a party's gradients are those of every epoch, and classes are about equally frequent.",
  method: `Releases: a logistic regression is fitted to ${LABELLED} labelled rows a class and asked for the labels of rows the model was never trained on. Gradients: their directions are averaged over the epochs, row by row; a training row gets the label of the one labelled row a class whose direction is nearest.`,
  papers: [
    {
      citation: "Fu et al., Label Inference Attacks Against Vertical Federated Learning, USENIX Security 2022",
      id: "usenixsecurity22 fu",
    },
    {
      citation: "Li et al., Label Leakage and Protection in Two-party Split Learning, ICLR 2022",
      id: "arXiv 2102.08504",
    },
  ],
  run,
};

interface Leak {
  /** By labelled rows a class: the share of other rows whose label the probe says. */
  readonly fromReleases: ReadonlyMap<number, number>;
  readonly fromGradients: number;
}

async function run(lab: Lab): Promise<AttackResult> {
  const { epochs, width, ...sizes } = lab.bySize({
    quick: { train: 768, test: 400, own: 0, epochs: 5, width: 48 },
    standard: { train: 5000, test: 2000, own: 0, epochs: 10, width: 96 },
    full: { train: 8000, test: 2000, own: 0, epochs: 40, width: 192 },
  });
  const scene = await loadScene(lab, sizes);
  const draws = Array.from({ length: DRAWS }, () => drawLabelled(scene, lab.random));
  const seed = Math.floor(lab.random() * 2 ** 32);
  const settings = settingsFor("mnist", { epochs, seed, batch: 64, learningRate: 0.01, bottomHidden: [width] });
  const leaks = new Map<ReleaseName, Leak>();
  for (const [i, release] of RELEASES.entries()) {
    const directions = new GradientDirections(sizes.train, settings.bits);
    using trained = await train(lab, {
      data: scene.data,
      settings,
      release,
      onShare: (share) => void lab.progress(i + share, RELEASES.length + 1),
      onGradient: (rows, gradient) => {
        directions.add(rows, gradient);
      },
    });
    const released = await trained.release(0, scene.data.test.features[0]!);
    leaks.set(release, {
      fromReleases: await probeReleases(lab, scene, draws, released),
      fromGradients: mean(
        draws.map(({ train: known }) =>
          shareRight(directions.nearestLabels(known, scene.data.train.labels), scene.data.train.labels, known),
        ),
      ),
    });
  }
  const alone = (await probeReleases(lab, scene, draws, scene.data.test.features[0]!, [LABELLED])).get(LABELLED)!;
  return resultOf(scene, leaks, alone);
}

interface Labels {
  /** Of test rows, shape [classes][LABELLED]. */
  readonly test: readonly (readonly number[])[];
  /** One training row a class. */
  readonly train: readonly number[];
}

function drawLabelled({ data: { classes, train, test } }: Scene, random: () => number): Labels {
  const ofClass = (labels: Uint8Array, label: number, count: number): number[] => {
    const rows = Array.from(labels.keys()).filter((row) => labels[row] === label);
    return sampleIndices(rows.length, count, random).map((i) => rows[i]!);
  };
  return {
    test: classes.map((_, label) => ofClass(test.labels, label, LABELLED)),
    train: classes.map((_, label) => ofClass(train.labels, label, 1)[0]!),
  };
}

/** @param values - Of the test rows, shape [rows, columns]. */
async function probeReleases(
  lab: Lab,
  { data: { test, classes } }: Scene,
  draws: readonly Labels[],
  values: Float32Array,
  counts: readonly number[] = FEWER,
): Promise<Map<number, number>> {
  const columns = values.length / test.labels.length;
  const shares = new Map<number, number>();
  for (const count of counts) {
    const ofDraws: number[] = [];
    for (const draw of draws) {
      await lab.pause();
      const known = draw.test.flatMap((rows) => rows.slice(0, count));
      const labelled: Labelled = {
        values: gather(values, columns, known),
        labels: Uint8Array.from(known, (row) => test.labels[row]!),
        classes: classes.length,
      };
      ofDraws.push(shareRight(probe(labelled, values), test.labels, draw.test.flat()));
    }
    shares.set(count, mean(ofDraws));
  }
  return shares;
}

/** Of the rows but those the attacker knew. */
function shareRight(guesses: Uint8Array, labels: Uint8Array, known: readonly number[]): number {
  const knew = new Set(known);
  const others = Array.from(labels.keys()).filter((row) => !knew.has(row));
  return others.filter((row) => guesses[row] === labels[row]).length / others.length;
}

function resultOf(
  { data: { test, classes }, words }: Scene,
  leaks: ReadonlyMap<ReleaseName, Leak>,
  alone: number,
): AttackResult {
  const guessing =
    Math.max(...classes.map((_, label) => test.labels.filter((l) => l === label).length)) / test.labels.length;
  const floats = leaks.get("floats")!;
  const codes = leaks.get("codes")!;
  const loose = leaks.get("codes without consistency")!;
  const common = {
    mode: "training",
    baselineIs: "float outputs",
    guessing,
    threshold: (1 + guessing) / 2,
    direction: "above",
  } as const;
  const findings = RELEASES.slice(1).flatMap((release): Finding[] => {
    const leak = leaks.get(release)!;
    const setting = release === "codes" ? "" : release;
    return [
      {
        ...common,
        setting,
        metric: `labels right from releases, ${LABELLED} known a class`,
        value: leak.fromReleases.get(LABELLED)!,
        baseline: floats.fromReleases.get(LABELLED)!,
        note: `the same from the party's own features: ${percent(alone)}`,
      },
      {
        ...common,
        setting,
        metric: "labels right from gradients, 1 known a class",
        value: leak.fromGradients,
        baseline: floats.fromGradients,
      },
    ];
  });
  return {
    findings,
    charts: [
      {
        title: "Labels read from one party's releases",
        x: { title: "labelled rows a class", log: true },
        y: { title: "labels right", domain: [0, 1] },
        lines: RELEASES.map((release) => ({ name: release, points: [...leaks.get(release)!.fromReleases] })),
      },
    ],
    words: [
      `Trained on ${words}. Codes do not hide labels: with ${LABELLED} labelled rows a class, somebody who sees one party's codes says the label of ${percent(codes.fromReleases.get(LABELLED)!)} of the other rows; of float outputs it is ${percent(floats.fromReleases.get(LABELLED)!)}, of the bare features ${percent(alone)}, by guessing ${percent(guessing)}. Codes are made to tell classes apart, so this cannot be trained away without losing what they are for.`,
      `A party that takes part in training learns the labels of the training rows from what is sent back to it: ${percent(codes.fromGradients)} with one labelled row a class, whatever is released. Whoever must not know the labels must not be a training party.`,
      `Without the consistency term codes give away ${percent(loose.fromReleases.get(LABELLED)!)} of the labels and gradients ${percent(loose.fromGradients)}.`,
    ],
    ...(codes.fromReleases.get(LABELLED)! > loose.fromReleases.get(LABELLED)! + 0.05 && {
      advice: [
        {
          setting: "--consistency",
          text: "If labels are more sensitive than features, train with --consistency 0: codes say less of them. What is lost is that an odd entity shows by the parties' codes disagreeing.",
        },
      ],
    }),
  };
}
