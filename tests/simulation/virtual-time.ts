import { AsyncLocalStorage } from "node:async_hooks";
import { syncBuiltinESMExports } from "node:module";
import timersPromises from "node:timers/promises";
import { type Clock, createClock } from "@sinonjs/fake-timers";

/** One life of a process of the federation, from its start to its end or crash: what it has started runs in its name. */
export class Host {
  readonly name: string;
  /** Nothing of a dead host runs any more: no timer fires, no message comes, nothing it sends leaves. */
  alive = true;
  /** How many more steps of writing files it lives; null for any number. */
  stepsToDeath: number | null = null;
  /** Called when it dies writing. */
  die: () => void = () => undefined;
  readonly #skewMs: () => number;

  /** @param skewMs - By how much its wall clock is ahead. */
  constructor(name: string, skewMs: () => number) {
    this.name = name;
    this.#skewMs = skewMs;
  }

  get skewMs(): number {
    return this.#skewMs();
  }

  /** Runs work in this host's name, and all that comes of it. */
  run<Result>(work: () => Result): Result {
    return running.run(this, work);
  }
}

/** What a host that dies in the middle of its work is ended with; nobody of the living sees it. */
export class Died extends Error {}

const running = new AsyncLocalStorage<Host | null>();
const real = { setImmediate: globalThis.setImmediate };

/** In whose name the code that calls this runs. */
export const runningHost = (): Host | null => running.getStore() ?? null;

let clock: Clock = createClock(0);

/** The time of the federation that this process simulates: it passes in jumps, from one timer to the next. */
export const virtualTime = {
  /** Milliseconds since 1970, the same for all whatever their clocks show. */
  get now(): number {
    return clock.now;
  },

  /** Timers that nobody has cleared and that have not fired. */
  get timerCount(): number {
    return clock.countTimers();
  },

  /** Begins anew: timers of earlier simulations never fire. */
  reset(startMs: number): void {
    clock = createClock(startMs, Infinity);
  },

  /** Calls back in nobody's name. */
  after(ms: number, work: () => void): () => void {
    const timer = clock.setTimeout(() => {
      running.run(null, work);
    }, ms);
    return () => {
      clock.clearTimeout(timer);
    };
  },

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void virtualTime.after(ms, resolve));
  },

  /** Lets time pass until the work is done. @throws Error when nothing is left that could happen, or what the work throws. */
  async pass<Result>(work: Promise<Result>): Promise<Result> {
    const state = { done: false };
    const ended = work.finally(() => (state.done = true));
    ended.catch(() => undefined);
    for (;;) {
      await new Promise((resolve) => real.setImmediate(resolve));
      if (state.done) return await ended;
      if (clock.countTimers() === 0) throw new Error("nothing is left that could happen, and not everything has ended");
      try {
        clock.next();
      } catch (error) {
        if (!(error instanceof Died)) throw error;
      }
    }
  },
};

/** Callbacks keep the name in which they were registered, and are not called when it is of the dead. */
function inItsName<Args extends readonly unknown[]>(callback: (...args: Args) => void): (...args: Args) => void {
  const host = runningHost();
  if (!host) return callback;
  return (...args) => {
    if (host.alive)
      host.run(() => {
        callback(...args);
      });
  };
}

type Callback = (...args: unknown[]) => void;
interface WaitOptions {
  readonly signal?: AbortSignal;
}

/** Puts virtual time in place of the process's timers and clocks, for good. */
export function installVirtualTime(): void {
  const fakes = {
    setTimeout: (callback: Callback, ms?: number, ...args: unknown[]) =>
      clock.setTimeout(inItsName(callback), ms, ...args),
    setInterval: (callback: Callback, ms?: number, ...args: unknown[]) => {
      const host = runningHost();
      const named = inItsName(callback);
      const mine = clock;
      const timer = mine.setInterval(() => {
        if (host && !host.alive) mine.clearInterval(timer);
        else named(...args);
      }, ms);
      return timer;
    },
    setImmediate: (callback: Callback, ...args: unknown[]) => clock.setImmediate(inItsName(callback), ...args),
    clearTimeout: (timer?: number) => clock.clearTimeout(timer),
    clearInterval: (timer?: number) => clock.clearInterval(timer),
    clearImmediate: (timer: Parameters<Clock["clearImmediate"]>[0]) => clock.clearImmediate(timer),
  };
  Object.assign(globalThis, fakes);
  Date.now = () => clock.now + (runningHost()?.skewMs ?? 0);
  performance.now = () => clock.now;
  Object.assign(timersPromises, {
    setTimeout: (ms?: number, value?: unknown, options: WaitOptions = {}) => wait(ms ?? 1, value, options.signal),
    setImmediate: (value?: unknown) => new Promise((resolve) => setImmediate(resolve, value)),
  });
  syncBuiltinESMExports();
}

function wait(ms: number, value: unknown, signal?: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(new DOMException("The operation was aborted", "AbortError"));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve(value);
    }, ms);
    if (signal?.aborted) onAbort();
    else signal?.addEventListener("abort", onAbort, { once: true });
  });
}
