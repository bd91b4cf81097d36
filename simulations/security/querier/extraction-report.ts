import { QUERY_BUDGET_DAYS_DEFAULT } from "../../../party-node/serving/default-query-budget.ts";
import type { Advice, AttackResult, Chart, Finding } from "../attack.ts";
import { succeeds } from "../attack.ts";
import { percent } from "../percent.ts";
import type { EvaluationSettings } from "../settings.ts";
import { type Curve, type CurvePoint, bestAt } from "./curves.ts";
import type { Nearness } from "./target.ts";

/** Shares of guesses that hints confirm. */
export interface HintFigures {
  readonly tries: number;
  /** Right guesses of a row that was added to a block by itself. */
  readonly added: number;
  /** Right guesses of a row in a block that was never seen without it. */
  readonly unknown: number;
  /** Wrong guesses of a row that was added by itself. */
  readonly wrong: number;
}

/** What an attack on one encoder's vectors comes to. */
export interface ExtractionFigures {
  readonly encoder: string;
  readonly dim: number;
  readonly budget: number;
  /** Whether scores were made by the encryption, not by its model. */
  readonly isEncrypted: boolean;
  readonly bounds: { readonly open: Nearness; readonly blind: Nearness };
  readonly curves: readonly Curve[];
  /** Share of rows whose text is the best of all candidates after a budget of questions. */
  readonly matched: number;
  readonly candidates: number;
}

/** What is measured on the first encoder alone. */
export interface FurtherFigures {
  /** Principal axes by the bits of a score. */
  readonly bits: readonly { readonly bits: number; readonly points: readonly CurvePoint[] }[];
  /** Share of shuffled rows linked again by 1, 2, ... repeated questions. */
  readonly relinked: readonly number[];
  /** How many rows were shuffled. */
  readonly rows: number;
  readonly hints: HintFigures;
}

const OPEN = "vectors in the open";

export function reportOf(
  figures: readonly ExtractionFigures[],
  further: FurtherFigures | null,
  settings: EvaluationSettings,
): AttackResult {
  const [first] = figures;
  if (!first || !further)
    return { findings: [], words: ["Nothing was attacked: vectors have more than 2,048 dimensions."] };
  const findings = [
    ...figures.flatMap(budgetFindings),
    ...withoutBudget(first, further),
    ...relinking(further),
    ...hintFindings(further),
  ];
  return {
    findings,
    charts: [shareChart(figures), ...figures.map(cosineChart)],
    words: words(figures, further),
    advice: advice(figures, settings),
  };
}

function nameOf({ encoder, dim }: ExtractionFigures): string {
  return `${encoder.startsWith("onnx:") ? "sentence encoder" : encoder.replace(/:\d+$/, "")}, ${String(dim)} dimensions`;
}

/** Success is to come more than half of the way from knowing nothing to having the vectors. */
function halfWay(blind: number, open: number): number {
  return (blind + open) / 2;
}

function budgetFindings(figures: ExtractionFigures): Finding[] {
  const { budget, bounds, curves, matched, candidates } = figures;
  const setting = `${nameOf(figures)}, ${String(budget)} questions`;
  const nearness = (of: keyof Nearness, metric: string): Finding => {
    const best = bestAt(curves, budget, of);
    const [open, blind] = [bounds.open[of], bounds.blind[of]];
    return {
      ...common(setting, metric),
      value: best.value,
      baseline: open,
      guessing: blind,
      threshold: halfWay(blind, open),
      note: `best of ${String(curves.length)} ways to ask: ${best.name}`,
    };
  };
  return [
    nearness("cosine", "cosine of recovered vectors"),
    // Of too little text the attacker learns nothing, not even for vectors in the open.
    ...(learnsWords(figures) ? [nearness("f1", "F1 of guessed words")] : []),
    {
      ...common(setting, "exact match@1 of candidate texts"),
      value: matched,
      baseline: 1,
      guessing: 1 / candidates,
      threshold: 0.5,
      note: `${String(candidates)} candidates, the right one among them`,
    },
  ];
}

function learnsWords({ bounds: { open, blind } }: ExtractionFigures): boolean {
  return open.f1 > blind.f1;
}

function common(
  setting: string,
  metric: string,
): Pick<Finding, "mode" | "setting" | "metric" | "baselineIs" | "direction"> {
  return { mode: "private", setting, metric, baselineIs: OPEN, direction: "above" };
}

function withoutBudget(figures: ExtractionFigures, { bits }: FurtherFigures): Finding[] {
  const { bounds, curves } = figures;
  const most = Math.max(...curves.map(({ points }) => points.at(-1)!.asked));
  const finding = (setting: string, value: number): Finding => ({
    ...common(`${nameOf(figures)}, ${setting}`, "cosine of recovered vectors"),
    value,
    baseline: 1,
    guessing: bounds.blind.cosine,
    threshold: halfWay(bounds.blind.cosine, 1),
  });
  const coarse = bits.find((of) => of.bits === 8)!.points.at(-1)!;
  return [
    finding(`no budget: ${String(most)} questions`, bestAt(curves, most, "cosine").value),
    finding(`no budget: ${String(coarse.asked)} questions, scores of 8 bits`, coarse.cosine),
  ];
}

function relinking({ relinked, rows }: FurtherFigures): Finding[] {
  return relinked.map((share, i) => ({
    ...common(`rows shuffled, ${String(i + 1)} repeated question${i === 0 ? "" : "s"}`, "rows linked again"),
    baselineIs: "rows in one order",
    value: share,
    baseline: 1,
    guessing: 1 / rows,
    threshold: 0.5,
  }));
}

