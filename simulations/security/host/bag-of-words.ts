import { normalDraw } from "../../hashvfl/randomness.ts";
import { type Matrix, matrixOf, row } from "../../sealing/matrix.ts";
import type { Attack, AttackResult, Finding } from "../attack.ts";
import type { Lab } from "../lab.ts";
import { percent } from "../percent.ts";
import { divide } from "../victim.ts";
import { type Interval, meanInterval } from "../confidence.ts";
import { principalAxes } from "./principal-axes.ts";
import { type SealedCollection, lifted, sealCollection } from "./sealed-collection.ts";
import {
  type TokenQuality,
  type Vocabulary,
  meanQuality,
  tokenQualities,
  tokenQuality,
  vocabularyOf,
  wordsOf,
} from "./text-tokens.ts";
import { inSourceSpace, unlockRotation } from "./unlock-rotation.ts";
import {
  THRESHOLDS,
  type TrainingText,
  type WordModel,
  calibrated,
  estimate,
  frequentTelling,
  frequentWords,
  likeliestWords,
  matchedWeights,
  nameWords,
  ridgeWeights,
} from "./word-model.ts";

/** A word of which there are fewer passages is not learnt. */
const COUNT_MIN = 3;
/** Every fifth of the attacker's passages is held out to choose what works best. */
const HELD_OUT = 5;
const AXES_MAX = 64;
/** From this dimension on fewer rows and words fit the time. */
const WIDE = 256;

export const bagOfWords: Attack = {
  name: "bag-of-words",
  title: "Words of a passage are read from its stored ciphertext",
  role: "host or stolen disk",
  holds: "the ciphertexts of a sealed collection's embeddings",
  assumptions:
    "Knows the encoder, the code and beta, and has text of the same kind, none of it the owner's. No key, no known pairs. Favourable to it: its text is from the same source.",
  method:
    "Learns on its own text to estimate from an embedding which words its passage has, by ridge regression on all coordinates or on the word's own direction, whichever does better there. Takes the " +
    "scale from the norms and, with rotation, aligns the ciphertexts with its own embeddings by their first three moments and by matching rows.",
  papers: [
    { citation: "Song, Raghunathan: Information Leakage in Embedding Models, 2020", id: "arXiv 2004.00053" },
    {
      citation: "Morris, Kuleshov, Shmatikov, Rush: Text Embeddings Reveal (Almost) As Much As Text, 2023",
      id: "arXiv 2310.06816",
    },
  ],
  run,
};

async function run(lab: Lab): Promise<AttackResult> {
  const encoder = await lab.encoder();
  const isWide = encoder.dim > WIDE;
  const sizes = lab.bySize({ quick: isWide ? 400 : 1500, standard: isWide ? 1000 : 2500, full: 5000 });
  const wordsMax = lab.bySize({ quick: isWide ? 500 : 800, standard: isWide ? 1500 : 3000, full: 10_000 });
  const { owner, attacker } = divide(await lab.victim(), { owner: sizes, attacker: sizes, seed: lab.settings.seed });
  const { normMax } = encoder;
  const open = await lab.encode(encoder, owner);
  const ownRows = lifted(await lab.encode(encoder, attacker), normMax);
  const ownWords = wordsOf(attacker);
  const truth = wordsOf(owner).slice(0, lab.bySize({ quick: 500, standard: 2500, full: 5000 }));
  const vocabulary = vocabularyOf(ownWords, COUNT_MIN, wordsMax);
  const asked: Float32Array[] = [];
  for (const word of vocabulary.words) asked.push(await encoder.encodeQuery(word));
  const learner: Learner = {
    lab,
    own: { vectors: ownRows, words: ownWords },
    vocabulary,
    questions: lifted(matrixOf(asked, encoder.dim), 0),
  };
  const { beta } = lab.settings;
  const betas = [
    ...new Set([
      beta,
      ...lab.bySize({ quick: [], standard: [0.5, 2, 4], full: [0.25, 0.5, 2, 3, 4, 6, 8] }).map((b) => b * beta),
    ]),
  ];
  let done = 0;
  const onStep = (): Promise<void> => lab.progress(done, betas.length + 1);
  const read = (model: WordModel, rows: Matrix): Reading => {
    const estimates = estimate(model, {
      ...rows,
      rows: truth.length,
      data: rows.data.slice(0, truth.length * rows.width),
    });
    return readingOf(nameWords(model, estimates), likeliestWords(model, estimates), truth);
  };
  const baseline = read(await learn(learner, 0), lifted(open, normMax));
  const guess = guessing(vocabulary, ownWords, truth);
  const measured: Measured[] = [];
  for (const each of betas) {
    done++;
    await onStep();
    const seal = (rotation: boolean): SealedCollection => sealCollection(lab, open, { normMax, beta: each, rotation });
    const plain = seal(false);
    const model = await learn(learner, plain.noiseVariance);
    const unrotated = read(model, plain.rows);
    const aligned = await unlockRotation(lab, seal(true), ownRows, {
      starts: lab.bySize({ quick: 12, standard: 32, full: 128 }),
      rounds: 0,
      onStep,
    });
    measured.push({ beta: each, unrotated, rotated: read(model, inSourceSpace(aligned)) });
  }
  const here = measured[0]!;
  return {
    findings: [
      ...findings(`beta ${String(beta)}, not rotated`, here.unrotated, baseline, guess),
      ...findings(`beta ${String(beta)}, rotated`, here.rotated, baseline, guess),
    ],
    charts: measured.length < 2 ? [] : [chart(measured, baseline, guess, beta)],
    words: [inWords(here, baseline, guess)],
  };
}

interface Reading extends TokenQuality {
  /** Of ten words that are not common. */
  readonly precisionAt10: number;
  readonly intervals: { readonly f1: Interval; readonly precisionAt10: Interval };
}

