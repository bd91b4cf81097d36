// Puts a report of `sotto evaluate security` into the repository: docs/security-evaluation.json and .md, and SECURITY.md's table.
//   npm run security-docs -- security-report/report.json
// Reports of single attacks (--only) that ran later may follow; theirs then stand in place of the first one's.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import type { SecurityReport } from "../simulations/security/report.ts";
import { replaceAttacks } from "../simulations/security/replace-attacks.ts";
import { PAGES, securityDocuments } from "../simulations/security/security-documents.ts";

const root = join(import.meta.dirname, "..");
const files = process.argv.slice(2);
if (files.length === 0) {
  process.stderr.write("usage: npm run security-docs -- REPORT.json [LATER.json ...]\n");
  process.exit(2);
}
const reports = await Promise.all(
  files.map(async (file) => JSON.parse(await readFile(file, "utf8")) as SecurityReport),
);
const report = reports.reduce(replaceAttacks);
const pages = securityDocuments(report, await readFile(join(root, PAGES.security), "utf8"));
for (const [name, text] of Object.entries(pages)) await writeFile(join(root, PAGES[name as keyof typeof PAGES]), text);
