import { reportInMarkdown, summaryTable } from "./report-markdown.ts";
import type { SecurityReport } from "./report.ts";

/** Where the repository keeps the report of its own defaults, and whose table is taken from it. */
export const PAGES = {
  json: "docs/security-evaluation.json",
  markdown: "docs/security-evaluation.md",
  security: "SECURITY.md",
} as const;

const BEGIN = "<!-- security-evaluation: begin (npm run security-docs) -->\n<!-- prettier-ignore-start -->\n";
const END = "\n<!-- prettier-ignore-end -->\n<!-- security-evaluation: end -->";

/**
 * The pages that follow from a report.
 *
 * @param security - SECURITY.md as it is.
 * @throws TypeError when it has no place for the table.
 */
export function securityDocuments(report: SecurityReport, security: string): Record<keyof typeof PAGES, string> {
  const [begin, end] = [security.indexOf(BEGIN), security.indexOf(END)];
  if (begin === -1 || end < begin) throw new TypeError(`${PAGES.security} has no place for the table`);
  return {
    json: `${JSON.stringify(report, null, 1)}\n`,
    markdown: reportInMarkdown(report),
    security: `${security.slice(0, begin)}${BEGIN}\n${summaryTable(report, PAGES.markdown)}\n${security.slice(end)}`,
  };
}
