import { setTimeout as sleep } from "node:timers/promises";
import { percentile } from "../../simulations/metrics.ts";
import type { Members, Role } from "./members.ts";
import { type Point, type Slope, commonSlope } from "./slope.ts";
import type { Tally } from "./tally.ts";

/** Sampling, cheap: what the system says. */
const SAMPLE_MS = 1000;
/** Sampling that stops a process for a full collection. */
const LIVE_EVERY = 5;
/**
 * Bytes that a process may keep of each question, at the most: what a party remembers of a query so that nobody can repeat it is there for ten minutes. A leak is above
 * it, by more than twice the slope's standard error.
 */
export const LIVE_BYTES_A_QUESTION_MAX = 512;
/** Descriptors more at the end of a life than at its beginning, by medians. */
export const DESCRIPTORS_MORE_MAX = 8;

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
  /** The smallest leak that these points would have shown. */
  readonly leakFoundAbove: number | null;
  readonly isFlat: boolean;
  readonly descriptorsMedian: number;
  /** The most that any life ended with beyond what it began with. */
  readonly descriptorsMore: number;
}

/** Memory and open descriptors of every process over time. */
export class Watch {
  readonly #members: Members;
  readonly #tally: Tally;
  readonly #warmUpMs: number;
  readonly #lives = new Map<string, Map<number, WatchedLife>>();

  /** @param warmUpMs - Of each life, from when it is of service, that is not measured: code is compiled, caches fill. */
  constructor(members: Members, tally: Tally, warmUpMs: number) {
    this.#members = members;
    this.#tally = tally;
    this.#warmUpMs = warmUpMs;
  }

  /** Samples until told to stop. */
  async run(stop: AbortSignal): Promise<void> {
    for (let round = 0; !stop.aborted; round++) {
      for (const { name } of this.#members.names) {
        const since = this.#members.readySince(name);
        if (since === null || performance.now() - since < this.#warmUpMs) continue;
        this.#sample(name);
        if (round % LIVE_EVERY === 0) await this.#probe(name);
      }
      await sleep(SAMPLE_MS, undefined, { signal: stop }).catch(() => undefined);
    }
  }

  figures(): MemoryFigures[] {
    return this.#members.names.map(({ name, role }) => {
      const lives = [...(this.#lives.get(name)?.values() ?? [])];
      const resident = lives.flatMap((life) => life.resident.map(({ y }) => y));
      const live = commonSlope(lives.map((life) => life.live));
      return {
        ...{ name, role, lives: lives.length, live },
        residentMedian: percentile(resident, 50),
        residentMax: percentile(resident, 100),
        resident: commonSlope(lives.map((life) => life.resident)),
        leakFoundAbove: live && LIVE_BYTES_A_QUESTION_MAX + 2 * live.standardError - Math.min(0, live.slope),
        isFlat: live === null || live.slope - 2 * live.standardError <= LIVE_BYTES_A_QUESTION_MAX,
        descriptorsMedian: percentile(
          lives.flatMap((life) => life.descriptors),
          50,
        ),
        descriptorsMore: Math.max(0, ...lives.map(({ descriptors }) => moreAtTheEnd(descriptors))),
      };
    });
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
