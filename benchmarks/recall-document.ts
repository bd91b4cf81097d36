import { format } from "prettier";
import { View, parse } from "vega";
import { type TopLevelSpec, compile } from "vega-lite";
import type { CodeFigures, CodeResults } from "../simulations/codes/index.ts";
import { mean } from "../simulations/metrics.ts";

/** All sets under one encoder. */
export interface EncoderRecall {
  readonly encoder: string;
  readonly dim: number;
  readonly sets: readonly { readonly name: string; readonly results: CodeResults }[];
}

/** Markdown: for each encoder the plain codes set by set, and means over the sets with and without layers. */
export function recallTables(all: readonly EncoderRecall[]): Promise<string> {
  return format(all.map(describe).join("\n\n"), { parser: "markdown", printWidth: 120 });
}

function describe(recall: EncoderRecall): string {
  const { encoder, dim, sets } = recall;
  const plain = sets[0]!.results.figures.filter(({ layers }) => layers === 1);
  const bySet = [
    ["bits", ...sets.map(({ name }) => name)],
    ["passages", ...sets.map(({ results }) => results.rows.toLocaleString("en"))],
    ["questions", ...sets.map(({ results }) => String(results.questions))],
    ...plain.map(({ bits }) => [
      String(bits),
      ...sets.map(({ results }) =>
        digits(results.figures.find((one) => one.bits === bits && one.layers === 1)!.recallAt100),
      ),
    ]),
  ];
  const clear = meanOf(sets.map(({ results }) => results.ndcgAt10));
  const means = [
    [
      "bits",
      "layers",
      "recall@100",
      "nDCG@10, codes alone",
      "nDCG@10, re-ranked",
      "bits set for 45-55 %",
      "worst bit, off 1/2",
    ],
    ["vectors", "", "1", clear, clear, "", ""],
    ...sets[0]!.results.figures.map((_, i) => meanRow(sets.map(({ results }) => results.figures[i]!))),
  ];
  return `### ${shortName(encoder)}, ${dim} dimensions\n\nRecall@100 of plain codes:\n\n${table(bySet)}\n\nMeans over the sets:\n\n${table(means)}`;
}

/** Without the folders that files lie in. */
function shortName(encoder: string): string {
  return encoder.replace(/[^(,:]*\//g, "");
}

function meanRow(figures: readonly CodeFigures[]): string[] {
  const { bits, layers } = figures[0]!;
  const balances = figures.flatMap(({ balance }) => (balance ? [balance] : []));
  return [
    String(bits),
    String(layers),
    digits(mean(figures.map(({ recallAt100 }) => recallAt100))),
    meanOf(figures.map(({ ndcgAt10 }) => ndcgAt10)),
    meanOf(figures.map(({ rerankedNdcgAt10 }) => rerankedNdcgAt10)),
    balances.length === 0 ? "" : digits(mean(balances.map(({ balanced }) => balanced))),
    balances.length === 0 ? "" : digits(Math.max(...balances.map(({ worst }) => worst))),
  ];
}

function meanOf(values: readonly (number | null)[]): string {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? "" : digits(mean(known));
}

function digits(value: number): string {
  return value.toFixed(3).replace(/^0/, "");
}

function table([head, ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head!), line(head!.map(() => "---")), ...rows.map(line)].join("\n");
}

/** Colours that people with colour-vision deficiencies tell apart (Okabe and Ito). */
const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"];
const INK = "#333333";

/** Recall@100 against the length of a code: plain, and refined in four layers. @returns An SVG document. */
export async function drawRecall(all: readonly EncoderRecall[]): Promise<string> {
  const points = all.flatMap(({ encoder, sets }) =>
    sets[0]!.results.figures.flatMap(({ bits, layers }, i) => ({
      bits,
      encoder: shortName(encoder),
      codes: layers === 1 ? "plain" : `${layers} layers`,
      recall: mean(sets.map(({ results }) => results.figures[i]!.recallAt100)),
    })),
  );
  const axis = { labelColor: INK, titleColor: INK, titleFontWeight: "normal", gridColor: "#e6e6e6" } as const;
  const spec: TopLevelSpec = {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    background: "white",
    padding: 12,
    title: "Of the hundred rows nearest by vectors, found among the hundred nearest by codes",
    width: 420,
    height: 280,
    data: { values: points },
    mark: { type: "line", point: { size: 40 }, strokeWidth: 2 },
    encoding: {
      x: {
        field: "bits",
        type: "quantitative",
        scale: { type: "log", base: 2, nice: false },
        axis: { title: "bits of a code", values: [64, 128, 256, 512, 1024] },
      },
      y: { field: "recall", type: "quantitative", scale: { domain: [0, 1] }, axis: { title: "recall@100" } },
      color: {
        field: "encoder",
        type: "nominal",
        sort: null,
        scale: { range: COLOURS },
        legend: { title: null, labelLimit: 0 },
      },
      strokeDash: {
        field: "codes",
        type: "nominal",
        sort: null,
        legend: { title: null, symbolType: "stroke", symbolStrokeColor: INK },
      },
    },
    config: { font: "sans-serif", view: { stroke: null }, axis, title: { color: INK, anchor: "start" } },
  };
  const view = new View(parse(compile(spec).spec), { renderer: "none" });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}
