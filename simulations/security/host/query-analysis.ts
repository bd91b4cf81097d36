import { type Advice, type Attack, type AttackResult, type Chart, type Finding, succeeds } from "../attack.ts";
import { mean } from "../../metrics.ts";
import { matrixOf, row } from "../../sealing/matrix.ts";
import { sampleIndices } from "../../seeded-random.ts";
import type { Lab } from "../lab.ts";
import type { Effort } from "../settings.ts";
import { type Asking, HostView, loadAsking } from "./asked-questions.ts";
import { errorOfTheMean, halfWayToAlike } from "./averaging.ts";
import { aucInterval, meanInterval } from "../confidence.ts";
import { type Observed, bestRows, observe, observeAverages, observeDouble, observeOpen } from "./query-observations.ts";
import { topicGuessing, topicsOf } from "./question-topics.ts";

/** How much is attacked. */
export interface QuerySizes {
  readonly rows: number;
  /** Most coordinates of all rows together: rows of many dimensions are fewer. */
  readonly coordinates: number;
  readonly questions: number;
  /** Shares of normMax; the settings' is added. */
  readonly betas: readonly number[];
  /** Mean lengths of DistanceDP's noise over a question's, dim / epsilon; 0, 1, 4 and the settings' are added. */
  readonly noises: readonly number[];
  /** Questions that are asked often. */
  readonly averaged: number;
}

const SIZES: Readonly<Record<Effort, QuerySizes>> = {
  quick: { rows: 800, coordinates: 360_000, questions: 120, betas: [3], noises: [0.25], averaged: 10 },
  standard: {
    rows: 6000,
    coordinates: 2_000_000,
    questions: 300,
    betas: [0.3, 1, 3],
    noises: [0.1, 0.25, 0.5, 2, 8],
    averaged: 40,
  },
  full: {
    rows: 40_000,
    coordinates: 20_000_000,
    questions: 2000,
    betas: [0.1, 0.3, 1, 3, 10],
    noises: [0.05, 0.1, 0.25, 0.5, 2, 8],
    averaged: 200,
  },
};
const [AS_LONG, FOUR_TIMES] = [1, 4];
const AVERAGED_OVER = [1, 3, 10, 30, 100] as const;
const OFTEN = 30;
/** Nine of ten pairs come in the right order: who sorts by it works with it. */
const TOLD_APART = 0.9;
/** More often right than wrong. */
const TOPIC_NAMED = 0.5;
const TOPIC_METRIC = "share of questions whose topic is named from their rows";
const BASELINE = "questions in the open";

export const queryAnalysis: Attack = {
  name: "query-analysis",
  title: "What a host learns from questions over time",
  role: "host over time",
  holds:
    "all stored ciphertexts, every question's ciphertext (outsourced), and which rows each question returned or fetched; for topics also the topic of ten rows of each",
  assumptions:
    "Knows the design, beta and epsilon. Askers are not told apart and times are not used. Each question is asked twice, or t times, in the same words. " +
    "An area under the ROC curve (AUC) of 0.9 counts as success: nine of ten pairs come in the right order. In double the host's scoring is " +
    "taken as exact but for its known error, and the rows that are fetched as unordered. Favourable to it: of several ways to compare ciphertexts the best counts.",
  method:
    "Compares ciphertexts by distance, by inner product about their centre, after Wiener's filter (up to 256 dimensions), and by their inner products with the stored rows (beyond); compares the sets of returned rows, rare rows counting more; " +
    "averages the ciphertexts of one question; takes the mean of the returned rows' ciphertexts and names the topic in whose direction it lies from the centre of all.",
  papers: [
    {
      citation:
        "Oya, Kerschbaum: Hiding the Access Pattern is Not Enough: Exploiting Search Pattern Leakage in Searchable Encryption, 2021",
      id: "arXiv 2010.03465",
    },
    {
      citation: "Cheng et al.: RemoteRAG: A Privacy-Preserving LLM Cloud RAG Service (DistanceDP), 2025",
      id: "arXiv 2412.12775",
    },
  ],
  run: (lab) => analyseQueries(lab, lab.bySize(SIZES)),
};

interface Measured {
  readonly asking: Asking;
  readonly open: Observed;
  /** beta -> noise -> figures. */
  readonly outsourced: ReadonlyMap<number, ReadonlyMap<number, Observed>>;
  readonly double: Omit<Observed, "ciphertexts">;
  /** Noise -> t -> the error of every question, at the settings' beta. */
  readonly averages: ReadonlyMap<number, ReadonlyMap<number, readonly number[]>>;
  readonly topicGuessing: number;
  /** The settings'. */
  readonly beta: number;
  readonly noise: number;
}

