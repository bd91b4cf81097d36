import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { format } from "prettier";
import { formatNumber, median } from "./measure.ts";
import { machine, versions } from "./report.ts";
import { drawScale } from "./scale-plot.ts";
import type { ScalePoint, ScaleResults } from "./scale-results.ts";

/** Writes scale.md, the table, and scale.svg, the plot, into a folder that exists. */
export async function writeScale(folder: string, results: ScaleResults): Promise<void> {
  const markdown = await format(describeScale(results), { parser: "markdown", printWidth: 120 });
  writeFileSync(join(folder, "scale.svg"), await drawScale(results));
  writeFileSync(join(folder, "scale.md"), markdown);
}

function describeScale({ sizes, dim, queries, points, minutes }: ScaleResults): string {
  const { cpu, cores, memoryGiB, platform } = machine();
  const { node = "", sotto = "" } = versions();
  return `# Cost of one party node as its collection grows

\`\`\`sh
npm run bench -- scale --sizes ${sizes.join(",")} --dim ${dim} --queries ${queries} --write docs
\`\`\`

${cpu}, ${cores} cores, ${memoryGiB} GiB, ${platform}; Node ${node}, Sotto ${sotto}; the whole run took ${formatNumber(minutes)} minutes.
One party, one coordinator and one querier, each a process of its own on that machine, loopback. Random vectors of ${dim} entries and short passages.

${tableOf(points)}

![The same figures against the number of rows, both axes logarithmic](scale.svg)

- _Start_: from starting the node's process to its being connected and serving. The first time it reads and opens every sealed row and builds what
  it scores with; that is one run. Again: the median of ${points[0]?.restartMs.length ?? 0} starts after that, with the files in the system's page cache.
- _Cache_: the encoded blocks that starting again reads in place of the store's rows.
- _Memory_: resident memory of the node's process after the questions, all its threads together, and the most it has ever been.
- _Query_: a whole question at the querier with a query key ready, 10 passages fetched, median of ${queries}. The node's part of it is from its log,
  which has whole milliseconds.
- _Up_, _down_: payload of the querier's messages a question, fetched passages included. Hints are downloaded once, and again only for what changes.
`;
}

function tableOf(points: readonly ScalePoint[]): string {
  const columns: readonly (readonly [string, (point: ScalePoint) => string])[] = [
    ["rows", ({ rows }) => rows.toLocaleString("en")],
    ["start, first", ({ firstStartMs }) => `${formatNumber(firstStartMs / 1000)} s`],
    ["start, again", ({ restartMs }) => `${formatNumber(median(restartMs) / 1000)} s`],
    ["memory", ({ memory }) => (memory ? `${formatNumber(memory.nowBytes / 1e6)} MB` : "")],
    ["memory, most", ({ memory }) => (memory ? `${formatNumber(memory.peakBytes / 1e6)} MB` : "")],
    ["query p50", ({ queryMs }) => `${formatNumber(median(queryMs))} ms`],
    ["node's part", ({ partyMs }) => `${formatNumber(median(partyMs))} ms`],
    ["up", ({ bytesUp }) => `${formatNumber(bytesUp / 1000)} KB`],
    ["down", ({ bytesDown }) => `${formatNumber(bytesDown / 1000)} KB`],
    ["hints, once", ({ hintBytes }) => `${formatNumber(hintBytes / 1000)} KB`],
    ["store on disk", ({ storeBytes }) => `${formatNumber(storeBytes / 1e6)} MB`],
    ["cache on disk", ({ cacheBytes }) => `${formatNumber(cacheBytes / 1e6)} MB`],
  ];
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [
    line(columns.map(([head]) => head)),
    line(columns.map(() => "---:")),
    ...points.map((point) => line(columns.map(([, cell]) => cell(point)))),
  ].join("\n");
}
