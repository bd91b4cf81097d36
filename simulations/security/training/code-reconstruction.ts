import { Fault } from "../../../crypto/fault.ts";
import { settingsFor } from "../../hashvfl/settings.ts";
import type { Attack, AttackResult, Finding, LabFaultCode } from "../attack.ts";
import type { Lab } from "../lab.ts";
import { percent } from "../percent.ts";
import { type Likeness, likeness, pixelRange, toPixels } from "./images.ts";
import { EpochReleases } from "./epoch-releases.ts";
import { reconstruct, reconstructBlind, reconstructTrained } from "./reconstruct.ts";
import { type Scene, hasImages, loadScene } from "./scene.ts";
import { type ReleaseName, train } from "./trained.ts";

/** Images among which a reconstruction is looked for. */
const CANDIDATES = 100;
const BITS = 16;
const SIMILARITY = "structural similarity (SSIM) of rebuilt images";
/** Share of the training rows whose features the server knows. */
const KNOWN = 0.6;

export const codeReconstruction: Attack = {
  name: "code-reconstruction",
  title: "A party's features are rebuilt from what it releases",
  role: "training party or server",
  holds: "what the first party releases for rows the model was not trained on, and that party's bottom model",
  assumptions:
    "The attacker knows the party's bottom model, which in practice only that party has, and has images of the same kind that are nobody's in the federation. Favourable to it: images differ little from each other, each is released once the model is final, and it knows which pixels a feature is.",
  method:
    "A decoder is fitted to the attacker's own images and what the bottom model gives for them; its answer is then improved by descending the difference between what the image at hand would release and what was released, with total variation as a prior. Of several ways it takes the one that does best on images of its own. The same search without any image of its own starts from black.",
  papers: [
    {
      citation: "He, Zhang and Lee, Model Inversion Attacks Against Collaborative Inference, ACSAC 2019",
      id: "10.1145/3359789.3359824",
    },
    {
      citation:
        "Wang, Bovik, Sheikh and Simoncelli, Image quality assessment: from error visibility to structural similarity, IEEE Transactions on Image Processing 13(4), 2004",
      id: "10.1109/TIP.2003.819861",
    },
  ],
  run,
};

/** What is trained and attacked; the first is the baseline of those with as many bits. */
interface Case {
  readonly release: ReleaseName;
  readonly bits: number;
}

async function run(lab: Lab): Promise<AttackResult> {
  if (!hasImages(lab))
    throw new Fault<LabFaultCode>(
      "NOT_HERE",
      "there are no images to rebuild on this machine; give a data folder that holds mnist/ with --data",
    );
  const { rows, epochs, width, longer, ...sizes } = lab.bySize({
    quick: { rows: { train: 640, own: 800 }, epochs: 5, width: 64, longer: false, ...SEARCH.quick },
    standard: { rows: { train: 5000, own: 2500 }, epochs: 10, width: 96, longer: true, ...SEARCH.standard },
    full: { rows: { train: 5500, own: 2500 }, epochs: 40, width: 192, longer: true, ...SEARCH.standard },
  });
  const scene = await loadScene(lab, { ...rows, test: CANDIDATES });
  const seed = Math.floor(lab.random() * 2 ** 32);
  const cases: readonly Case[] = [
    ...(["floats", "noisy floats", "codes"] as const).map((release) => ({ release, bits: BITS })),
    ...(longer ? (["floats", "codes"] as const).map((release) => ({ release, bits: 2 * BITS })) : []),
  ];
  const results: Rebuilt[] = [];
  for (const [i, { release, bits }] of cases.entries()) {
    const settings = settingsFor("mnist", { epochs, seed, bits, batch: 64, learningRate: 0.01, bottomHidden: [width] });
    const progress = (share: number): Promise<void> => lab.progress(i + share, cases.length);
    const releases = new EpochReleases({ rows: rows.train, epochs, bits });
    using trained = await train(lab, {
      data: scene.data,
      settings,
      release,
      onShare: (share) => void progress(0.7 * share),
      onRelease: (batch, released) => {
        releases.add(batch, released);
      },
    });
    const known = Math.floor(KNOWN * rows.train);
    const options = { scene, settings, release, trained, ...sizes };
    const others = bits === BITS && release !== "noisy floats";
    results.push({
      release,
      bits,
      accuracy: trained.accuracy,
      best: await reconstruct(lab, options),
      blind: others ? await reconstructBlind(lab, options) : null,
      everyEpoch: others
        ? await reconstructTrained(lab, { scene, releases, known, candidates: CANDIDATES, ...sizes })
        : null,
    });
    await progress(1);
  }
  const result = resultOf(scene, results, meanImage(scene, sizes.targets));
  return longer ? result : withoutSimilarity(result);
}

const SEARCH = {
  quick: { targets: 40, held: 20, decoder: 80, steps: { blind: 200, decoded: 40 } },
  standard: { targets: CANDIDATES, held: 100, decoder: 250, steps: { blind: 600, decoded: 150 } },
} as const;

interface Rebuilt extends Case {
  readonly accuracy: number;
  /** With images of the same kind. */
  readonly best: Likeness;
  /** Without; null where it was not tried. */
  readonly blind: Likeness | null;
  /** Of training rows, by the server; null where it was not tried. */
  readonly everyEpoch: Likeness | null;
}

