import type { TopLevelSpec } from "vega-lite";

/** Colours that people with colour-vision deficiencies tell apart (Okabe and Ito). */
export const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"];
export const INK = "#333333";

/** How all charts look. */
export const CHART_STYLE = {
  $schema: "https://vega.github.io/schema/vega-lite/v6.json",
  background: "white",
  padding: 12,
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
      titleColor: INK,
      labelFontSize: 11,
      orient: "bottom",
      direction: "vertical",
      labelLimit: 0,
      title: null,
    },
    title: { color: INK, fontSize: 14, anchor: "start" },
  },
} as const;

/**
 * What drawing needs is loaded here, for it takes longer than most commands do.
 *
 * @returns An SVG document.
 */
export async function drawChart(spec: TopLevelSpec): Promise<string> {
  const { View, parse } = await import("vega");
  const { compile } = await import("vega-lite");
  const view = new View(parse(compile(spec).spec), { renderer: "none" });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}
