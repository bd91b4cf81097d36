import type { Advice, Attack, AttackResult, Chart, Finding } from "../attack.ts";
import { mean } from "../../metrics.ts";
import { sampleIndices } from "../../seeded-random.ts";
import { meanInterval } from "../confidence.ts";
import { encoderName } from "../encoder-name.ts";
import type { Lab } from "../lab.ts";
import type { Effort, EvaluationSettings } from "../settings.ts";
import { divide } from "../victim.ts";
import { MISSPELLINGS, misspellShare } from "./misspell.ts";
import { type Paraphrases, loadParaphrases } from "./paraphrases.ts";
import { type Grades, Retrieval, lost, othersInPlace } from "./retrieval.ts";
import { VARIATIONS } from "./variations.ts";

/** How much is asked. */
export interface TypoSizes {
  readonly rows: number;
  readonly questions: number;
  /** Shares of words misspelt. */
  readonly shares: readonly number[];
}

const SIZES: Readonly<Record<Effort, TypoSizes>> = {
  quick: { rows: 1200, questions: 100, shares: [0.2, 0.5, 1] },
  standard: { rows: 6000, questions: 400, shares: [0.1, 0.2, 0.3, 0.5, 0.75, 1] },
  full: { rows: 100_000, questions: 5000, shares: [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1] },
};
/** Of an encoder's nDCG@10. */
const LOSS = 0.1;
const PARAPHRASED = "said in other words by people";
const ONE_IN_FIVE = "one word in five misspelt";

export const typos: Attack = {
  name: "typos",
  title: "How much of the answers is lost to how a question is typed",
  role: "nobody: users' own typing",
  holds: "nothing: users misspell and rephrase their own questions",
  assumptions:
    "Not an attack: a figure is the nDCG@10 lost, and the baseline is what another question in its place loses, which is everything that can be lost. A tenth of an encoder's " +
    "nDCG@10 counts as too much, half of the mean loss for which the paper calls retrieval not robust. English keyboard; letters slip at random, also in words that decide " +
    "the answer. Without judgements a question is measured against the ranking of the same question as it was.",
  method:
    "Changes each question as people do (a wrong, missing, doubled or swapped letter; punctuation and capitals; no stop words; another order; another frame), " +
    "and ranks as private does. Paraphrases by people: the first sentence of a pair of the STS benchmark asks for the second among all.",
  papers: [
    {
      citation:
        "Penha, Câmara, Hauff: Evaluating the Robustness of Retrieval Pipelines with Query Variation Generators, 2022",
      id: "arXiv 2111.13057",
    },
    { citation: "Cer et al.: SemEval-2017 Task 1: Semantic Textual Similarity, 2017", id: "arXiv 1708.00055" },
  ],
  run: (lab) => measureTypos(lab, lab.bySize(SIZES)),
};

/** Questions as they were and as they became; the same for all encoders. */
interface Typed {
  readonly questions: readonly string[];
  /** By name of the variation. */
  readonly varied: ReadonlyMap<string, readonly string[]>;
  /** By kind of misspelling, or `any`, and share of the words. */
  readonly misspelt: ReadonlyMap<string, ReadonlyMap<number, readonly string[]>>;
}

const ANY = "any";

function typed(questions: readonly string[], shares: readonly number[], random: () => number): Typed {
  const kinds = [ANY, ...MISSPELLINGS] as const;
  return {
    questions,
    varied: new Map(
      Object.entries(VARIATIONS).map(([name, vary]) => [name, questions.map((question) => vary(question, random))]),
    ),
    misspelt: new Map(
      kinds.map((kind) => [
        kind,
        new Map(
          shares.map((share) => {
            const options = { share, random, ...(kind === ANY ? {} : { kinds: [kind] }) };
            return [share, questions.map((question) => misspellShare(question, options))];
          }),
        ),
      ]),
    ),
  };
}

