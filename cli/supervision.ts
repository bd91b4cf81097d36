import { Fault } from "../crypto/index.ts";

/*
 * A command that was started by another of our commands (demo, trial, a test) tells its parent over Node's IPC channel when it is ready and what it
 * has done, and stops when the parent is gone, so that nothing is left behind.
 */

/** What a child process reports. */
export type ChildEvent =
  | { readonly event: "listening"; readonly port: number }
  | { readonly event: "serving" }
  | {
      readonly event: "progress";
      readonly phase: string;
      readonly done: number;
      readonly total: number | null;
      readonly passagesPerSecond: number;
      readonly files?: { readonly done: number; readonly total: number } | null;
      readonly secondsLeft?: number | null;
    }
  | { readonly event: "ingested"; readonly passages: number; readonly problems: number; readonly seconds: number };

/** Exit code for what was stopped by Ctrl-C, as shells have it. */
export const EXIT_STOPPED = 130;

/** Exit code of a service that would fail in the same way however often it was started again: EX_NOPERM of sysexits.h. */
export const EXIT_NOT_ITS_PLACE = 77;

/** Why a service that is started again ends again. */
export class LastingFault extends Fault<string> {}

/** Faults of who is not, or not any more, what the service needs it to be in the federation. */
const LASTING: ReadonlySet<string> = new Set(["NOT_A_MEMBER", "WRONG_ROLE"]);

/** A command that serves until it is stopped, and that systemd and the like start again when it fails. @throws LastingFault. */
export function asService<Options>(run: (options: Options) => Promise<void>): (options: Options) => Promise<void> {
  return async (options) => {
    try {
      await run(options);
    } catch (error) {
      if (!(error instanceof Fault) || !LASTING.has(error.code)) throw error;
      throw new LastingFault(error.code, error.message, error);
    }
  };
}

/** Tells the parent, if there is one that listens. */
export function tellParent(event: ChildEvent): void {
  process.send?.(event);
}

let stopped = false;

/** Whether a person, or the parent's end, has asked this process to stop. */
export function wasStopped(): boolean {
  return stopped;
}

/** Calls `stop` once: on Ctrl-C, on a polite kill, or when the parent has gone. */
export function onStop(stop: () => void): void {
  const once = (): void => {
    if (!stopped) stop();
    stopped = true;
  };
  process.once("SIGINT", once);
  process.once("SIGTERM", once);
  if (process.connected) process.once("disconnect", once);
}

/** Lets the process end although the channel to the parent is open. */
export function releaseParent(): void {
  if (process.connected) process.disconnect();
}
