import type { SoakReport } from "./report.ts";
import type { Slope } from "./slope.ts";

const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

const kept = (live: Slope | null): string =>
  live
    ? `${live.slope.toFixed(0)} ± ${live.standardError.toFixed(0)} bytes kept of a question`
    : "too short a life to say what it keeps";

/** The report for people. */
export function inWords({
  questions,
  answeredMs,
  recoveries,
  memory,
  memoryOfRoles,
  invariants,
  ...report
}: SoakReport): string {
  const { asked, answeredByAll, answeredPartly, refused, failed, abandoned, lost, checked, wrong } = questions;
  const codes = (counts: Readonly<Record<string, number>>): string =>
    Object.entries(counts)
      .map(([code, count]) => `${code} ${count}`)
      .join(", ") || "none";
  const lines = [
    `${report.seconds.toFixed(0)} s${report.isWhole ? "" : ", stopped early"}: ${asked} questions asked, ${answeredByAll} answered by all parties, ${answeredPartly} by some, ${refused} refused, ${failed} failed, ${abandoned} gone with their querier, ${lost} lost`,
    `${checked} answers compared with a scan, ${wrong} wrong; answered within ${seconds(answeredMs.p50)} (median), ${seconds(answeredMs.p99)} (p99)`,
    `reasons of parties: ${codes(report.partyCodes)}`,
    `errors: ${codes(report.errorCodes)}`,
    ...recoveries.map(
      ({ fault, times, total, beforeMended, down, start, rest }) =>
        `${fault}, ${times} times: answered by all again after ${seconds(total.median)} (median), ${seconds(total.worst)} (worst): ${seconds(down.median)} down, ${seconds(start.median)} starting, ${seconds(rest.median)} the rest; ${beforeMended} times before it was mended`,
    ),
    ...memory.map(
      ({ name, residentMedian, residentMax, live, descriptorsMedian, descriptorsMore }) =>
        `${name}: ${mib(residentMedian)} resident (at most ${mib(residentMax)}), ${kept(live)}, ${descriptorsMedian} descriptors, ${descriptorsMore} more at the end`,
    ),
    ...memoryOfRoles.map(
      ({ role, live, leakFoundAbove }) =>
        `${role}: ${kept(live)}${leakFoundAbove === null ? "" : `; a leak above ${leakFoundAbove.toFixed(0)} would show`}`,
    ),
    ...invariants.map(({ what, holds, seen }) => `${holds ? "holds" : "BROKEN"}: ${what} (${seen})`),
  ];
  return `${lines.join("\n")}\n`;
}
