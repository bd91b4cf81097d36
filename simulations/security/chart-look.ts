import { CHART_STYLE, COLOURS, INK } from "../charts.ts";

/** What a chart is drawn in. */
export interface ChartLook {
  /** Of the lines, in their order; at least seven. */
  readonly colours: readonly string[];
  readonly ink: string;
  readonly grid: string;
  /** Of the axes themselves and their ticks. */
  readonly axis: string;
  readonly background: string;
  readonly font: string;
}

/** As charts in documents are. */
export const ON_PAPER: ChartLook = {
  colours: COLOURS,
  ink: INK,
  grid: CHART_STYLE.config.axis.gridColor,
  // Vega's own.
  axis: "#888",
  background: CHART_STYLE.background,
  font: CHART_STYLE.config.font,
};

/** {@link CHART_STYLE} in another look, as properties of a Vega-Lite specification. */
export function chartStyle({ ink, grid, axis: line, background, font }: ChartLook): Record<string, unknown> {
  const { axis, legend, title, ...config } = CHART_STYLE.config;
  const words = { labelColor: ink, titleColor: ink };
  return {
    ...CHART_STYLE,
    background,
    config: {
      ...config,
      font,
      axis: { ...axis, ...words, gridColor: grid, domainColor: line, tickColor: line },
      legend: { ...legend, ...words },
      title: { ...title, color: ink },
    },
  };
}
