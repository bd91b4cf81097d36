import { actsTable } from "./acts-table.ts";
import { reportInMarkdown, summaryTable } from "./report-markdown.ts";
import type { SecurityReport } from "./report.ts";

/** Where the repository keeps the report of its own defaults, and whose table is taken from it. */
export const PAGES = {
  json: "docs/security-evaluation.json",
  markdown: "docs/security-evaluation.md",
  security: "SECURITY.md",
} as const;

/** Parts of SECURITY.md that are taken from the report. */
const PARTS = { "security-evaluation": summaryTable, "active-attacks": actsTable } as const;

/**
 * The pages that follow from a report.
 *
 * @param security - SECURITY.md as it is.
 * @throws TypeError when it has no place for a table.
 */
export function securityDocuments(report: SecurityReport, security: string): Record<keyof typeof PAGES, string> {
  let page = security;
  for (const [name, tableOf] of Object.entries(PARTS)) page = replacePart(page, name, tableOf(report, PAGES.markdown));
  return { json: `${JSON.stringify(report, null, 1)}\n`, markdown: reportInMarkdown(report), security: page };
}

function replacePart(page: string, name: string, table: string): string {
  const opening = `<!-- ${name}: begin (npm run security-docs) -->\n<!-- prettier-ignore-start -->\n`;
  const closing = `\n<!-- prettier-ignore-end -->\n<!-- ${name}: end -->`;
  const [begin, end] = [page.indexOf(opening), page.indexOf(closing)];
  if (begin === -1 || end < begin) throw new TypeError(`${PAGES.security} has no place for the table ${name}`);
  return `${page.slice(0, begin)}${opening}\n${table}\n${page.slice(end)}`;
}
