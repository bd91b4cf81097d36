import type { Advice, Chart, Finding, Role } from "./attack.ts";
import { succeeds } from "./attack.ts";
import { encoderName } from "./encoder-name.ts";
import type { AttackDescription } from "./attack-messages.ts";
import type { Outcome } from "./run-attacks.ts";
import type { EvaluationSettings } from "./settings.ts";
import type { VictimText } from "./victim.ts";

/** One figure of the report. */
export interface ReportRow extends Finding {
  /** Of the attack. */
  readonly name: string;
  readonly role: Role;
  readonly succeeded: boolean;
  /** Where it did not, the row says nothing about the protected mode. */
  readonly baselineSucceeded: boolean;
}

export interface ReportSection extends AttackDescription {
  readonly words: readonly string[];
  readonly charts: readonly Chart[];
  readonly advice: readonly Advice[];
}

/** What `sotto evaluate security` writes and prints; two runs of one seed differ in `times` and in rows that are `timed` only. */
export interface SecurityReport {
  readonly sotto: string;
  readonly collection: { readonly name: string; readonly passages: number; readonly questions: number };
  readonly settings: Omit<EvaluationSettings, "dataFolder" | "corpus">;
  readonly attacks: readonly ReportRow[];
  readonly sections: readonly ReportSection[];
  /** Attacks that could not run on this machine, or broke. */
  readonly missing: readonly { readonly name: string; readonly failed: boolean; readonly why: string }[];
  readonly times: {
    readonly startedAt: string;
    readonly seconds: number;
    readonly secondsByAttack: Readonly<Record<string, number>>;
    readonly machine: string;
  };
}

export interface ReportOptions {
  readonly version: string;
  readonly settings: EvaluationSettings;
  readonly victim: VictimText;
  readonly outcomes: readonly Outcome[];
  readonly times: Omit<SecurityReport["times"], "secondsByAttack">;
}

export function assembleReport({ version, settings, victim, outcomes, times }: ReportOptions): SecurityReport {
  const done = outcomes.filter((outcome) => outcome.kind === "done");
  const { dataFolder: _, corpus: __, ...shown } = settings;
  return {
    sotto: version,
    collection: { name: victim.name, passages: victim.documents.length, questions: victim.queries.length },
    settings: { ...shown, encoders: shown.encoders.map(encoderName) },
    attacks: done.flatMap(({ description, result }) => result.findings.map((finding) => rowOf(description, finding))),
    sections: done.map(({ description, result }) => ({
      ...description,
      words: result.words,
      charts: (result.charts ?? []).map(roundedChart),
      advice: result.advice ?? [],
    })),
    missing: outcomes.flatMap((outcome) =>
      outcome.kind === "done" ? [] : [{ name: outcome.name, failed: outcome.kind === "failed", why: outcome.why }],
    ),
    times: {
      ...times,
      secondsByAttack: Object.fromEntries(
        done.map(({ description, seconds }) => [description.name, Number(seconds.toFixed(1))]),
      ),
    },
  };
}

function rowOf({ name, role }: AttackDescription, finding: Finding): ReportRow {
  const { interval } = finding;
  return {
    name,
    role,
    ...finding,
    value: rounded(finding.value),
    baseline: rounded(finding.baseline),
    guessing: finding.guessing === null ? null : rounded(finding.guessing),
    ...(interval ? { interval: [rounded(interval[0]), rounded(interval[1])] } : {}),
    succeeded: succeeds(finding.value, finding),
    baselineSucceeded: succeeds(finding.baseline, finding),
  };
}

function roundedChart(chart: Chart): Chart {
  const lines = chart.lines.map(({ name, points }) => ({
    name,
    points: points.map(([x, y]) => [rounded(x), rounded(y)] as const),
  }));
  return { ...chart, lines };
}

/** Four digits: what lies beyond depends on the order in which threads add. */
function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
