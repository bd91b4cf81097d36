import { createHash } from "node:crypto";
import { virtualTime } from "./virtual-time.ts";

/** Something that must never happen, did. */
export interface Violation {
  readonly invariant: "top-k" | "key-reuse" | "budget" | "end" | "liveness" | "leak" | "crash";
  readonly what: string;
}

export type Ending = "answered" | "partly" | "unanswered" | "failed" | "cancelled" | "vanished";

/** What one run comes to. */
export interface RunReport {
  readonly seed: number;
  /** SHA-256 over everything that happened, in order. */
  readonly trace: string;
  readonly events: number;
  readonly virtualMs: number;
  readonly questions: Readonly<Record<string, number>>;
  /** Answers and refusals of single parties, by code. */
  readonly parties: Readonly<Record<string, number>>;
  readonly faults: Readonly<Record<string, number>>;
  readonly violations: readonly Violation[];
}

/** Takes note of all that happens in one run. */
export class RunRecord {
  readonly violations: Violation[] = [];
  readonly #seed: number;
  readonly #startMs: number;
  readonly #hash = createHash("sha256");
  readonly #tell: ((line: string) => void) | null;
  readonly #faults = new Map<string, number>();
  readonly #questions = new Map<string, number>();
  readonly #parties = new Map<string, number>();
  #events = 0;

  /** @param tell - Given every line of the trace. */
  constructor(seed: number, tell: ((line: string) => void) | null) {
    this.#seed = seed;
    this.#startMs = virtualTime.now;
    this.#tell = tell;
  }

  readonly note = (what: string): void => {
    const line = `${virtualTime.now - this.#startMs} ${what}\n`;
    this.#events++;
    this.#hash.update(line);
    this.#tell?.(line);
  };

  readonly fault = (kind: string): void => {
    count(this.#faults, kind);
  };

  question(ending: string): void {
    count(this.#questions, ending);
  }

  party(outcome: string): void {
    count(this.#parties, outcome);
  }

  violated(invariant: Violation["invariant"], what: string): void {
    this.note(`VIOLATED ${invariant}: ${what}`);
    this.violations.push({ invariant, what });
  }

  report(): RunReport {
    return {
      seed: this.#seed,
      trace: this.#hash.digest("hex"),
      events: this.#events,
      virtualMs: virtualTime.now - this.#startMs,
      questions: Object.fromEntries(this.#questions),
      parties: Object.fromEntries(this.#parties),
      faults: Object.fromEntries(this.#faults),
      violations: this.violations,
    };
  }
}

export function count(counts: Map<string, number>, name: string, by = 1): void {
  counts.set(name, (counts.get(name) ?? 0) + by);
}
