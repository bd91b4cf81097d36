import { type ReportRow, type SecurityReport, verdictOf } from "./report.ts";

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

export function outcomeText({ succeeded, baselineSucceeded }: ReportRow): string {
  if (!baselineSucceeded) return "no evidence";
  return succeeded ? "succeeds" : "withstood";
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
  "Every figure stands beside the same attack where nothing protects, in the same run. An attack succeeds when its figure reaches the threshold; where it does not reach it even unprotected, the row is no evidence and does not count.";

export interface VerdictLine {
  readonly name: string;
  readonly title: string;
  readonly role: string;
  readonly modes: string;
  readonly verdict: ReturnType<typeof verdictOf>;
  /** Figures that withstood, of those that count. */
  readonly withstood: string;
}

/** One line an attack. */
export function verdictLines({ sections, attacks }: SecurityReport): VerdictLine[] {
  return sections.map(({ name, title, role }) => {
    const rows = attacks.filter((row) => row.name === name);
    const counted = rows.filter(({ baselineSucceeded }) => baselineSucceeded);
    return {
      name,
      title,
      role,
      modes: [...new Set(rows.map(({ mode }) => mode))].join(", "),
      verdict: verdictOf(rows),
      withstood: `${counted.filter(({ succeeded }) => !succeeded).length} of ${counted.length}`,
    };
  });
}