/** @throws Fault of the encoder and of the collection's files. */
export async function analyseQueries(lab: Lab, sizes: QuerySizes): Promise<AttackResult> {
  const { settings, signal, random } = lab;
  await lab.progress(0, 1);
  const asking = await loadAsking(lab, sizes);
  const { beta, epsilon, rotation } = settings;
  const noise = epsilon === null ? 0 : asking.rows.width / epsilon;
  const [betas, noises] = [
    ascending([...sizes.betas, beta]),
    ascending([0, AS_LONG, FOUR_TIMES, noise, ...sizes.noises]),
  ];
  const averagedNoises = ascending([0, AS_LONG, FOUR_TIMES, noise]);
  const total = betas.length * noises.length + averagedNoises.length + 3;
  let done = 1;
  const best = (await bestRows(asking, signal)).map(([first]) => first!);
  const topics = await topicsOf({ rows: asking.rows, best, random, signal });
  const open = await observeOpen(lab, asking, topics);
  const outsourced = new Map<number, Map<number, Observed>>();
  for (const share of betas) {
    using view = new HostView(asking, { share, rotation, secret: lab.secret() });
    const figures = new Map<number, Observed>();
    for (const length of noises) {
      await lab.progress(++done, total);
      figures.set(length, await observe(lab, asking, topics, view, length));
    }
    outsourced.set(share, figures);
  }
  using view = new HostView(asking, { share: beta, rotation, secret: lab.secret() });
  await lab.progress(++done, total);
  const double = await observeDouble(lab, asking, topics, view);
  const chosen = sampleIndices(asking.questions.rows, sizes.averaged, random);
  const questions = matrixOf(
    chosen.map((i) => row(asking.questions, i)),
    asking.questions.width,
  );
  const averages = new Map<number, ReadonlyMap<number, readonly number[]>>();
  for (const length of averagedNoises) {
    await lab.progress(++done, total);
    averages.set(length, await observeAverages(lab, view, { questions, noise: length, counts: AVERAGED_OVER }));
  }
  return inResult({ asking, open, outsourced, double, averages, topicGuessing: topicGuessing(topics), beta, noise });
}

function inResult(measured: Measured): AttackResult {
  const findings = findingsOf(measured);
  return {
    findings,
    charts: chartsOf(measured),
    words: wordsOf(measured, findings),
    advice: adviceOf(measured, findings),
  };
}

function findingsOf(measured: Measured): Finding[] {
  const { asking, open, outsourced, double, averages, beta, noise } = measured;
  const figures = outsourced.get(beta)!;
  const ours = figures.get(noise)!;
  const count = asking.questions.rows;
  const link = (mode: Finding["mode"], setting: string, metric: string, value: number, baseline: number): Finding => ({
    mode,
    setting,
    metric: `${metric} (AUC)`,
    value,
    baseline,
    baselineIs: BASELINE,
    guessing: 0.5,
    threshold: TOLD_APART,
    direction: "above",
    interval: aucInterval(value, count, count),
  });
  const topic = (mode: Finding["mode"], value: number): Finding => ({
    mode,
    setting: "",
    metric: TOPIC_METRIC,
    value,
    baseline: open.topic,
    baselineIs: BASELINE,
    guessing: measured.topicGuessing,
    threshold: TOPIC_NAMED,
    direction: "above",
  });
  const average = (length: number): Finding => {
    const errors = averages.get(length)!.get(OFTEN)!;
    return {
      mode: "outsourced",
      setting: withNoise(asking, length),
      metric: `error of a question asked ${String(OFTEN)} times, in its lengths`,
      value: mean(errors),
      baseline: 0,
      baselineIs: BASELINE,
      guessing: errorOfTheMean(asking.questions),
      threshold: halfWayToAlike(asking.questions, asking.mostAlike),
      direction: "below",
      interval: meanInterval(errors),
    };
  };
  const added = [AS_LONG, FOUR_TIMES].filter((length) => length !== noise);
  const all = [
    link("outsourced", "", "repeated question linked", ours.ciphertexts.repeated, open.ciphertexts.repeated),
    link(
      "outsourced",
      "",
      "repeated question told from the most alike",
      ours.ciphertexts.repeatedFromAlike,
      open.ciphertexts.repeatedFromAlike,
    ),
    link("outsourced", "", "questions most alike linked", ours.ciphertexts.alike, open.ciphertexts.alike),
    ...added.map((length) =>
      link(
        "outsourced",
        withNoise(asking, length),
        "repeated question linked",
        figures.get(length)!.ciphertexts.repeated,
        open.ciphertexts.repeated,
      ),
    ),
    ...[AS_LONG, FOUR_TIMES].map(average),
    link("outsourced", "", "repeated question linked by its rows alone", ours.rows.repeated, open.rows.repeated),
    link("double", "", "repeated question linked by its rows alone", double.rows.repeated, open.rows.repeated),
    link(
      "double",
      "",
      "repeated question told from the most alike by its rows",
      double.rows.repeatedFromAlike,
      open.rows.repeatedFromAlike,
    ),
    topic("outsourced", ours.topic),
    topic("double", double.topic),
  ];
  // What fails where nothing protects shows nothing where something does.
  return all.filter((finding) => succeeds(finding.baseline, finding));
}

