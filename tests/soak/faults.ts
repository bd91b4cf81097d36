import { setTimeout as sleep } from "node:timers/promises";
import { limits } from "../../protocol/index.ts";
import { CLEAN, type WireConditions } from "./fault-proxy.ts";
import type { MemberName, Members, Role } from "./members.ts";
import type { Tally } from "./tally.ts";

/** `kill`: SIGKILL, and started again. The others are of the member's wire: reset, nothing passes for a while, one end is told nothing of the connection's end. */
export type FaultKind = "kill" | "cut" | "partition" | "half-open";

export interface PlannedFault extends MemberName {
  readonly kind: FaultKind;
}

/** What one fault took. Milliseconds. */
export interface Recovery extends PlannedFault {
  /** From the start of the run to the fault. */
  readonly atMs: number;
  /** That the soak kept the process down, or the wire partitioned. */
  readonly downMs: number;
  /** From starting the process to its being of service; 0 where none was started. */
  readonly startMs: number;
  /** From the fault to the end of the first question that was asked after it and answered by all parties; null when there was none in time. Where another took over, before the process was back. */
  readonly totalMs: number | null;
}

const RECOVERY_MS_MAX = 90_000;
/** As long as a supervisor waits before it starts a process again. */
const DOWN_MS = { min: 500, max: 2000 };
/** Twice as long as a party knows what it has answered. */
const PARTY_SPARED_MS = 2 * limits.fetchWindowMs;
const PARTITION_MS = { min: 2000, max: 8000 };

/** What wires are like for a while, without anything being broken. */
const WEATHER: readonly WireConditions[] = [
  CLEAN,
  CLEAN,
  { delayMs: 20, jitterMs: 20, bytesPerSecond: null },
  { delayMs: 2, jitterMs: 100, bytesPerSecond: null },
  { delayMs: 5, jitterMs: 5, bytesPerSecond: 1_000_000 },
];
const WEATHER_MS = 5000;

/** Every fault there is, those of a role with few members more often: each role is killed several times in a few minutes. */
export function faultsOfARound(members: readonly MemberName[], random: () => number): PlannedFault[] {
  const of = (role: Role): readonly MemberName[] => members.filter((member) => member.role === role);
  const any = (from: readonly MemberName[]): MemberName => from[Math.floor(random() * from.length)]!;
  const wired = [...of("party"), ...of("queriers")];
  const [first] = of("coordinator");
  const killed = [...of("party"), ...of("coordinator"), first!, any(of("queriers")), any(of("queriers"))];
  const broken = (["cut", "cut", "partition", "half-open"] as const).map((kind) => ({ kind, ...nameOf(any(wired)) }));
  return shuffled([...killed.map((member) => ({ kind: "kill" as const, ...nameOf(member) })), ...broken], random);
}

/**
 * Whether a member is left alive in this part of the run. Each is for a third of it, so that what grows with a process's age shows; a party for as long as it takes
 * to forget what it has answered and to be watched afterwards.
 *
 * @param progress - 0..1.
 * @param minutes - Of the whole run.
 */
export function isSpared(
  { name, role }: MemberName,
  members: readonly MemberName[],
  { progress, minutes }: { readonly progress: number; readonly minutes: number },
): boolean {
  const share = role === "party" ? Math.min(0.8, Math.max(1 / 3, PARTY_SPARED_MS / (60_000 * minutes))) : 1 / 3;
  const place = members.findIndex((member) => member.name === name) % 3;
  const from = (place / 2) * (1 - share);
  return progress >= from && progress <= from + share;
}

/** Injects a fault, mends it, and waits until all parties answer again. */
export async function inject(
  fault: PlannedFault,
  {
    members,
    tally,
    random,
    since,
  }: { readonly members: Members; readonly tally: Tally; readonly random: () => number; readonly since: number },
): Promise<Recovery> {
  const { name, kind, role } = fault;
  const began = performance.now();
  // A party that is cut off is missed by whoever asks; a querier only by itself.
  const querier = role === "queriers" ? name : null;
  await breakIt(fault, members, random);
  if (role === "queriers" && kind === "kill") tally.gone(name);
  const answered = tally.firstAnsweredByAll(performance.now(), querier);
  if (kind === "kill") await sleep(between(DOWN_MS, random));
  if (kind === "partition") await sleep(between(PARTITION_MS, random));
  const mendedAt = performance.now();
  const downMs = kind === "kill" || kind === "partition" ? mendedAt - began : 0;
  if (kind === "kill") await members.revive(name);
  else if (kind === "partition") for (const wire of members.wires(name)) wire.heal();
  const startMs = kind === "kill" ? performance.now() - mendedAt : 0;
  const at = await Promise.race([answered, sleep(RECOVERY_MS_MAX, null, { ref: false })]);
  return { ...fault, atMs: began - since, downMs, startMs, totalMs: at === null ? null : at - began };
}

async function breakIt({ name, kind }: PlannedFault, members: Members, random: () => number): Promise<void> {
  if (kind === "kill") await members.kill(name);
  const unaware = random() < 0.5 ? "near" : "far";
  for (const wire of members.wires(name)) {
    if (kind === "partition") wire.partition();
    else if (kind === "cut") wire.cut();
    else if (kind === "half-open") wire.halfOpen(unaware);
  }
}

/** Changes a wire every few seconds, until told to stop; then all are clean. */
export async function weather(members: Members, random: () => number, stop: AbortSignal): Promise<void> {
  const wired = members.names.filter(({ role }) => role !== "coordinator");
  while (!stop.aborted) {
    const { name } = wired[Math.floor(random() * wired.length)]!;
    const conditions = WEATHER[Math.floor(random() * WEATHER.length)]!;
    for (const wire of members.wires(name)) wire.set(conditions);
    await sleep(WEATHER_MS, undefined, { signal: stop }).catch(() => undefined);
  }
  for (const { name } of wired) for (const wire of members.wires(name)) wire.set(CLEAN);
}

const nameOf = ({ name, role }: MemberName): MemberName => ({ name, role });

function between({ min, max }: { readonly min: number; readonly max: number }, random: () => number): number {
  return min + (max - min) * random();
}

function shuffled<Item>(items: readonly Item[], random: () => number): Item[] {
  const order = [...items];
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
