import type { TopLevelSpec } from "vega-lite";
import type { Recommendation } from "./recommendation.ts";
import type { TuneResult } from "./tune.ts";
import { epsilonName } from "./words.ts";

/**
 * What drawing needs is loaded here, for it takes longer than most commands do.
 *
 * @returns An SVG document.
 */
export async function drawTuning(result: TuneResult, recommendation: Recommendation): Promise<string> {
  const [{ View, parse }, { compile }] = await Promise.all([import("vega"), import("vega-lite")]);
  const view = new View(parse(compile(plotSpec(result, recommendation)).spec), { renderer: "none" });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}

/** Colours that people with colour-vision deficiencies tell apart (Okabe and Ito). */
const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"];
const INK = "#333333";
const WIDTH = 300;
const HEIGHT = 260;
const DASHES: number[] = [4, 4];
const UNIT: number[] = [0, 1];

interface Point {
  /** A share of normMax. */
  readonly beta: number;
  readonly line: string;
  readonly value: number;
}

interface Panel {
  readonly title: string;
  readonly points: readonly Point[];
  /** Logarithmic from 10 up rather than 0..1. */
  readonly isCount?: boolean;
}

/** Answers, candidates and leakage against beta, the recommended one marked. */
function plotSpec(result: TuneResult, { best }: Recommendation): TopLevelSpec {
  const marked = best?.beta ?? null;
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    background: "white",
    padding: 12,
    hconcat: panels(result).map((panel) => panelSpec(panel, marked)),
    resolve: { scale: { color: "independent", shape: "independent", y: "independent" } },
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
  };
}

function panels({ betas, openLeakage }: TuneResult): Panel[] {
  const name = (epsilon: number | null): string =>
    epsilon === null ? "no DistanceDP" : `epsilon ${epsilonName(epsilon)}`;
  const cells = betas.flatMap(({ beta, cells }) => cells.map((cell) => ({ beta, ...cell })));
  const leaks = betas.flatMap(({ beta, leakage }): Point[] => [
    { beta, line: "order of distances between rows", value: leakage.rankCorrelation },
    { beta, line: "ten nearest rows of a row", value: leakage.neighbourOverlap },
    { beta, line: "of them, among its hundred nearest", value: leakage.neighboursInHundred },
    {
      beta,
      line: "clusters, of what two runs in the open share",
      value: Math.min(1, Math.max(0, leakage.clusterRecovery / openLeakage.clusterRecovery)),
    },
  ]);
  const hostOrder = cells
    .filter(({ epsilon }) => epsilon === cells[0]?.epsilon)
    .map(({ beta, host, epsilon }) => ({ beta, line: `${name(epsilon)}, not re-ranked`, value: host.recallAt10 }));
  return [
    {
      title: "Answers: share of the exact top ten",
      points: [
        ...cells.map(({ beta, epsilon, reranked }) => ({ beta, line: name(epsilon), value: reranked.recallAt10 })),
        ...hostOrder,
      ],
    },
    { title: "What rows show to their host", points: leaks },
    {
      title: "Candidates returned for a top ten",
      points: cells.map(({ beta, epsilon, candidates }) => ({ beta, line: name(epsilon), value: candidates })),
      isCount: true,
    },
  ];
}

function panelSpec({ title, points, isCount = false }: Panel, marked: number | null) {
  const lines = [...new Set(points.map(({ line }) => line))];
  const x = {
    field: "beta",
    type: "quantitative",
    scale: { type: "log", nice: false },
    axis: { title: "beta, as a share of the largest norm", values: ticks(points), format: "~g", labelFlush: false },
  } as const;
  const y = isCount
    ? ({ scale: { type: "log" }, axis: { title: null, format: "~s" } } as const)
    : ({ scale: { domain: UNIT }, axis: { title: null, format: ".1f" } } as const);
  const rule = marked === null ? [] : [{ beta: marked }];
  const line = {
    data: { values: rule },
    mark: { type: "rule", color: INK, strokeDash: DASHES },
    encoding: { x },
  } as const;
  const label = {
    data: { values: rule },
    mark: {
      type: "text",
      text: "recommended",
      angle: 270,
      align: "left",
      baseline: "bottom",
      dx: 4,
      dy: -3,
      color: INK,
    },
    encoding: { x, y: { value: HEIGHT } },
  } as const;
  const curves = {
    data: { values: points },
    mark: { type: "line", point: { size: 40, filled: true }, strokeWidth: 2 },
    encoding: {
      x,
      y: { field: "value", type: "quantitative", ...y },
      color: {
        field: "line",
        type: "nominal",
        sort: lines,
        scale: { domain: lines, range: COLOURS.slice(0, lines.length) },
      },
      shape: { field: "line", type: "nominal", sort: lines, scale: { domain: lines } },
    },
  } as const;
  return { title, width: WIDTH, height: HEIGHT, layer: [line, label, curves] };
}

/** Powers of ten and their triples among the betas. */
function ticks(points: readonly Point[]): number[] {
  const betas = points.map(({ beta }) => beta);
  const [low, high] = [Math.min(...betas), Math.max(...betas)];
  const decades = Array.from({ length: 13 }, (_, i) => 10 ** (i - 6));
  return decades.flatMap((decade) => [decade, 3 * decade]).filter((tick) => tick >= 0.99 * low && tick <= 1.01 * high);
}
