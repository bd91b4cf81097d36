import { setTimeout as sleep } from "node:timers/promises";
import { Fault, sodium } from "../../crypto/index.ts";
import { type ProtocolFaultCode, limits } from "../../protocol/index.ts";
import type { CoordinatorLink } from "../link/index.ts";
import { abortedFault } from "./aborted.ts";

/** What went wrong with an attempt: a fault, or what is said of a party. */
interface Failure {
  readonly code: string;
  readonly retryAfterMs?: number;
}

/** How an attempt ends when the connection was lost, or when no coordinator could be reached afterwards. */
const LOST = new Set(["CONNECTION_LOST", "CONNECTION_REFUSED", "HANDSHAKE_TIMEOUT", "MEMBERSHIP_CHANGED"]);

/** Whether a connection was at fault, and neither who asked nor who was asked. */
export function isLost(error: unknown): error is Fault {
  return error instanceof Fault && LOST.has(error.code);
}

/** Whether what a party said, or what is said of it, may be otherwise a little later. */
export function mayPass({ code }: Failure): boolean {
  return code === "BUSY" || LOST.has(code);
}

export interface AttemptsOptions {
  readonly link: CoordinatorLink;
  /** From now. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
}

/** When a question is asked again, and how often. */
export class Attempts {
  readonly #link: CoordinatorLink;
  readonly #deadlineAt: number;
  readonly #signal: AbortSignal | undefined;

  constructor({ link, deadlineMs, signal }: AttemptsOptions) {
    this.#link = link;
    this.#deadlineAt = performance.now() + deadlineMs;
    this.#signal = signal;
  }

  /** What is left until the deadline; 1 or more. */
  get deadlineMs(): number {
    return Math.max(1, Math.floor(this.#deadlineAt - performance.now()));
  }

  /**
   * How long to wait before asking again: after a lost connection a random part of a time that doubles (full jitter), after BUSY what the party said and a random
   * part of that, so that those who were refused together do not come back together.
   *
   * @param attempt - The one that failed, from 1.
   * @returns Milliseconds; null when asking again does not help, was done often enough, or would be too late.
   */
  pauseAfter(failure: Failure, attempt: number): number | null {
    if (attempt >= limits.queryAttemptsMax || this.#link.isClosed || !mayPass(failure)) return null;
    const pauseMs = failure.code === "BUSY" ? busyPauseMs(failure) : lostPauseMs(attempt);
    return performance.now() + pauseMs < this.#deadlineAt ? pauseMs : null;
  }

  /** Waits until then, by `performance.now()`, and for a connection. @throws Fault ABORTED, DEADLINE_EXCEEDED; as {@link CoordinatorLink.open}. */
  async reconnect(at: number): Promise<void> {
    await waitUntil(at, this.#signal);
    const over = new AbortController();
    const signals = this.#signal ? [over.signal, this.#signal] : [over.signal];
    const late = waitUntil(this.#deadlineAt, AbortSignal.any(signals)).then(() => {
      throw new Fault<ProtocolFaultCode>("DEADLINE_EXCEEDED", "no coordinator could be reached before the deadline");
    });
    late.catch(() => undefined);
    try {
      await Promise.race([this.#link.open(), late]);
    } finally {
      over.abort();
    }
  }

  /**
   * Pauses after a failed attempt, and connects; a connection that fails counts as an attempt.
   *
   * @returns The number of the next attempt, or null as {@link pauseAfter}.
   * @throws Fault ABORTED, DEADLINE_EXCEEDED.
   */
  async next(failure: Failure, attempt: number): Promise<number | null> {
    const pauseMs = this.pauseAfter(failure, attempt);
    if (pauseMs === null) return null;
    try {
      await this.reconnect(performance.now() + pauseMs);
      return attempt + 1;
    } catch (error) {
      if (!isLost(error)) throw error;
      return await this.next(error, attempt + 1);
    }
  }

  /** Does what may be done more than once, again when its connection was lost. @throws Fault of the first time when no attempt is left, ABORTED, DEADLINE_EXCEEDED. */
  async resume<Value>(work: () => Promise<Value>): Promise<Value> {
    let first: Fault | null = null;
    for (let attempt = 1; ;) {
      try {
        return await work();
      } catch (error) {
        if (!isLost(error)) throw error;
        first ??= error;
        const next = await this.next(error, attempt);
        if (next === null) throw first;
        attempt = next;
      }
    }
  }
}

function lostPauseMs(attempt: number): number {
  return sodium.randombytes_uniform(limits.retryMsMin * 2 ** (attempt - 1));
}

function busyPauseMs({ retryAfterMs = 0 }: Failure): number {
  return retryAfterMs + sodium.randombytes_uniform(Math.max(retryAfterMs, limits.retryMsMin));
}

/** @throws Fault ABORTED. */
async function waitUntil(at: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    // A timer may come up to a millisecond early.
    for (let left = at - performance.now(); left > 0; left = at - performance.now())
      await sleep(Math.ceil(left), undefined, signal && { signal });
    signal?.throwIfAborted();
  } catch {
    throw abortedFault();
  }
}
