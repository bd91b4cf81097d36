import type { TopLevelSpec } from "vega-lite";
import { drawChart } from "../charts.ts";
import { type ChartLook, ON_PAPER, chartStyle } from "./chart-look.ts";
import type { Chart } from "./attack.ts";

const WIDTH = 370;
const HEIGHT = 240;

/** @returns An SVG document. */
export function drawFigure({ title, x, y, lines, marks = [] }: Chart, look: ChartLook = ON_PAPER): Promise<string> {
  const names = lines.map(({ name }) => name);
  const values = lines.flatMap(({ name, points }) =>
    points.filter(([at]) => x.log !== true || at > 0).map(([at, value]) => ({ name, x: at, y: value })),
  );
  const axisX = {
    field: "x",
    type: "quantitative",
    title: x.title,
    ...(x.log === true ? { scale: { type: "log", nice: false } } : {}),
  };
  const byName = {
    field: "name",
    type: "nominal",
    title: null,
    legend: names.length === 1 ? null : { symbolType: "stroke", symbolSize: 500, symbolStrokeWidth: 2 },
  };
  const spec = {
    ...chartStyle(look),
    title: { text: title, fontWeight: "normal" },
    width: WIDTH,
    height: HEIGHT,
    layer: [
      {
        data: { values },
        mark: { type: "line", point: { size: 30 }, strokeWidth: 2 },
        encoding: {
          x: axisX,
          y: {
            field: "y",
            type: "quantitative",
            title: y.title,
            ...(y.domain ? { scale: { domain: [...y.domain], clamp: true } } : {}),
          },
          // Told apart without colour too. A legend of one channel would hide the other's.
          color: { ...byName, scale: { domain: names, range: look.colours } },
          strokeDash: { ...byName, scale: { domain: names } },
        },
      },
      ...(marks.length === 0
        ? []
        : [
            {
              data: { values: marks.map((mark) => ({ ...mark })) },
              encoding: { x: axisX },
              layer: [
                { mark: { type: "rule", color: look.ink, strokeDash: [4, 3] } },
                {
                  mark: { type: "text", align: "left", dx: 4, y: 8, color: look.ink, fontSize: 11 },
                  encoding: { text: { field: "label" } },
                },
              ],
            },
          ]),
    ],
  };
  return drawChart(spec as unknown as TopLevelSpec);
}
