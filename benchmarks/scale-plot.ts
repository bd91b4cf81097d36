import { CHART_STYLE, COLOURS, drawChart } from "../simulations/charts.ts";
import { median } from "./measure.ts";
import type { ScalePoint, ScaleResults } from "./scale-results.ts";

interface Panel {
  readonly title: string;
  /** Symbol of the values' unit, which takes prefixes: 10 ms, 2 GB. */
  readonly unit: "s" | "B";
  /** Names of the lines, and their values; null leaves a point out. */
  readonly lines: Readonly<Record<string, (point: ScalePoint) => number | null>>;
}

const WIDTH = 270;
const HEIGHT = 260;

/** Time, memory and bytes against the number of rows, all axes logarithmic. @returns An SVG document. */
export async function drawScale({ points, dim }: Pick<ScaleResults, "points" | "dim">): Promise<string> {
  const { config } = CHART_STYLE;
  return drawChart({
    ...CHART_STYLE,
    config: { ...config, legend: { ...config.legend, symbolSize: 60 } },
    hconcat: panels(dim).map((panel) => panelSpec(panel, points)),
    resolve: { scale: { color: "independent", shape: "independent" } },
  });
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