function hintFindings({ hints }: FurtherFigures): Finding[] {
  const finding = (setting: string, value: number): Finding => ({
    ...common(setting, "right guesses confirmed"),
    value,
    baseline: 1,
    guessing: hints.wrong,
    threshold: 0.5,
    note: "no question asked",
  });
  return [
    finding("hints alone, a block of rows unknown", hints.unknown),
    finding("hints alone, a row added by itself", hints.added),
  ];
}

function cosineChart(figures: ExtractionFigures): Chart {
  const { curves, budget } = figures;
  return {
    title: `Vectors recovered by a querier (${nameOf(figures)})`,
    x: { title: "questions asked" },
    y: { title: "mean cosine of recovered and true vector", domain: [0, 1] },
    lines: curves.map(({ name, points }) => ({
      name,
      points: points.map(({ asked, cosine }) => [asked, cosine] as const),
    })),
    marks: [{ x: budget, label: `budget: ${String(budget)}` }],
  };
}

/** What the default budget rests on: how much of the way to the vectors, and to what they say, the best attack has come. */
function shareChart(figures: readonly ExtractionFigures[]): Chart {
  const line = (of: ExtractionFigures, what: keyof Nearness): readonly (readonly [number, number])[] => {
    const [blind, open] = [of.bounds.blind[what], of.bounds.open[what]];
    const counts = new Set(of.curves.flatMap(({ points }) => points.map(({ asked }) => asked)));
    let best = blind; // whoever has asked more can also do without
    return [...counts]
      .sort((a, b) => a - b)
      .map((asked) => {
        best = Math.max(best, bestAt(of.curves, asked, what).value);
        return [asked / of.dim, (best - blind) / (open - blind)] as const;
      });
  };
  const budget = figures[0]!.budget / figures[0]!.dim;
  return {
    title: "What a querier recovers of what the vectors in the open show",
    x: { title: "questions asked, as a share of the dimensions" },
    y: { title: "0: knowing nothing, 1: vectors in the open", domain: [0, 1] },
    lines: figures.flatMap((of) => [
      { name: `${nameOf(of)}: vectors, by cosine`, points: line(of, "cosine") },
      ...(learnsWords(of) ? [{ name: `${nameOf(of)}: words, by F1`, points: line(of, "f1") }] : []),
    ]),
    marks: [{ x: budget, label: "budget" }],
  };
}

function words(figures: readonly ExtractionFigures[], { bits, relinked, rows, hints }: FurtherFigures): string[] {
  const coarse = bits.map(({ bits: p, points }) => `${String(p)} bits ${points.at(-1)!.cosine.toFixed(2)}`);
  return [
    ...figures.map(budgetInWords),
    `Coarser scores would not help: a cosine of recovered vectors after ${String(bits[0]!.points.at(-1)!.asked)} questions of ${coarse.join(", ")}.`,
    `A querier who has a text and wonders whether a party holds it finds out with a few questions, whatever the budget (${percent(figures[0]!.matched)} of candidate texts were matched with it): a search that finds passages says which there are. A budget bounds what can be read out without a guess.`,
    `A budget is given back after ${String(QUERY_BUDGET_DAYS_DEFAULT)} days: it makes extraction slow and visible, and does not end it. Every question may also fetch up to 32 passages in the open, which is what queriers are admitted for.`,
    `To shuffle rows from time to time would be worth little: ${String(relinked.length)} repeated questions linked ${percent(relinked.at(-1)!)} of ${String(rows)} rows again, a single one ${percent(relinked[0]!)}.`,
    `Hints alone, without a question, confirmed ${percent(hints.added)} of right guesses of a passage that was added to a block by itself, and ${percent(hints.unknown)} of those of a passage in a block whose other passages are unknown. With an encoder that uses statistics of the collection, as the lexical one does, whoever guesses has to know these as well.`,
    "In `double` a reader holds the collection's key, which opens every passage: there is nothing left to extract.",
  ];
}

function budgetInWords(figures: ExtractionFigures): string {
  const { budget, curves, bounds, isEncrypted } = figures;
  const how = isEncrypted ? "" : " Errors of scores follow the model of the encryption, not the encryption itself.";
  return `${capital(nameOf(figures))}: after ${String(budget)} questions, chosen as well as we know how, vectors are recovered to a cosine of ${bestAt(curves, budget, "cosine").value.toFixed(2)} (knowing nothing: ${bounds.blind.cosine.toFixed(2)}).${wordsInWords(figures)}${how}`;
}

function wordsInWords(figures: ExtractionFigures): string {
  const { budget, curves, bounds } = figures;
  if (!learnsWords(figures))
    return " The attacker's own text is too little to learn from which words a vector stands for.";
  const f1 = bestAt(curves, budget, "f1").value;
  const gained = (f1 - bounds.blind.f1) / (bounds.open.f1 - bounds.blind.f1);
  return ` Words that tell passages apart are guessed with an F1 of ${f1.toFixed(2)} (knowing nothing: ${bounds.blind.f1.toFixed(2)}, vectors in the open: ${bounds.open.f1.toFixed(2)}), ${percent(gained)} of what the vectors would add: these are the words of a passage's topic, which shows first.`;
}

function advice(figures: readonly ExtractionFigures[], { queryBudget }: EvaluationSettings): Advice[] {
  const tooLarge = figures.find(({ curves, budget, bounds: { blind, open } }) =>
    succeeds(bestAt(curves, budget, "cosine").value, {
      threshold: halfWay(blind.cosine, open.cosine),
      direction: "above",
    }),
  );
  if (queryBudget === null || !tooLarge) return [];
  return [
    {
      setting: "--query-budget",
      text: `${String(queryBudget)} questions bring a querier more than half of the way to the vectors; leave the option out for the default, or admit only queriers who may have everything.`,
    },
  ];
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
