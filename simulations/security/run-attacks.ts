import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { AttackResult } from "./attack.ts";
import type { AttackDescription, AttackEvent, AttackOrder } from "./attack-messages.ts";
import { ATTACKS } from "./attacks.ts";
import { SEEDED_PROCESS } from "./seeded-entropy.ts";
import type { EvaluationSettings } from "./settings.ts";

/** How one attack ended. */
export type Outcome =
  | {
      readonly kind: "done";
      readonly description: AttackDescription;
      readonly result: AttackResult;
      readonly seconds: number;
    }
  | { readonly kind: "not here" | "failed"; readonly name: string; readonly why: string };

/** Of an evaluation that is under way. */
export interface EvaluationProgress {
  readonly running: readonly string[];
  readonly done: number;
  readonly total: number;
  /** 0..1. */
  readonly share: number;
  /** By what the attacks are expected to take, corrected by how long this machine has taken so far; null at first. */
  readonly secondsLeft: number | null;
}

export interface RunOptions {
  readonly settings: EvaluationSettings;
  /** Names of {@link ATTACKS}. */
  readonly attacks: readonly string[];
  /** How many attack at a time. */
  readonly processes: number;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: EvaluationProgress) => void;
}

/**
 * Runs attacks, each in a process of its own, the longest first.
 *
 * @returns Outcomes in the order of `attacks`.
 * @throws the signal's reason when it fires; all processes have ended then.
 */
export async function runAttacks(options: RunOptions): Promise<Outcome[]> {
  const { attacks, settings, processes, signal } = options;
  const seconds = new Map(attacks.map((name) => [name, ATTACKS[name]!.seconds[settings.effort]]));
  const timeline = new Timeline(seconds, options);
  const waiting = [...attacks].sort((a, b) => seconds.get(b)! - seconds.get(a)!);
  const outcomes = new Map<string, Outcome>();
  const work = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      signal.throwIfAborted();
      timeline.started(name);
      outcomes.set(
        name,
        await runAttack(name, options, (share) => {
          timeline.at(name, share);
        }),
      );
      timeline.ended(name);
    }
  };
  await Promise.all(Array.from({ length: processes }, work));
  return attacks.map((name) => outcomes.get(name)!);
}

async function runAttack(
  name: string,
  { settings, signal }: RunOptions,
  onShare: (share: number) => void,
): Promise<Outcome> {
  const own = import.meta.url.endsWith(".ts") ? "./attack-process.ts" : "./attack-process.js";
  const child = fork(fileURLToPath(new URL(own, import.meta.url)), {
    env: { ...process.env, [SEEDED_PROCESS]: "1" },
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  const stop = (): void => void child.kill("SIGKILL");
  signal.addEventListener("abort", stop, { once: true });
  const began = performance.now();
  const ended: { outcome: Outcome | null } = { outcome: null };
  let errors = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (errors = (errors + text).slice(-2000)));
  child.on("message", (message) => {
    const event = message as AttackEvent;
    if (event.event === "progress") onShare(event.done / Math.max(1, event.total));
    else if (event.event === "result")
      ended.outcome = {
        kind: "done",
        description: event.description,
        result: event.result,
        seconds: (performance.now() - began) / 1000,
      };
    else ended.outcome = { kind: event.code === "NOT_HERE" ? "not here" : "failed", name, why: event.message };
  });
  child.send({ attack: name, settings } satisfies AttackOrder);
  await once(child, "close");
  signal.removeEventListener("abort", stop);
  signal.throwIfAborted();
  return ended.outcome ?? { kind: "failed", name, why: `its process ended early. ${errors.trim()}` };
}

/** Who is how far, and how long the rest will take. */
class Timeline {
  readonly #expected: ReadonlyMap<string, number>;
  readonly #options: RunOptions;
  readonly #shares = new Map<string, number>();
  readonly #running = new Set<string>();
  readonly #began = performance.now();

  constructor(expected: ReadonlyMap<string, number>, options: RunOptions) {
    this.#expected = expected;
    this.#options = options;
  }

  started(name: string): void {
    this.#running.add(name);
    this.at(name, 0);
  }

  at(name: string, share: number): void {
    this.#shares.set(name, Math.min(1, share));
    this.#tell();
  }

  ended(name: string): void {
    this.#running.delete(name);
    this.at(name, 1);
  }

  #tell(): void {
    const total = sum(this.#expected.values());
    const done = sum([...this.#shares].map(([name, share]) => share * this.#expected.get(name)!));
    const elapsed = (performance.now() - this.#began) / 1000;
    this.#options.onProgress({
      running: [...this.#running],
      done: [...this.#shares.values()].filter((share) => share === 1).length,
      total: this.#expected.size,
      share: done / total,
      secondsLeft: done > 0 && elapsed > 2 ? (elapsed * (total - done)) / done : null,
    });
  }
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
