import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { ATTACKS } from "../../simulations/security/attacks.ts";
import type { SecurityReport } from "../../simulations/security/report.ts";
import { replaceAttacks } from "../../simulations/security/replace-attacks.ts";
import { PAGES, securityDocuments } from "../../simulations/security/security-documents.ts";
import { DEFAULTS } from "../../simulations/security/settings.ts";

/*
 * What the documents say of privacy is what the committed report measured.
 */

const root = join(import.meta.dirname, "../..");
const read = (page: string): string => readFileSync(join(root, page), "utf8");
const report = JSON.parse(read(PAGES.json)) as SecurityReport;

test.each(["json", "markdown", "security"] as const)("the committed %s page follows from the report", (page) => {
  expect(read(PAGES[page])).toBe(securityDocuments(report, read(PAGES.security))[page]);
});

describe("the committed report", () => {
  test("is of every attack, at the defaults", () => {
    expect(report.sections.map(({ name }) => name)).toEqual(Object.keys(ATTACKS));
    expect(report.settings).toMatchObject({ effort: "standard", queryBudget: null, ...DEFAULTS });
    expect(report.missing).toEqual([]);
  });

  test("has no row that fails where nothing protects", () => {
    expect(report.attacks.filter(({ baselineSucceeded }) => !baselineSucceeded)).toEqual([]);
  });

  test("holds 0 in the interval of the advantage over 10,000 encrypted questions", () => {
    const intervals = report.attacks.flatMap(({ name, interval }) => (name === "distinguishing" ? [interval] : []));
    expect(intervals.length).toBeGreaterThan(0);
    for (const interval of intervals) {
      expect(interval![0]).toBeLessThanOrEqual(0);
      expect(interval![1]).toBeGreaterThanOrEqual(0);
    }
  });

  test("says of every act what is done about it", () => {
    const acts = report.attacks.filter(({ name }) => name === "active-attacks");
    expect(acts.length).toBeGreaterThan(30);
    for (const { setting, act, succeeded } of acts)
      expect([setting, act?.defence === "open"]).toEqual([setting, act === undefined ? null : succeeded]);
  });

  test("breaks FRAG's caching as published, and not ours", () => {
    const rows = report.attacks.filter(({ name }) => name === "cached-encryption");
    for (const { setting, succeeded } of rows.filter(({ setting }) => /literal|ours: /.test(setting)))
      expect([setting, succeeded]).toEqual([setting, setting.startsWith("literal")]);
    expect(rows.length).toBeGreaterThan(3);
  });
});

describe("an attack that ran again", () => {
  const name = "active-attacks";
  const alone = {
    ...report,
    sections: report.sections.filter((section) => section.name === name),
    attacks: report.attacks.filter((row) => row.name === name).map((row) => ({ ...row, note: "again" })),
  };

  test("stands in place of what it gave before, everything else as it was", () => {
    const replaced = replaceAttacks(report, alone);
    expect(replaced.attacks.map((row) => row.name)).toEqual(report.attacks.map((row) => row.name));
    for (const [i, row] of replaced.attacks.entries())
      expect(row.note).toBe(row.name === name ? "again" : report.attacks[i]!.note);
    expect(replaced.sections).toEqual(report.sections);
  });

  test("with other settings is another report", () => {
    const other = { ...alone, settings: { ...alone.settings, seed: 2 } };
    expect(() => replaceAttacks(report, other)).toThrow("settings");
  });
});

describe("the README", () => {
  const readme = read("README.md");
  const privacy = readme.slice(readme.indexOf("## How private it is\n"), readme.indexOf("### Attack it yourself"));
  const claims = [
    ...privacy.split("\n").filter((line) => line.startsWith("|") && !/^\| (who|-)/.test(line)),
    ...privacy
      .split(/\n(?=- )/)
      .slice(1)
      .map((bullet) => bullet.split("\n\n")[0]!),
  ].map((text) => ({ says: text.slice(0, 60), text }));

  test("makes claims about privacy", () => {
    expect(claims.length).toBeGreaterThan(12);
  });

  test.each(claims)("$says: names the attacks that measure it", ({ text }) => {
    const links = [...text.matchAll(/\(docs\/security-evaluation\.md#([\w-]+)\)/g)].map(([, name]) => name);
    if (!text.includes("Nobody outside has reviewed this")) expect(links).not.toEqual([]);
    for (const name of links) expect(Object.keys(ATTACKS)).toContain(name);
  });
});
