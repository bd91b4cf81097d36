import { isDeepStrictEqual } from "node:util";
import type { SecurityReport } from "./report.ts";

/**
 * A report in which attacks that ran again, alone, stand in place of what they gave before. Its start and length stay those of the first run.
 *
 * @param again - Of some of the attacks, with the same settings on the same collection.
 * @throws TypeError when the two cannot be one report.
 */
export function replaceAttacks(report: SecurityReport, again: SecurityReport): SecurityReport {
  for (const part of ["sotto", "settings", "collection"] as const)
    if (!isDeepStrictEqual(report[part], again[part])) throw new TypeError(`the reports differ in ${part}`);
  const sections = report.sections.map((old) => again.sections.find(({ name }) => name === old.name) ?? old);
  const unknown = again.sections.filter(({ name }) => !report.sections.some((old) => old.name === name));
  if (unknown.length > 0 || again.missing.length > 0)
    throw new TypeError("the later report is not of attacks of the first");
  return {
    ...report,
    sections,
    attacks: sections.flatMap(({ name }) => {
      const { attacks } = again.sections.some((section) => section.name === name) ? again : report;
      return attacks.filter((row) => row.name === name);
    }),
    times: { ...report.times, secondsByAttack: { ...report.times.secondsByAttack, ...again.times.secondsByAttack } },
  };
}
