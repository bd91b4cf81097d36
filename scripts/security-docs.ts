// Puts a report of `sotto evaluate security` into the repository: docs/security-evaluation.json and .md, and SECURITY.md's table.
//   npm run security-docs -- security-report/report.json
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import type { SecurityReport } from "../simulations/security/report.ts";
import { PAGES, securityDocuments } from "../simulations/security/security-documents.ts";

const root = join(import.meta.dirname, "..");
const [file, ...more] = process.argv.slice(2);
if (file === undefined || more.length > 0) {
  process.stderr.write("usage: npm run security-docs -- REPORT.json\n");
  process.exit(2);
}
const report = JSON.parse(await readFile(file, "utf8")) as SecurityReport;
const pages = securityDocuments(report, await readFile(join(root, PAGES.security), "utf8"));
for (const [name, text] of Object.entries(pages)) await writeFile(join(root, PAGES[name as keyof typeof PAGES]), text);
