import { markdownTable } from "./report-markdown.ts";
import type { ReportRow, SecurityReport } from "./report.ts";
import { type VerdictLine, verdictLines } from "./verdicts.ts";

/** Whose attacks need no departure from the protocol, or last longer than one act. */
const ACTIVE_ROLES = new Set(["malicious party", "querier"]);

/**
 * Every active attack of a report, one line each: who does it, and whether it is prevented, detected or open. SECURITY.md has it.
 *
 * @param page - Where the whole report is, for links.
 */
export function actsTable(report: Pick<SecurityReport, "sections" | "attacks">, page: string): string {
  return markdownTable(
    ["who", "tries", "mode", "it is", "how"],
    [...report.attacks.flatMap(actLine), ...verdictLines(report).flatMap((line) => campaignLine(line, page))],
  );
}

function actLine({ act, setting, mode, note = "" }: ReportRow): string[][] {
  return act ? [[act.who, setting, mode, act.defence, note]] : [];
}

/** An attack of many acts is open as soon as one of its figures succeeds. */
function campaignLine({ name, title, role, mode, verdict, withstood }: VerdictLine, page: string): string[][] {
  if (!ACTIVE_ROLES.has(role)) return [];
  const link = `[${title}](${page}#${name})`;
  return [[role, link, mode, verdict === "withstood" ? "prevented" : "open", `${withstood} figures withstood`]];
}