/** What one encoder loses. */
interface Robustness {
  readonly encoder: string;
  /** Mean nDCG@10 of the questions as they were. */
  readonly quality: number;
  readonly losses: ReadonlyMap<string, Loss>;
  /** Kind -> share of words -> mean nDCG@10. */
  readonly curves: ReadonlyMap<string, readonly (readonly [share: number, quality: number])[]>;
}

interface Loss {
  /** Of every question. */
  readonly lost: readonly number[];
  /** Mean, with another question in each one's place. */
  readonly everything: number;
  readonly quality: number;
}

/** @throws Fault of the encoders and of the collection's files. */
export async function measureTypos(lab: Lab, sizes: TypoSizes): Promise<AttackResult> {
  const { settings, random } = lab;
  const victim = await lab.victim();
  const { owner: documents } = divide(victim, { owner: sizes.rows, attacker: 0, seed: settings.seed });
  const known = new Set(documents.map(({ id }) => id));
  const gradesOf = (id: string): Grades =>
    new Map([...(victim.qrels?.get(id) ?? [])].filter(([document]) => known.has(document)));
  // A question whose answers were left out of the sample loses nothing, whatever is done to it.
  const answerable = victim.queries.filter(
    ({ id }) => !victim.qrels || [...gradesOf(id).values()].some((grade) => grade > 0),
  );
  const chosen = sampleIndices(answerable.length, sizes.questions, random).map((i) => answerable[i]!);
  const grades = victim.qrels ? chosen.map(({ id }) => gradesOf(id)) : null;
  const asked = typed(
    chosen.map(({ text }) => text),
    sizes.shares,
    random,
  );
  const paraphrases = await loadParaphrases(settings.dataFolder, { count: sizes.questions, random });
  const specs = encodersOf(settings);
  const measured: Robustness[] = [];
  for (const [i, spec] of specs.entries()) {
    const [step, steps] = [i * 3, specs.length * 3];
    await lab.progress(step, steps);
    const retrieval = await Retrieval.of(lab, await lab.encoder(spec), documents);
    await lab.progress(step + 1, steps);
    const robustness = await measureEncoder(lab, { spec, retrieval, asked, grades });
    await lab.progress(step + 2, steps);
    const losses = new Map(robustness.losses);
    if (paraphrases) losses.set(PARAPHRASED, await measureParaphrases(lab, spec, paraphrases));
    const isTaken = measured.some(({ encoder }) => encoder === robustness.encoder);
    measured.push({ ...robustness, encoder: robustness.encoder + (isTaken ? ` (${String(i + 1)})` : ""), losses });
  }
  return {
    findings: findingsOf(measured, grades !== null),
    charts: chartsOf(measured),
    words: wordsOf(measured, paraphrases !== null),
    advice: adviceOf(measured),
  };
}

/** All of the settings, and the lexical one as the yardstick. */
function encodersOf({ encoders }: EvaluationSettings): string[] {
  const all = [...new Set(encoders)];
  return all.some((spec) => spec.startsWith("lexical")) ? all : [...all, "lexical"];
}

interface EncoderCase {
  readonly spec: string;
  readonly retrieval: Retrieval;
  readonly asked: Typed;
  /** Null: against the ranking of the questions as they were. */
  readonly grades: readonly Grades[] | null;
}

async function measureEncoder(lab: Lab, { spec, retrieval, asked, grades: judged }: EncoderCase): Promise<Robustness> {
  const grades =
    judged ?? (await retrieval.rank(asked.questions)).map((ranking) => new Map(ranking.map((id) => [id, 1])));
  const before = await retrieval.quality(asked.questions, grades);
  const everything = mean(lost(before, await retrieval.quality(othersInPlace(asked.questions), grades)));
  const losses = new Map<string, Loss>();
  for (const [name, questions] of asked.varied) {
    const after = await retrieval.quality(questions, grades);
    losses.set(name, { lost: lost(before, after), everything, quality: mean(before) });
  }
  const curves = new Map<string, (readonly [number, number])[]>();
  for (const [kind, byShare] of asked.misspelt) {
    const points: (readonly [number, number])[] = [[0, mean(before)]];
    for (const [share, questions] of byShare) points.push([share, mean(await retrieval.quality(questions, grades))]);
    curves.set(kind, points);
    await lab.pause();
  }
  return { encoder: encoderName(spec), quality: mean(before), losses, curves };
}

