import type { TopLevelSpec } from "vega-lite";
import { CHART_STYLE, COLOURS, INK, drawChart } from "../charts.ts";
import type { Recommendation } from "./recommendation.ts";
import type { TuneResult } from "./tune.ts";
import { epsilonName } from "./words.ts";

/** @returns An SVG document. */
export function drawTuning(result: TuneResult, recommendation: Recommendation): Promise<string> {
  return drawChart(plotSpec(result, recommendation));
}

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
    ...CHART_STYLE,
    hconcat: panels(result).map((panel) => panelSpec(panel, marked)),
    resolve: { scale: { color: "independent", shape: "independent", y: "independent" } },
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
