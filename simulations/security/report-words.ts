import type { Paper } from "./attack.ts";
import type { ReportRow, SecurityReport } from "./report.ts";

/** A figure as people read it: three digits, no zero before the point. */
export function figure(value: number): string {
  if (Number.isInteger(value)) return String(value);
  const size = Math.abs(value);
  const text =
    size >= 100 ? value.toFixed(0) : size >= 0.001 ? String(Number(value.toPrecision(3))) : value.toExponential(1);
  return text.replace(/^(-?)0\./, "$1.");
}

/** The figure with its interval, if it has one. */
export function valueText({ value, interval }: Pick<ReportRow, "value" | "interval">): string {
  return interval ? `${figure(value)} (${figure(interval[0])} to ${figure(interval[1])})` : figure(value);
}

export function outcomeText({ succeeded, baselineSucceeded, comparison }: ReportRow): string {
  if (comparison === true) return "for comparison";
  if (!baselineSucceeded) return "no evidence";
  return succeeded ? "succeeds" : "withstood";
}

/** A figure with what it is and what it is to be held against. */
export function inFull(row: ReportRow): string {
  const { baseline, guessing } = row;
  const beside = guessing === null ? "" : `, guessing ${figure(guessing)}`;
  return `${measuredAs(row)}: ${valueText(row)} (unprotected ${figure(baseline)}${beside})`;
}

export function measuredAs({ metric, setting }: ReportRow): string {
  return setting === "" ? metric : `${metric}, ${setting}`;
}

export function papersText(papers: readonly Paper[]): string {
  return papers.map(({ citation, id }) => `${citation} (${id})`).join("; ");
}

/** What was attacked, a sentence each. */
export function aboutWords({ collection, settings, sotto }: SecurityReport): string[] {
  const { encoders, beta, epsilon, rotation, scoreBits, k, seed, effort, queryBudget } = settings;
  return [
    `Collection: ${collection.name}, ${collection.passages.toLocaleString("en")} passages, ${collection.questions.toLocaleString("en")} questions. Encoders: ${encoders.join(", ")}.`,
    `Hosted collections: beta ${figure(beta)} of the largest norm, ${rotation ? "rotated" : "not rotated"}, ${epsilon === null ? "no DistanceDP noise" : `epsilon ${figure(epsilon)}`}. Private ones: ${scoreBits} score bits, ${k} passages a question, ${queryBudget === null ? "the default query budget" : `a budget of ${queryBudget} questions`}.`,
    `Sotto ${sotto}, effort ${effort}, seed ${seed}. The seed reproduces every figure but times.`,
  ];
}

/** How to read an outcome. */
export const LEGEND =
  "Every figure stands beside the same attack where nothing protects, in the same run. An attack succeeds when its figure reaches the threshold; where it does not reach it even unprotected, the row is no evidence and does not count. Rows for comparison measure something that is not the product, and do not count either.";