async function measureParaphrases(
  lab: Lab,
  spec: string,
  { documents, originals, paraphrases, grades }: Paraphrases,
): Promise<Loss> {
  const retrieval = await Retrieval.of(lab, await lab.encoder(spec), documents);
  const before = await retrieval.quality(originals, grades);
  const everything = mean(lost(before, await retrieval.quality(othersInPlace(paraphrases), grades)));
  return { lost: lost(before, await retrieval.quality(paraphrases, grades)), everything, quality: mean(before) };
}

function findingsOf(measured: readonly Robustness[], isJudged: boolean): Finding[] {
  return measured.flatMap(({ encoder, losses }) =>
    [...losses].map(([name, { lost: values, everything, quality }]): Finding => {
      const reference = isJudged || name === PARAPHRASED ? "" : ", against its own ranking";
      return {
        mode: "all",
        setting: `${encoder}, ${name}`,
        metric: "nDCG@10 lost",
        value: mean(values),
        baseline: everything,
        baselineIs: "another question in its place",
        guessing: null,
        threshold: LOSS * quality,
        direction: "above",
        interval: meanInterval(values),
        note: `of ${quality.toFixed(3)}${reference}`,
      };
    }),
  );
}

function chartsOf(measured: readonly Robustness[]): Chart[] {
  const x = { title: "share of words misspelt" };
  const [first] = measured;
  return [
    {
      title: "Misspelt words, by encoder",
      x,
      y: { title: "nDCG@10", domain: [0, 1] },
      lines: measured.slice(0, 7).map(({ encoder, curves }) => ({ name: encoder, points: curves.get(ANY)! })),
    },
    {
      title: `Misspelt words, by kind (${first!.encoder})`,
      x,
      y: { title: "nDCG@10", domain: [0, 1] },
      lines: MISSPELLINGS.map((kind) => ({ name: kind, points: first!.curves.get(kind)! })),
    },
  ];
}

function wordsOf(measured: readonly Robustness[], hasParaphrases: boolean): string[] {
  const said = measured.map(({ encoder, quality, losses }) => {
    const ranked = [...losses]
      .map(([name, loss]) => [name, mean(loss.lost), loss] as const)
      .sort((a, b) => b[1] - a[1]);
    const tooMuch = ranked.filter(([, value, loss]) => value >= LOSS * loss.quality);
    const list = tooMuch.map(([name, value]) => `${name} (${value.toFixed(3)})`).join(", ");
    return (
      `${encoder}, nDCG@10 ${quality.toFixed(3)} for questions as they were: ` +
      (tooMuch.length === 0 ? "nothing that was tried costs a tenth of it." : `a tenth or more is lost to: ${list}.`)
    );
  });
  const missing = "Paraphrases by people were not measured: there is no sts/ in the data folder.";
  return hasParaphrases ? said : [...said, missing];
}

/** Another encoder of these that finds more both of what is typed well and of what is misspelt. */
function adviceOf(measured: readonly Robustness[]): Advice[] {
  const [first] = measured;
  const left = ({ quality, losses }: Robustness): number => quality - mean(losses.get(ONE_IN_FIVE)!.lost);
  const loss = mean(first!.losses.get(ONE_IN_FIVE)!.lost);
  if (loss < LOSS * first!.quality) return [];
  const better = measured
    .filter((one) => one.quality > first!.quality && left(one) > left(first!))
    .sort((a, b) => left(b) - left(a))[0];
  if (!better) return [];
  return [
    {
      setting: "--encoder",
      text: `Take ${better.encoder}, alone or in a hybrid: with one word in five misspelt its nDCG@10 is ${left(better).toFixed(3)}, that of ${first!.encoder} ${left(first!).toFixed(3)}.`,
    },
  ];
}
