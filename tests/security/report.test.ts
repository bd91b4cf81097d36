import { describe, expect, test } from "@jest/globals";
import type { Finding } from "../../simulations/security/attack.ts";
import { encoderName } from "../../simulations/security/encoder-name.ts";
import { assembleReport } from "../../simulations/security/report.ts";
import { reportInHtml } from "../../simulations/security/report-html.ts";
import { reportInMarkdown, summaryTable } from "../../simulations/security/report-markdown.ts";
import { figure } from "../../simulations/security/report-words.ts";
import type { Outcome } from "../../simulations/security/run-attacks.ts";
import { verdictLines, verdictOf } from "../../simulations/security/verdicts.ts";
import { DEFAULTS } from "../../simulations/security/settings.ts";

const finding: Finding = {
  mode: "outsourced",
  setting: "beta 1",
  metric: "exact match@1",
  value: 0.123456,
  baseline: 0.98765,
  baselineIs: "vectors in the open",
  guessing: 0.00123,
  threshold: 0.5,
  direction: "above",
  interval: [0.1, 0.2],
};

const description = {
  name: "guess-work",
  title: "A <b>guess</b> & more",
  role: "querier",
  holds: "nothing",
  assumptions: "none",
  method: "guessing",
  papers: [{ citation: "Nobody, 2020", id: "arXiv 0" }],
} as const;

function reportOf(findings: readonly Finding[], others: readonly Outcome[] = []) {
  const result = {
    findings,
    words: ["What <i>follows</i>."],
    advice: [{ setting: "--beta", text: "raise it" }],
    charts: [
      {
        title: "over m",
        x: { title: "m", log: true },
        y: { title: "cosine", domain: [0, 1] as const },
        lines: [{ name: "all", points: [[1, 0.5] as const, [10, 0.9876543] as const] }],
        marks: [{ x: 5, label: "default" }],
      },
    ],
  };
  return assembleReport({
    version: "0.0.0",
    settings: {
      ...DEFAULTS,
      effort: "quick",
      dataFolder: "/secret/place",
      corpus: null,
      encoders: ["hybrid(lexical*0.1,onnx:/secret/models/small*1)"],
      queryBudget: null,
    },
    victim: { name: "toy", documents: [], queries: [], qrels: null },
    outcomes: [{ kind: "done", description, result, seconds: 1.23 }, ...others],
    times: { startedAt: "2026-01-01T00:00:00.000Z", seconds: 2, machine: "a machine" },
  });
}

describe("a row", () => {
  test("says of figure and baseline whether they reach the threshold, in either direction", () => {
    const [row] = reportOf([finding]).attacks;
    expect(row).toMatchObject({
      name: "guess-work",
      role: "querier",
      mode: "outsourced",
      metric: "exact match@1",
      value: 0.1235,
      baseline: 0.9877,
      succeeded: false,
      baselineSucceeded: true,
    });
    const [below] = reportOf([{ ...finding, direction: "below", value: 0.5, baseline: 0.51 }]).attacks;
    expect(below).toMatchObject({ succeeded: true, baselineSucceeded: false });
  });

  test("whose baseline does not succeed is no evidence and counts for nothing", () => {
    const { attacks } = reportOf([
      finding,
      { ...finding, setting: "beta 2", value: 0.9 },
      { ...finding, setting: "beta 3", value: 0.9, baseline: 0.1 },
    ]);
    expect(verdictOf(attacks)).toBe("in part");
    expect(verdictOf(attacks.slice(0, 1))).toBe("withstood");
    expect(verdictOf(attacks.slice(1, 2))).toBe("succeeds");
    expect(verdictOf(attacks.slice(2))).toBe("no evidence");
  });
});

test("folders of this machine are not in a report", () => {
  const report = reportOf([finding]);
  expect(JSON.stringify(report)).not.toContain("secret");
  expect(report.settings.encoders).toEqual(["hybrid(lexical*0.1,onnx:small*1)"]);
  expect(encoderName("onnx:C:\\models\\small")).toBe("onnx:small");
});

test("attacks that did not run are named, with the reason", () => {
  const report = reportOf([finding], [{ kind: "not here", name: "other", why: "there are no images here" }]);
  expect(report.missing).toEqual([{ name: "other", failed: false, why: "there are no images here" }]);
  expect(reportInMarkdown(report)).toContain("other: there are no images here");
});

test("the page escapes what it shows, draws the charts and names no address outside", async () => {
  const page = await reportInHtml(reportOf([finding]));
  expect(page).toContain("A &lt;b&gt;guess&lt;/b&gt; &amp; more");
  expect(page).not.toContain("<b>guess");
  expect(page).toContain("What &lt;i&gt;follows&lt;/i&gt;.");
  expect(page).toMatch(/<svg [^]*over m[^]*<\/svg>/);
  expect(page.replaceAll(/xmlns(:\w+)?="[^"]*"/g, "")).not.toMatch(/(https?:)?\/\/\w|src=|url\((?!#)|@import/);
});

test("an attack has a line for every mode, with the row where the attacker came furthest", () => {
  const report = reportOf([
    { ...finding, value: 0.3 },
    { ...finding, setting: "beta 2", value: 0.6, baseline: 2 },
    { ...finding, setting: "by time", value: 0.9, timed: true },
    { ...finding, setting: "unprotected fails", value: 0.4, baseline: 0.4 },
    { ...finding, mode: "double", setting: "" },
    { ...finding, mode: "private", setting: "not ours", value: 1, comparison: true },
  ]);
  expect(
    verdictLines(report).map(({ mode, verdict, withstood, furthest }) => [mode, verdict, withstood, furthest?.setting]),
  ).toEqual([
    ["outsourced", "in part", "1 of 3", "beta 2"],
    ["double", "withstood", "1 of 1", ""],
    ["private", "no evidence", "0 of 0", undefined],
  ]);
  const table = summaryTable(report, "page.md").split("\n");
  expect(table).toHaveLength(5);
  expect(table[3]).toContain(
    "(page.md#guess-work) | double | withstood | 1 of 1 | exact match@1: .123 (.1 to .2) (unpr",
  );
});

test("figures are short", () => {
  expect([0, 1, -0.5, 0.98765, 0.0000123, 1234.5].map(figure)).toEqual(["0", "1", "-.5", ".988", "1.2e-5", "1235"]);
});
