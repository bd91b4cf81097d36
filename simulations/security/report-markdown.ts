import type { ReportRow, ReportSection, SecurityReport } from "./report.ts";
import { LEGEND, aboutWords, figure, outcomeText, valueText, verdictLines } from "./report-words.ts";

/** The whole report but its charts. */
export function reportInMarkdown(report: SecurityReport): string {
  const { sections, attacks, missing } = report;
  return [
    "# Security evaluation",
    ...aboutWords(report),
    LEGEND,
    "## In short",
    table(
      ["attack", "who", "mode", "outcome", "figures that withstood"],
      verdictLines(report).map(({ name, title, role, modes, verdict, withstood }) => [
        `[${title}](#${name})`,
        role,
        modes,
        verdict,
        withstood,
      ]),
    ),
    ...adviceIn(report),
    ...sections.flatMap((section) =>
      sectionIn(
        section,
        attacks.filter(({ name }) => name === section.name),
      ),
    ),
    ...(missing.length === 0 ? [] : ["## Not run", ...missing.map(({ name, why }) => `- ${name}: ${why}`)]),
    "",
  ].join("\n\n");
}

/** What SECURITY.md has of it: every figure, one line each. Says nothing of times, so that one seed gives one text. */
export function leakageTable({ attacks }: Pick<SecurityReport, "attacks">): string {
  return table(
    ["who", "attack", "mode", "measured as", "figure", "unprotected", "guessing", "outcome"],
    attacks
      .filter(({ timed }) => timed !== true)
      .map((row) => [
        row.role,
        `[${row.name}](docs/security-evaluation.md#${row.name})`,
        row.mode,
        measuredAs(row),
        valueText(row),
        figure(row.baseline),
        row.guessing === null ? "" : figure(row.guessing),
        outcomeText(row),
      ]),
  );
}

function adviceIn({ sections }: SecurityReport): string[] {
  const advice = sections.flatMap((section) => section.advice);
  if (advice.length === 0) return [];
  return ["## What to change", advice.map(({ setting, text }) => `- \`${setting}\`: ${text}`).join("\n")];
}

function sectionIn(section: ReportSection, rows: readonly ReportRow[]): string[] {
  const { name, title, role, holds, assumptions, method, papers, words } = section;
  return [
    `## ${name}`,
    `**${title}.** Who: ${role}. Holds: ${holds}.`,
    ...words,
    table(
      ["mode", "measured as", "figure", "unprotected", "guessing", "threshold", "outcome"],
      rows.map((row) => [
        row.mode,
        `${measuredAs(row)}${row.note === undefined ? "" : ` (${row.note})`}`,
        valueText(row),
        `${figure(row.baseline)} (${row.baselineIs})`,
        row.guessing === null ? "" : figure(row.guessing),
        `${row.direction === "above" ? "≥" : "≤"} ${figure(row.threshold)}`,
        outcomeText(row),
      ]),
    ),
    `How: ${method}`,
    `Assumed: ${assumptions}`,
    `After: ${papers.map(({ citation, id }) => `${citation} (${id})`).join("; ")}.`,
  ];
}

function measuredAs({ metric, setting }: ReportRow): string {
  return setting === "" ? metric : `${metric}, ${setting}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
