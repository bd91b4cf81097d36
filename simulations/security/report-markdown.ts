import type { ReportRow, ReportSection, SecurityReport } from "./report.ts";
import { LEGEND, aboutWords, figure, inFull, measuredAs, outcomeText, papersText, valueText } from "./report-words.ts";
import { verdictLines } from "./verdicts.ts";

/** The whole report but its charts. */
export function reportInMarkdown(report: SecurityReport): string {
  const { sections, attacks, missing } = report;
  return [
    "# Security evaluation",
    ...aboutWords(report),
    LEGEND,
    "## In short",
    summaryTable(report, ""),
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

/**
 * What came of every attack on every mode. SECURITY.md has it too.
 *
 * @param page - Where the whole report is, for links.
 */
export function summaryTable(report: Pick<SecurityReport, "sections" | "attacks">, page: string): string {
  return markdownTable(
    ["who", "attack", "mode", "outcome", "withstood", "where the attacker came furthest"],
    verdictLines(report).map(({ name, title, role, mode, verdict, withstood, furthest }) => [
      role,
      `[${title}](${page}#${name})`,
      mode,
      verdict,
      withstood,
      furthest ? inFull(furthest) : "",
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
    markdownTable(
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
    ...(papers.length === 0 ? [] : [`After: ${papersText(papers)}.`]),
  ];
}

/** @param rows - As many cells each as the head. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
