import { percentile } from "../../simulations/metrics.ts";
import type { Recovery } from "./faults.ts";
import type { SoakOptions } from "./options.ts";
import type { QuestionCounts, Tally } from "./tally.ts";
import { LIVE_BYTES_A_QUESTION_MAX, type MemoryFigures, type RoleMemory } from "./watch.ts";

/** Something that has to hold for the soak to pass. */
export interface Invariant {
  readonly what: string;
  readonly holds: boolean;
  /** What was seen. */
  readonly seen: string;
}

/** Milliseconds. */
export interface Spread {
  readonly median: number;
  readonly worst: number;
}

/** How a role came back from one kind of fault. */
export interface RecoverySummary {
  readonly fault: string;
  readonly times: number;
  /** From the fault to the first question that all parties answer. */
  readonly total: Spread;
  /** How often that was before the fault was mended: nobody waited for it. */
  readonly beforeMended: number;
  /** Kept down or apart by the soak itself. */
  readonly down: Spread;
  /** From starting the process to its being of service. */
  readonly start: Spread;
  /** From then to the question that all parties answer. */
  readonly rest: Spread;
}

export interface SoakReport {
  readonly seconds: number;
  /** Whether it ran to its end. */
  readonly isWhole: boolean;
  readonly options: SoakOptions;
  readonly questions: QuestionCounts & { readonly checked: number; readonly wrong: number; readonly perSecond: number };
  readonly answeredMs: { readonly p50: number; readonly p99: number; readonly max: number };
  /** Code -> how often it was the reason of a party that is missing, or whose passages are. */
  readonly partyCodes: Readonly<Record<string, number>>;
  /** Code -> questions that ended with it. */
  readonly errorCodes: Readonly<Record<string, number>>;
  readonly documents: number;
  readonly recoveries: readonly RecoverySummary[];
  readonly memory: readonly MemoryFigures[];
  readonly memoryOfRoles: readonly RoleMemory[];
  readonly invariants: readonly Invariant[];
  readonly problems: readonly string[];
}

export interface SoakFindings {
  readonly options: SoakOptions;
  readonly seconds: number;
  readonly isWhole: boolean;
  readonly tally: Tally;
  readonly recoveries: readonly Recovery[];
  readonly memory: readonly MemoryFigures[];
  readonly memoryOfRoles: readonly RoleMemory[];
  readonly exitCodes: ReadonlyMap<string, number | null>;
  readonly brokenAudits: readonly string[];
  readonly documents: number;
  readonly problems: readonly string[];
}

/** Beyond those that a life began with: files that come and go. */
const DESCRIPTORS_MORE_MAX = 8;

export function reportOf(findings: SoakFindings): SoakReport {
  const { options, seconds, isWhole, tally, recoveries, memory, memoryOfRoles, documents, problems } = findings;
  const { counts, checked, wrong } = tally;
  return {
    ...{ seconds, isWhole, options, documents, memory, memoryOfRoles, problems },
    questions: { ...counts, checked, wrong, perSecond: counts.asked / seconds },
    answeredMs: { p50: tally.answeredMs(50), p99: tally.answeredMs(99), max: tally.answeredMs(100) },
    partyCodes: Object.fromEntries(tally.partyCodes),
    errorCodes: Object.fromEntries(tally.errorCodes),
    recoveries: summaries(recoveries),
    invariants: invariants(findings),
  };
}

function invariants({
  options,
  tally,
  recoveries,
  memory,
  memoryOfRoles,
  exitCodes,
  brokenAudits,
}: SoakFindings): Invariant[] {
  const { counts, checked, wrong, unexpected } = tally;
  const { asked, answeredByAll, answeredPartly, refused, failed, abandoned, lost } = counts;
  const accounted = answeredByAll + answeredPartly + refused + failed + abandoned + lost;
  const stuck = recoveries.filter(({ totalMs }) => totalMs === null).length;
  const growing = memoryOfRoles.filter(({ isFlat }) => !isFlat).map(({ role }) => role);
  const unweighed = memoryOfRoles.filter(({ live }) => !live).map(({ role }) => `${role}: too short to say`);
  const leaking = memory.filter(({ role, descriptorsMore }) => {
    // When another coordinator is gone, all queriers come to this one.
    const moved = role === "coordinator" ? options.queriers : 0;
    return descriptorsMore > DESCRIPTORS_MORE_MAX + moved;
  });
  const badEnds = [...exitCodes].filter(([, code]) => code !== 0).map(([name, code]) => `${name}: ${String(code)}`);
  const none = (names: readonly string[]): string => (names.length === 0 ? "none" : names.join(", "));
  return [
    { what: "no question is lost", holds: lost === 0, seen: `${lost} of ${asked}` },
    { what: "every question ends in one way", holds: accounted === asked, seen: `${accounted} of ${asked}` },
    { what: "no answer is wrong", holds: wrong === 0 && checked > 0, seen: `${wrong} of ${checked}` },
    { what: "no error without a code, no process ended by itself", holds: unexpected === 0, seen: String(unexpected) },
    { what: "all parties answer again after each fault", holds: stuck === 0, seen: `${stuck} of ${recoveries.length}` },
    {
      what: `no role keeps more than ${LIVE_BYTES_A_QUESTION_MAX} bytes of a question`,
      holds: growing.length === 0,
      seen: none([...growing, ...unweighed]),
    },
    {
      what: `no process ends a life with more than ${DESCRIPTORS_MORE_MAX} descriptors beyond those it began with, and one a querier that came`,
      holds: leaking.length === 0,
      seen: none(leaking.map(({ name }) => name)),
    },
    { what: "audit logs verify", holds: brokenAudits.length === 0, seen: none(brokenAudits) },
    { what: "every process that is asked to ends with 0", holds: badEnds.length === 0, seen: none(badEnds) },
  ];
}

function summaries(recoveries: readonly Recovery[]): RecoverySummary[] {
  const kinds = Map.groupBy(recoveries, ({ kind, role }) => `${kind} ${role}`);
  return [...kinds].sort().map(([fault, all]) => {
    const ended = all.filter(({ totalMs }) => totalMs !== null);
    const spread = (of: (one: Recovery) => number): Spread => {
      const times = ended.map((one) => Math.round(of(one)));
      return { median: percentile(times, 50), worst: percentile(times, 100) };
    };
    return {
      fault,
      times: all.length,
      total: spread(({ totalMs }) => totalMs!),
      beforeMended: ended.filter(({ totalMs, downMs, startMs }) => totalMs! < downMs + startMs).length,
      down: spread(({ downMs }) => downMs),
      start: spread(({ startMs }) => startMs),
      rest: spread(({ totalMs, downMs, startMs }) => Math.max(0, totalMs! - downMs - startMs)),
    };
  });
}
