import type { TopLevelSpec } from "vega-lite";
import { CHART_STYLE, COLOURS, drawChart } from "../charts.ts";
import type { ExperimentReport, RunReport } from "./experiment.ts";

const WIDTH = 300;
const HEIGHT = 260;

type Epoch = RunReport["epochs"][number];

const PANELS: readonly {
  readonly title: string;
  readonly value: (epoch: Epoch) => number;
  readonly codesOnly: boolean;
}[] = [
  { title: "Learnability: test accuracy", value: ({ accuracy }) => accuracy, codesOnly: false },
  {
    title: "Balance: share of bits near half",
    value: ({ balance }) => balance.balanced,
    codesOnly: true,
  },
  {
    title: "Consistency with class codes",
    value: ({ consistency }) => consistency.withClassCode,
    codesOnly: true,
  },
];

/** Runs that release floats; their bits and class codes mean nothing. */
const FLOATS = /^(unhashed|centralised|alone-.*)$/;

/** The three requirements by epoch, a line a run. @returns An SVG document. */
export function drawCurves(report: ExperimentReport): Promise<string> {
  const runs: [string, RunReport][] = [["hashed", report.hashed], ...Object.entries(report.baselines)];
  const names = runs.map(([name]) => name);
  const spec: TopLevelSpec = {
    ...CHART_STYLE,
    hconcat: PANELS.map(({ title, value, codesOnly }) => ({
      title,
      width: WIDTH,
      height: HEIGHT,
      data: {
        values: runs
          .filter(([name]) => !codesOnly || !FLOATS.test(name))
          .flatMap(([run, { epochs }]) =>
            epochs.map((figures) => ({ run, epoch: figures.epoch, value: value(figures) })),
          ),
      },
      mark: { type: "line", strokeWidth: 1.5 },
      encoding: {
        x: {
          field: "epoch",
          type: "quantitative",
          axis: { title: "epoch", tickMinStep: 1, format: "d" },
          scale: { nice: false },
        },
        y: { field: "value", type: "quantitative", axis: { title: null, format: ".3~f" }, scale: { zero: false } },
        color: {
          field: "run",
          type: "nominal",
          sort: names,
          scale: { domain: names, range: [...COLOURS, "#999999"].slice(0, names.length) },
          legend: { direction: "horizontal", columns: names.length },
        },
      },
    })),
  };
  return drawChart(spec);
}
