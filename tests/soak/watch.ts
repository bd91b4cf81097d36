import { setTimeout as sleep } from "node:timers/promises";
import { percentile } from "../../simulations/metrics.ts";
import type { MemberName, Members, Role } from "./members.ts";
import { type Point, type Slope, commonSlope } from "./slope.ts";
import type { Tally } from "./tally.ts";

/** Sampling, cheap: what the system says. */
const SAMPLE_MS = 1000;
/** How long a moment without a question under way is waited for. */
const QUIET_MS_MAX = 5000;
/**
 * Bytes that a process may keep of each question, at the most: what a party remembers of a query so that nobody can repeat it is there for ten minutes. A leak is above
 * it, by more than so many standard errors of the slope, over all processes of a role: they run one program.
 */
export const LIVE_BYTES_A_QUESTION_MAX = 512;
const ERRORS = 3;

/** One life of a process, from when it was warm. */
interface WatchedLife {
  readonly live: Point[];
  readonly resident: Point[];
  readonly descriptors: number[];
}

/** What the memory of one member did. Bytes, and bytes a question. */
export interface MemoryFigures {
  readonly name: string;
  readonly role: Role;
  /** Lives that were long enough to be measured. */
  readonly lives: number;
  readonly residentMedian: number;
  readonly residentMax: number;
  readonly resident: Slope | null;
  readonly live: Slope | null;
  readonly descriptorsMedian: number;
  /** The most that any life ended with beyond what it began with, by medians of its quarters. */
  readonly descriptorsMore: number;
}

/** What the memory in use did in all processes of a role. */
export interface RoleMemory {
  readonly role: Role;
  /** Bytes a question; null where no life was long enough. */
  readonly live: Slope | null;
  /** The smallest leak that these points would have shown. */
  readonly leakFoundAbove: number | null;
  readonly isFlat: boolean;
}

/** Memory and open descriptors of every process over time. */
export class Watch {
  readonly #members: Members;
  readonly #tally: Tally;
  readonly #warmUpMs: (role: Role) => number;
  readonly #lives = new Map<string, Map<number, WatchedLife>>();

  /** @param warmUpMs - Of each life, from when it is of service, that is not measured: code is compiled, caches fill, and a party remembers what it has answered. */
  constructor(members: Members, tally: Tally, warmUpMs: (role: Role) => number) {
    this.#members = members;
    this.#tally = tally;
    this.#warmUpMs = warmUpMs;
  }

  /** Samples what the system says, until told to stop. */
  async run(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      for (const member of this.#members.names) if (this.#isWarm(member)) this.#sample(member.name);
      await sleep(SAMPLE_MS, undefined, { signal: stop }).catch(() => undefined);
    }
  }

  /** Has every process say what it keeps, in a moment without questions: what those under way take would hide a small leak. Gives up when the moment does not come. */
  async probe(): Promise<void> {
    this.#members.setPaused(true);
    const began = performance.now();
    while (this.#tally.underWay > 0 && performance.now() - began < QUIET_MS_MAX) await sleep(20);
    if (this.#tally.underWay === 0)
      await Promise.all(
        this.#members.names.filter((member) => this.#isWarm(member)).map(({ name }) => this.#probe(name)),
      );
    this.#members.setPaused(false);
  }

  figures(): MemoryFigures[] {
    return this.#members.names.map(({ name, role }) => {
      const lives = [...(this.#lives.get(name)?.values() ?? [])];
      const resident = lives.flatMap((life) => life.resident.map(({ y }) => y));
      return {
        ...{ name, role, lives: lives.length },
        live: commonSlope(lives.map((life) => life.live)),
        residentMedian: percentile(resident, 50),
        residentMax: percentile(resident, 100),
        resident: commonSlope(lives.map((life) => life.resident)),
        descriptorsMedian: percentile(
          lives.flatMap((life) => life.descriptors),
          50,
        ),
        descriptorsMore: Math.max(0, ...lives.map(({ descriptors }) => moreAtTheEnd(descriptors))),
      };
    });
  }

  roles(): RoleMemory[] {
    const byRole = Map.groupBy(this.#members.names, ({ role }) => role);
    return [...byRole].map(([role, members]) => {
      const lives = members.flatMap(({ name }) => [...(this.#lives.get(name)?.values() ?? [])]);
      const live = commonSlope(lives.map((life) => life.live));
      const leakFoundAbove = live && LIVE_BYTES_A_QUESTION_MAX + ERRORS * live.standardError - Math.min(0, live.slope);
      const isFlat = live === null || live.slope - ERRORS * live.standardError <= LIVE_BYTES_A_QUESTION_MAX;
      return { role, live, leakFoundAbove, isFlat };
    });
  }

  #isWarm({ name, role }: MemberName): boolean {
    const since = this.#members.readySince(name);
    return since !== null && performance.now() - since >= this.#warmUpMs(role);
  }

  #sample(name: string): void {
    const sample = this.#members.sample(name);
    if (!sample) return;
    const life = this.#life(name);
    life.resident.push({ x: this.#questions(name), y: sample.residentBytes });
    life.descriptors.push(sample.descriptors);
  }

  async #probe(name: string): Promise<void> {
    const life = this.#life(name);
    const x = this.#questions(name);
    const y = await this.#members.liveBytes(name);
    if (y !== null) life.live.push({ x, y });
  }

  #life(name: string): WatchedLife {
    const lives = this.#lives.get(name) ?? new Map<number, WatchedLife>();
    this.#lives.set(name, lives);
    const number = this.#members.lifeOf(name);
    const life = lives.get(number) ?? { live: [], resident: [], descriptors: [] };
    lives.set(number, life);
    return life;
  }

  /** What the process has had to do with. */
  #questions(name: string): number {
    const { role } = this.#members.names.find((member) => member.name === name)!;
    return role === "queriers" ? this.#tally.endedOf(name) : this.#tally.ended;
  }
}

/** Median of the last quarter above that of the first; 0 for too few samples to say. */
function moreAtTheEnd(samples: readonly number[]): number {
  const quarter = Math.floor(samples.length / 4);
  if (quarter < 5) return 0;
  return percentile(samples.slice(-quarter), 50) - percentile(samples.slice(0, quarter), 50);
}
