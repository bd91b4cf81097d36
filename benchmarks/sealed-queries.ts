import { mean, overlapAtK } from "../simulations/metrics.ts";
import { K } from "./asking.ts";
import { type Row, formatNumber, median, noted, versus } from "./measure.ts";
import { say } from "./report.ts";
import { type Answered, type Way, type WayName, waysToAsk } from "./sealed-asking.ts";
import type { ClusteredRows } from "./sealed-data.ts";
import type { SealedFederation } from "./sealed-federation.ts";

const WARM_UPS = 5;

export interface SealedQueriesOptions {
  readonly filled: SealedFederation;
  readonly data: ClusteredRows;
  readonly queries: number;
  /** DistanceDP's, per unit of distance between questions of norm 1. */
  readonly epsilon: number;
  readonly signal: AbortSignal;
}

interface Asked extends Answered {
  readonly ms: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** Share of the true best K that came. */
  readonly found: number;
}

export interface SealedQueriesFindings {
  readonly rows: readonly Row[];
  /** k' of an `outsourced` query with epsilon. */
  readonly candidates: number;
}

/** Ways that take turns; one group after the other. */
const GROUPS: readonly (readonly WayName[])[] = [
  ["plain", "outsourced", "perturbed"],
  ["plainAgain", "double"],
  ["clear", "whole"],
];

/** The same questions in every way. */
export async function sealedQueryRows(options: SealedQueriesOptions): Promise<SealedQueriesFindings> {
  const { data, queries } = options;
  using stack = new DisposableStack();
  const makers = waysToAsk(options, stack);
  const best = Array.from({ length: WARM_UPS + queries }, (_, number) => data.best(data.question(number), K));
  const asked = Object.fromEntries(Object.keys(makers).map((name) => [name, []])) as unknown as Record<
    WayName,
    Asked[]
  >;
  for (const names of GROUPS) {
    say(`asking ${queries} questions in ${names.length} ways`);
    const ways: [WayName, Way][] = [];
    for (const name of names) ways.push([name, await makers[name]()]);
    for (let round = 0; round < WARM_UPS + queries; round++)
      for (const [name, way] of round % 2 === 0 ? ways : ways.toReversed()) {
        const one = await askOnce(way, round, best[round]!, options);
        if (round >= WARM_UPS) asked[name].push(one);
      }
  }
  return { rows: rowsOf(asked, options), candidates: median(asked.perturbed.map(({ candidates }) => candidates)) };
}

async function askOnce(
  way: Way,
  number: number,
  best: readonly string[],
  { filled, signal }: SealedQueriesOptions,
): Promise<Asked> {
  signal.throwIfAborted();
  await way.warm();
  const { up, down } = filled.traffic;
  const began = performance.now();
  const answered = await way.ask(number);
  const ms = performance.now() - began;
  const { up: upAfter, down: downAfter } = filled.traffic;
  // Keys for the next question are made before anything else is measured.
  await way.warm();
  const found = overlapAtK(best, answered.passages, K);
  return { ...answered, ms, bytesUp: upAfter - up, bytesDown: downAfter - down, found };
}

function rowsOf(asked: Record<WayName, readonly Asked[]>, { filled, epsilon }: SealedQueriesOptions): Row[] {
  const times = (name: WayName): number[] => asked[name].map(({ ms }) => ms);
  const inClear = "the same host, store and messages in clear";
  const plain = { name: inClear, times: times("plain") };
  const clear = { name: "the federation in clear mode", times: times("clear") };
  const { beta } = filled.entry.sealing;
  const settings = (name: WayName): string => `k' ${median(asked[name].map(({ candidates }) => candidates))}`;
  const perturbed = `beta ${formatNumber(beta)}, epsilon ${formatNumber(epsilon)}, ${settings("perturbed")}`;
  return [
    versus(`outsourced query, ${perturbed}`, times("perturbed"), plain, "<= 1.5"),
    versus(
      `outsourced query, beta ${formatNumber(beta)}, no epsilon, ${settings("outsourced")}`,
      times("outsourced"),
      plain,
      "<= 1.5",
    ),
    versus("the same as a whole query of a client", times("whole"), clear, null),
    versus(`double query, ${settings("double")}`, times("double"), { name: inClear, times: times("plainAgain") }, null),
    ...costRows("outsourced query with epsilon", asked.perturbed, asked.plain),
    ...costRows("outsourced query without", asked.outsourced, asked.plain),
    ...costRows("double query", asked.double, asked.plain),
  ];
}

/** What a query brought and what it moved. */
function costRows(name: string, asked: readonly Asked[], plain: readonly Asked[]): Row[] {
  const beside = (what: string, unit: string, of: (asked: readonly Asked[]) => number): Row => ({
    ...noted(`${name}, ${what}`, of(asked), unit),
    opponent: `in clear: ${formatNumber(of(plain))} ${unit}`,
    ratio: of(asked) / of(plain),
  });
  return [
    beside(`share of the true top ${K}`, "of them", (all) => mean(all.map(({ found }) => found))),
    beside("up", "KB", (all) => median(all.map(({ bytesUp }) => bytesUp)) / 1000),
    beside("down", "KB", (all) => median(all.map(({ bytesDown }) => bytesDown)) / 1000),
  ];
}