/** What somebody offers who sees nothing: the attacker's mean image for every row. */
function meanImage({ own, data }: Scene, targets: number): Likeness {
  const range = pixelRange(data.parties[0]!);
  const columns = data.parties[0]!.features.length;
  const values = own.features[0]!;
  const mean = new Float32Array(columns);
  values.forEach((value, i) => (mean[i % columns]! += (value * columns) / values.length));
  const everywhere = Float32Array.from({ length: targets * columns }, (_, i) => mean[i % columns]!);
  return likeness(toPixels(everywhere, range), toPixels(data.test.features[0]!, range));
}

/** From a model trained on few images not even floats always give back half of the structure. */
function withoutSimilarity({ findings, words, ...rest }: AttackResult): AttackResult {
  return {
    ...rest,
    findings: findings.filter(({ metric }) => metric !== SIMILARITY),
    words: [...words, "Structural similarity is left out: a quick run trains on too few images for it."],
  };
}

function resultOf({ words }: Scene, results: readonly Rebuilt[], guess: Likeness): AttackResult {
  const of = (release: ReleaseName, bits = BITS): Rebuilt =>
    results.find((result) => result.release === release && result.bits === bits)!;
  const [floats, codes] = [of("floats"), of("codes")];
  const findings = results
    .filter(({ release }) => release !== "floats")
    .flatMap(({ release, bits, accuracy, best, blind, everyEpoch }): Finding[] => {
      const baseline = of("floats", bits);
      const setting =
        release === "codes" ? (bits === BITS ? "" : `codes of ${bits} bits`) : "floats with Laplace noise";
      const note = `the joint model is right for ${percent(accuracy)}, with floats for ${percent(baseline.accuracy)}`;
      const all = compared({ setting, note }, best, baseline.best, guess);
      if (blind === null || everyEpoch === null) return all;
      const bare = compared({ setting: "no images of its own", note }, blind, baseline.blind!, guess);
      const server = compared(
        { setting: "training rows, by the server", note },
        everyEpoch,
        baseline.everyEpoch!,
        guess,
      );
      // A quarter is 25 times guessing: more than half is too much to ask of who has no image to go by.
      return [...all, { ...bare[0]!, threshold: 0.25 }, server[0]!];
    });
  return {
    findings,
    charts: [
      {
        title: "Error of rebuilt images",
        x: { title: "floats or bits released a row" },
        y: { title: "mean squared error of a pixel" },
        lines: [
          { name: "floats", points: pointsOf(results, "floats") },
          { name: "codes", points: pointsOf(results, "codes") },
          { name: "the mean image", points: [BITS, 2 * BITS].map((bits) => [bits, guess.error] as const) },
        ],
      },
    ],
    words: [
      `Trained on ${words}. From ${BITS} floats a row the attacker rebuilds images so well that ${percent(floats.best.found)} of them are nearer to their own original than to any of ${CANDIDATES - 1} others. From codes of ${BITS} bits it is ${percent(codes.best.found)}, by guessing 1 %; the error of a pixel is ${codes.best.error.toFixed(3)} against ${floats.best.error.toFixed(3)} from floats and ${guess.error.toFixed(3)} for the mean image.`,
      `Codes make rebuilding much harder but not impossible: a code of ${BITS} bits says up to ${BITS} bits about a row, and those who have the bottom model and rows of the same kind get a likeness of it. Without images of its own the attacker finds ${percent(codes.blind!.found)} from codes and ${percent(floats.blind!.found)} from floats.`,
      `The server sees a code of every training row in every epoch, which together say more than the last: where it knows ${percent(KNOWN)} of the rows it finds ${percent(codes.everyEpoch!.found)} of the others without any bottom model; with floats ${percent(floats.everyEpoch!.found)}.`,
      `Laplace noise at epsilon 1 a float hides images, and all else too: the joint model is then right for ${percent(of("noisy floats").accuracy)} of the rows; with codes it is ${percent(codes.accuracy)}.`,
    ],
    ...(codes.best.found >= 0.5 && {
      advice: [
        {
          setting: "--bits",
          text: "Most rows could be picked out by their codes: use fewer bits, 8 for ten classes, and let nobody but the party have its bottom model.",
        },
      ],
    }),
  };
}

/** Thresholds: found more often than not; half of the mean image's error; halfway between no likeness and equality. */
function compared(
  { setting, note }: Required<Pick<Finding, "setting" | "note">>,
  value: Likeness,
  baseline: Likeness,
  guess: Likeness,
): Finding[] {
  const common = { mode: "training", setting, note, baselineIs: "float outputs" } as const;
  return [
    {
      ...common,
      metric: `image found among ${CANDIDATES}`,
      value: value.found,
      baseline: baseline.found,
      guessing: 1 / CANDIDATES,
      threshold: 0.5,
      direction: "above",
    },
    {
      ...common,
      metric: SIMILARITY,
      value: value.similarity,
      baseline: baseline.similarity,
      guessing: guess.similarity,
      threshold: 0.5,
      direction: "above",
    },
    {
      ...common,
      metric: "mean squared error of a pixel (0 to 1)",
      value: value.error,
      baseline: baseline.error,
      guessing: guess.error,
      threshold: guess.error / 2,
      direction: "below",
    },
  ];
}

function pointsOf(results: readonly Rebuilt[], name: ReleaseName): (readonly [number, number])[] {
  return results.filter(({ release }) => release === name).map(({ bits, best }) => [bits, best.error] as const);
}