/** As somebody would set it. */
function withNoise({ rows }: Asking, length: number): string {
  return `epsilon ${String(Math.round(rows.width / length))}`;
}

function chartsOf({ asking, outsourced, averages, double, beta, noise }: Measured): Chart[] {
  const x = { title: `length of DistanceDP's noise, in a question's (${String(asking.rows.width)} / epsilon)` };
  const marks = [{ x: noise, label: "your epsilon" }];
  const line = (of: (figures: Observed) => number, share: number): (readonly [number, number])[] =>
    [...outsourced.get(share)!].map(([length, figures]) => [length, of(figures)]);
  return [
    {
      title: "Repeated questions are linked",
      x,
      y: { title: "AUC", domain: [0.4, 1] },
      lines: [
        ...[...outsourced.keys()].slice(0, 5).map((share) => ({
          name: `ciphertexts, beta ${String(share)}`,
          points: line(({ ciphertexts }) => ciphertexts.repeated, share),
        })),
        { name: `rows alone, beta ${String(beta)}`, points: line(({ rows }) => rows.repeated, beta) },
      ],
      marks,
    },
    {
      title: "A question averaged over its repetitions",
      x: { title: "times asked", log: true },
      y: { title: "error, in lengths of the question" },
      lines: [...averages].map(([length, byCount]) => ({
        name: length === 0 ? "CAPRISE's noise alone" : withNoise(asking, length),
        points: [...byCount].map(([t, errors]) => [t, mean(errors)] as const),
      })),
    },
    {
      title: "What DistanceDP's noise costs",
      x,
      y: { title: "share", domain: [0, 1] },
      lines: [
        { name: "true first rows among those returned", points: line(({ recall }) => recall, beta) },
        { name: "topics named from the rows", points: line(({ topic }) => topic, beta) },
        { name: "topics named, double", points: [[0, double.topic]] },
      ],
      marks,
    },
  ];
}

/** The shortest noise of those tried under which repeated questions are not linked. */
function unlinkedFrom({ outsourced, beta }: Measured): readonly [noise: number, figures: Observed] | undefined {
  return [...outsourced.get(beta)!].find(([, { ciphertexts }]) => ciphertexts.repeated < TOLD_APART);
}

function wordsOf(measured: Measured, findings: readonly Finding[]): string[] {
  const { asking, open, outsourced, double, averages, beta, noise } = measured;
  const ours = outsourced.get(beta)!.get(noise)!;
  const unlinked = unlinkedFrom(measured);
  const often = mean(averages.get(AS_LONG)!.get(OFTEN)!);
  const topics = `By the returned rows alone, somebody who knows the topics of a few rows names a question's topic for a share of ${show(ours.topic)} (double: ${show(double.topic)}; in the open: ${show(open.topic)}; always naming the most frequent: ${show(measured.topicGuessing)}).`;
  return [
    `The host of an outsourced collection recognises a question that is asked again: it puts two askings of one question nearer together than two questions with probability ${show(ours.ciphertexts.repeated)} ` +
      `(${show(ours.ciphertexts.repeatedFromAlike)} against the most alike other question), and sees which questions are alike (${show(ours.ciphertexts.alike)}). Guessing is .50.`,
    unlinked
      ? `Of the noises tried, the shortest under which this falls below ${String(TOLD_APART)} is ${String(unlinked[0])} times as long as a question (${withNoise(asking, unlinked[0])}). The rows returned then hold a share of ${show(unlinked[1].recall)} of the true first ${String(asking.k)}, of ${String(unlinked[1].candidates)} returned.`
      : "No noise that was tried stops this.",
    `Noise averages away: at ${withNoise(asking, AS_LONG)} a question asked ${String(OFTEN)} times is known to ${show(often)} of its length.`,
    `In double the host sees no more of a question than the ${String(double.candidates)} rows it fetches. Repeated questions are linked by those with probability ${show(double.rows.repeated)}.`,
    ...(findings.some(({ metric }) => metric === TOPIC_METRIC) ? [topics] : []),
  ];
}

function adviceOf({ double }: Measured, findings: readonly Finding[]): Advice[] {
  const [linked] = findings;
  if (!linked || linked.value < linked.threshold) return [];
  return [
    {
      setting: "--mode",
      text:
        "Where a host may not see what a question is near to, take double: its ciphertexts of questions show nothing. " +
        (double.rows.repeated >= TOLD_APART
          ? "The fetched rows still show that a question was asked again; where that matters, keep the collection at a node of your own (mode private), whose owner alone sees fetches."
          : ""),
    },
  ];
}

function ascending(values: readonly number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}

function show(value: number): string {
  return value.toFixed(2);
}
