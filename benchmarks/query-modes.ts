import type { LocalFederation } from "../cli/local-federation.ts";
import type { RingLayout } from "../crypto/index.ts";
import type { CitedPassage } from "../party-node/asking/index.ts";
import { mean, overlapAtK, percentile } from "../simulations/metrics.ts";
import { type Asked, K, Querier } from "./asking.ts";
import { type Row, against, formatNumber, median, noted, versus } from "./measure.ts";
import { say } from "./report.ts";

const WARM_UPS = 3;
const CLEAR = "the same federation in clear mode, a plain JavaScript scan";

export interface ModesOptions {
  readonly federation: LocalFederation;
  /** Of all parties together. */
  readonly rows: number;
  readonly layout: RingLayout;
  readonly queries: number;
  readonly signal: AbortSignal;
}

/**
 * The same questions to the same collections in private and in clear mode: both federations run at the same time, and the questions alternate.
 * Nothing runs afterwards.
 */
export async function compareModes(options: ModesOptions): Promise<Row[]> {
  const { federation, queries, signal } = options;
  say("starting the federation in clear and in private mode");
  await federation.start("clear");
  using clear = await Querier.connect(federation, signal);
  await federation.start("private");
  using hidden = await Querier.connect(federation, signal);
  const asked: Record<"hidden" | "clear", Asked[]> = { hidden: [], clear: [] };
  say(`asking ${queries} questions in both modes`);
  for (let round = 0; round < WARM_UPS + queries; round++) {
    const turns = [
      ["hidden", hidden],
      ["clear", clear],
    ] as const;
    for (const [mode, querier] of round % 2 === 0 ? turns : turns.toReversed()) {
      const one = await querier.ask(round, signal);
      if (round >= WARM_UPS) asked[mode].push(one);
    }
  }
  await federation.stop();
  return rowsOf(asked, hidden.hintBytes, options);
}

function rowsOf(
  { hidden, clear }: Record<"hidden" | "clear", readonly Asked[]>,
  hintBytes: number,
  { rows, layout }: ModesOptions,
): Row[] {
  const times = (of: readonly Asked[]): number[] => of.map(({ totalMs }) => totalMs);
  const p95 = (of: readonly Asked[]): number => percentile(times(of), 95);
  const kilobytes = (of: readonly Asked[], key: "bytesUp" | "bytesDown"): number =>
    median(of.map((one) => one[key])) / 1000;
  const beside = (value: number, theirs: number, unit: string): Pick<Row, "opponent" | "ratio"> => ({
    opponent: `clear mode: ${formatNumber(theirs)} ${unit}`,
    ratio: value / theirs,
  });
  const slow = p95(hidden);
  const [up, down] = [kilobytes(hidden, "bytesUp"), kilobytes(hidden, "bytesDown")];
  const same = mean(hidden.map(({ passages }, i) => overlapAtK(names(passages), names(clear[i]?.passages ?? []), K)));
  return [
    versus("whole query, passages fetched, p50", times(hidden), { name: CLEAR, times: times(clear) }, "<= 2"),
    { ...noted("whole query, p95", slow, "ms"), ...beside(slow, p95(clear), "ms") },
    against(`same top ${K} as in clear`, same, "of them", ">= 0.99"),
    against("query up, its ciphertext", layout.queryBytes / 1000, "KB", "<= 200"),
    { ...noted("query up, whole", up, "KB"), ...beside(up, kilobytes(clear, "bytesUp"), "KB") },
    { ...noted("query down, whole", down, "KB"), ...beside(down, kilobytes(clear, "bytesDown"), "KB") },
    noted("query down, whole", (1000 * down) / rows, "bytes a row"),
    against("hints, down once", hintBytes / rows, "bytes a row", "<= 64"),
  ];
}

function names(passages: readonly CitedPassage[]): string[] {
  return passages.map(({ party, documentId, ordinal }) => `${party}/${documentId}/${ordinal}`);
}
