import { View, parse } from "vega";
import { type TopLevelSpec, compile } from "vega-lite";
import { median } from "./measure.ts";
import type { ScalePoint, ScaleResults } from "./scale-results.ts";

interface Panel {
  readonly title: string;
  /** Symbol of the values' unit, which takes prefixes: 10 ms, 2 GB. */
  readonly unit: "s" | "B";
  /** Names of the lines, and their values; null leaves a point out. */
  readonly lines: Readonly<Record<string, (point: ScalePoint) => number | null>>;
}

/** Colours that people with colour-vision deficiencies tell apart (Okabe and Ito). */
const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7"];
const INK = "#333333";
const WIDTH = 270;
const HEIGHT = 260;

/** Time, memory and bytes against the number of rows, all axes logarithmic. @returns An SVG document. */
export async function drawScale({ points, dim }: Pick<ScaleResults, "points" | "dim">): Promise<string> {
  const spec: TopLevelSpec = {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    background: "white",
    padding: 12,
    hconcat: panels(dim).map((panel) => panelSpec(panel, points)),
    resolve: { scale: { color: "independent", shape: "independent" } },
    config: {
      font: "sans-serif",
      view: { stroke: null },
      axis: {
        labelColor: INK,
        titleColor: INK,
        gridColor: "#e6e6e6",
        titleFontWeight: "normal",
        labelFontSize: 11,
        titleFontSize: 12,
      },
      legend: {
        labelColor: INK,
        labelFontSize: 11,
        symbolSize: 60,
        title: null,
        orient: "bottom",
        direction: "vertical",
        labelLimit: 0,
      },
      title: { color: INK, fontSize: 14, anchor: "start" },
    },
  };
  const view = new View(parse(compile(spec).spec), { renderer: "none" });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}

function panels(dim: number): readonly Panel[] {
  return [
    {
      title: "Time",
      unit: "s",
      lines: {
        "start, the first time": ({ firstStartMs }) => firstStartMs / 1000,
        "start, again": ({ restartMs }) => median(restartMs) / 1000,
        "whole query": ({ queryMs }) => median(queryMs) / 1000,
        // A log axis has no place for the 0 that a node's log rounds to.
        "the node's part of it": ({ partyMs }) => median(partyMs) / 1000 || null,
      },
    },
    {
      title: "Memory of the node",
      unit: "B",
      lines: {
        "the most ever": ({ memory }) => memory && memory.peakBytes,
        "after the questions": ({ memory }) => memory && memory.nowBytes,
        "the float32 vectors alone": ({ rows }) => rows * dim * 4,
      },
    },
    {
      title: "Bytes at the querier",
      unit: "B",
      lines: {
        "hints, down once": ({ hintBytes }) => hintBytes,
        "a query, down": ({ bytesDown }) => bytesDown,
        "a query, up": ({ bytesUp }) => bytesUp,
      },
    },
  ];
}

function panelSpec({ title, unit, lines }: Panel, points: readonly ScalePoint[]) {
  const names = Object.keys(lines);
  const values = names.flatMap((line) =>
    points.flatMap((point) => {
      const value = lines[line]!(point);
      return value === null ? [] : [{ rows: point.rows, line, value }];
    }),
  );
  const decades = decadesAround(values.map(({ value }) => value));
  const domain = [decades[0]!, decades.at(-1)!];
  return {
    title,
    width: WIDTH,
    height: HEIGHT,
    data: { values },
    mark: { type: "line", point: { size: 45, filled: true }, strokeWidth: 2 },
    encoding: {
      x: {
        field: "rows",
        type: "quantitative",
        scale: { type: "log", nice: false },
        axis: { title: "rows", values: points.map(({ rows }) => rows), format: "~s" },
      },
      y: {
        field: "value",
        type: "quantitative",
        scale: { type: "log", domain },
        axis: {
          title: null,
          values: decades,
          labelExpr: `replace(format(datum.value, "~s"), regexp("([^0-9]?)$"), " $1") + "${unit}"`,
        },
      },
      color: {
        field: "line",
        type: "nominal",
        sort: names,
        scale: { domain: names, range: COLOURS.slice(0, names.length) },
      },
      shape: { field: "line", type: "nominal", sort: names, scale: { domain: names } },
    },
  } as const;
}

/** The powers of ten from the last one below all values to the first one above. */
function decadesAround(values: readonly number[]): number[] {
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  return Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i));
}
