import type { Mode, Role } from "./attack.ts";
import type { ReportRow, SecurityReport } from "./report.ts";

/** What of an attack's figures withstood, in one word. */
export type Verdict = "withstood" | "in part" | "succeeds" | "no evidence";

/** What came of one attack on one mode. */
export interface VerdictLine {
  readonly name: string;
  readonly title: string;
  readonly role: Role;
  readonly mode: Mode;
  readonly verdict: Verdict;
  /** Figures that withstood, of those that count. */
  readonly withstood: string;
  /** Where the attacker came furthest; null where no row counts. */
  readonly furthest: ReportRow | null;
}

/** One line for an attack and a mode, in the order of the report. */
export function verdictLines({ sections, attacks }: Pick<SecurityReport, "sections" | "attacks">): VerdictLine[] {
  return sections.flatMap(({ name, title, role }) => {
    const rows = attacks.filter((row) => row.name === name);
    return [...new Set(rows.map(({ mode }) => mode))].map((mode) => {
      const ofMode = rows.filter((row) => row.mode === mode);
      const counted = ofMode.filter(counts);
      return {
        name,
        title,
        role,
        mode,
        verdict: verdictOf(ofMode),
        withstood: `${counted.filter(({ succeeded }) => !succeeded).length} of ${counted.length}`,
        furthest: furthestOf(counted),
      };
    });
  });
}

export function verdictOf(rows: readonly ReportRow[]): Verdict {
  const counted = rows.filter(counts);
  const succeeded = counted.filter((row) => row.succeeded).length;
  if (counted.length === 0) return "no evidence";
  if (succeeded === 0) return "withstood";
  return succeeded === counted.length ? "succeeds" : "in part";
}

/** What fails unprotected too says nothing, and what is not the product says nothing about it. */
function counts({ baselineSucceeded, comparison }: ReportRow): boolean {
  return baselineSucceeded && comparison !== true;
}

/** Successes before others; among them, how much of the way from guessing to what the attack gets unprotected. Rows that rest on a clock come last. */
function furthestOf(rows: readonly ReportRow[]): ReportRow | null {
  const ranked = rows.toSorted(
    (a, b) =>
      Number(a.timed ?? false) - Number(b.timed ?? false) ||
      Number(b.succeeded) - Number(a.succeeded) ||
      wayOf(b) - wayOf(a),
  );
  return ranked[0] ?? null;
}

function wayOf({ value, baseline, guessing, direction }: ReportRow): number {
  if (guessing !== null) return baseline === guessing ? 0 : (value - guessing) / (baseline - guessing);
  return direction === "above" ? value / baseline : baseline / value;
}