/** @param ten - Of each passage, ten words that are not common. */
function readingOf(
  named: readonly (readonly string[])[],
  ten: readonly (readonly string[])[],
  truth: readonly ReadonlySet<string>[],
): Reading {
  const [all, telling] = [tokenQualities(named, truth), tokenQualities(ten, truth)];
  return {
    ...meanQuality(all),
    precisionAt10: meanQuality(telling).precision,
    intervals: {
      f1: meanInterval(all.map(({ f1 }) => f1)),
      precisionAt10: meanInterval(telling.map(({ precision }) => precision)),
    },
  };
}

interface Measured {
  readonly beta: number;
  readonly unrotated: Reading;
  readonly rotated: Reading;
}

interface Learner {
  readonly lab: Lab;
  readonly own: TrainingText;
  readonly vocabulary: Vocabulary;
  /** Shape [words][dim + 1]: every word asked as a question. */
  readonly questions: Matrix;
}

/** The model that does best on text held out, with the noise that the ciphertexts have. */
async function learn({ lab, own, vocabulary, questions }: Learner, noiseVariance: number): Promise<WordModel> {
  const part = (isIn: (i: number) => boolean, noise: number): TrainingText => {
    const chosen = own.words.flatMap((_, i) => (isIn(i) ? [i] : []));
    const vectors = matrixOf(
      chosen.map((i) => row(own.vectors, i).map((value) => value + noise * normalDraw(lab.random))),
      own.vectors.width,
    );
    return { vectors, words: chosen.map((i) => own.words[i]!) };
  };
  const training = part((i) => i % HELD_OUT !== 0, 0);
  const heldOut = part((i) => i % HELD_OUT === 0, Math.sqrt(noiseVariance));
  const count = Math.min(AXES_MAX, own.vectors.width, training.vectors.rows - 1);
  const axes = await principalAxes(training.vectors, count, { random: lab.random, pause: () => lab.pause() });
  const base = { vocabulary, mean: axes.mean };
  const models = [
    calibrated({ ...base, weights: ridgeWeights(training, vocabulary, axes, noiseVariance) }, heldOut),
    calibrated(
      { ...base, weights: matchedWeights(training, vocabulary, axes.mean, questions, noiseVariance) },
      heldOut,
    ),
  ];
  await lab.pause();
  return models.reduce((a, b) => (b.quality.f1 > a.quality.f1 ? b : a)).model;
}

/** Always the same words: the most frequent, as many as are best on the attacker's own text. */
function guessing(
  vocabulary: Vocabulary,
  own: readonly ReadonlySet<string>[],
  truth: readonly ReadonlySet<string>[],
): Reading {
  const f1 = (threshold: number): number => {
    const words = frequentWords(vocabulary, threshold);
    return tokenQuality(
      own.map(() => words),
      own,
    ).f1;
  };
  const best = THRESHOLDS.map((threshold) => ({ threshold, f1: f1(threshold) })).reduce((a, b) =>
    b.f1 > a.f1 ? b : a,
  );
  const [words, telling] = [frequentWords(vocabulary, best.threshold), frequentTelling(vocabulary)];
  return readingOf(
    truth.map(() => words),
    truth.map(() => telling),
    truth,
  );
}

/** Successful above the 95 % confidence interval of guessing: what is more than the choice of passages explains was read from the ciphertexts. */
function findings(setting: string, quality: Reading, open: Reading, guess: Reading): Finding[] {
  const finding = (metric: string, key: "f1" | "precisionAt10"): Finding => ({
    mode: "outsourced",
    setting,
    metric,
    value: quality[key],
    baseline: open[key],
    baselineIs: "vectors in the open",
    guessing: guess[key],
    threshold: guess.intervals[key][1],
    direction: "above",
    interval: quality.intervals[key],
  });
  const { precision, recall } = quality;
  return [
    { ...finding("token F1", "f1"), note: `precision ${precision.toFixed(2)}, recall ${recall.toFixed(2)}` },
    finding("precision of ten words named, common words left out", "precisionAt10"),
  ];
}

function chart(
  measured: readonly Measured[],
  open: Reading,
  guess: Reading,
  beta: number,
): NonNullable<AttackResult["charts"]>[number] {
  const sorted = measured.toSorted((a, b) => a.beta - b.beta);
  const line = (name: string, of: (one: Measured) => number): { name: string; points: [number, number][] } => ({
    name,
    points: sorted.map((one) => [one.beta, of(one)]),
  });
  return {
    title: "Words read from ciphertexts",
    x: { title: "beta, as a share of normMax", log: true },
    y: { title: "token F1" },
    lines: [
      line("vectors in the open", () => open.f1),
      line("not rotated", ({ unrotated }) => unrotated.f1),
      line("rotated", ({ rotated }) => rotated.f1),
      line("always the most frequent words", () => guess.f1),
    ],
    marks: [{ x: beta, label: "this evaluation" }],
  };
}

function inWords({ unrotated, rotated }: Measured, open: Reading, guess: Reading): string {
  const two = (value: number): string => value.toFixed(2);
  return (
    `Somebody with the encoder and text of the same kind, but none of the owner's, names the words of a passage from its ciphertext with an F1 of ${two(unrotated.f1)} without rotation and ${two(rotated.f1)} with it. ` +
    `From the vectors in the open it is ${two(open.f1)}; always naming the most frequent words gives ${two(guess.f1)}. Of ten telling words that it names, ${percent(unrotated.precisionAt10)} and ` +
    `${percent(rotated.precisionAt10)} are in the passage (in the open ${percent(open.precisionAt10)}, guessing ${percent(guess.precisionAt10)}). \`outsourced\` and \`double\` store the same.`
  );
}
