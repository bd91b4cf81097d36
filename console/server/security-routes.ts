import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Fault } from "../../crypto/index.ts";
import { type Route, sendBody, sendJson } from "../../integrations/http/index.ts";
import { COLOURS } from "../../simulations/charts.ts";
import type { ChartLook } from "../../simulations/security/chart-look.ts";
import { drawFigure } from "../../simulations/security/draw-chart.ts";
import type { ReportRow, SecurityReport } from "../../simulations/security/report.ts";
import {
  LEGEND,
  aboutWords,
  figure,
  inFull,
  measuredAs,
  outcomeText,
  valueText,
} from "../../simulations/security/report-words.ts";
import { verdictLines } from "../../simulations/security/verdicts.ts";
import type { SecurityRow, SecurityView } from "../api.ts";

/** CHART_UNKNOWN: the report has no such chart. */
export type SecurityRouteFaultCode = "CHART_UNKNOWN";

const FONT = "system-ui, sans-serif";
const LOOKS: Readonly<Record<string, ChartLook>> = {
  light: { colours: COLOURS, ink: "#47504c", grid: "#e3e2da", axis: "#9aa29d", background: "transparent", font: FONT },
  dark: {
    // The same hues, light enough for a dark page.
    colours: ["#6cb8ea", "#ff9a5c", "#4fd0a5", "#e6a3cb", "#f2c14e", "#a5dcf7", "#f0eee8"],
    ink: "#b4bcb7",
    grid: "#343b38",
    axis: "#6c7571",
    background: "transparent",
    font: FONT,
  },
};

/** The report that ships with this version, beside the sources as in the package. */
function readReport(): SecurityReport {
  const docs = import.meta.url.endsWith(".ts") ? "../../docs" : "../../../docs";
  const path = fileURLToPath(new URL(`${docs}/security-evaluation.json`, import.meta.url));
  return JSON.parse(readFileSync(path, "utf8")) as SecurityReport;
}

/** What attacks on this version came to. Charts are public, as the report is: an image can show no token. */
export function securityRoutes(): Route[] {
  let report: SecurityReport | null = null;
  const charts = new Map<string, Promise<string>>();
  return [
    {
      method: "GET",
      path: "/api/security",
      handle: ({ response }) => {
        sendJson(response, viewOf((report ??= readReport())));
      },
    },
    {
      method: "GET",
      path: "/charts/:scheme/:name/:index",
      isPublic: true,
      handle: async ({ response, params: { scheme = "", name = "", index = "" } }) => {
        const { sections } = (report ??= readReport());
        const chart = sections.find((section) => section.name === name)?.charts[Number(index)];
        const look = Object.hasOwn(LOOKS, scheme) ? LOOKS[scheme] : undefined;
        if (!chart || !look)
          throw new Fault<SecurityRouteFaultCode>("CHART_UNKNOWN", "the report has no chart of that name");
        const key = `${scheme} ${name} ${String(Number(index))}`;
        const drawn = charts.get(key) ?? drawFigure(chart, look);
        charts.set(key, drawn);
        sendBody(response, { type: "image/svg+xml", body: await drawn });
      },
    },
  ];
}

function viewOf(report: SecurityReport): SecurityView {
  return {
    about: aboutWords(report),
    legend: LEGEND,
    lines: verdictLines(report).map(({ furthest, ...line }) => ({
      ...line,
      furthest: furthest ? inFull(furthest) : null,
    })),
    sections: report.sections.map(({ name, title, role, holds, words, method, assumptions, papers, charts }) => ({
      name,
      title,
      role,
      holds,
      words,
      method,
      assumptions,
      papers,
      charts: charts.map((chart) => ({ title: chart.title })),
      rows: report.attacks.filter((row) => row.name === name).map(rowOf),
    })),
  };
}

function rowOf(row: ReportRow): SecurityRow {
  const { mode, baseline, baselineIs, guessing } = row;
  return {
    mode,
    measured: measuredAs(row),
    value: valueText(row),
    unprotected: `${figure(baseline)} (${baselineIs})`,
    guessing: guessing === null ? "" : figure(guessing),
    outcome: outcomeText(row),
  };
}
