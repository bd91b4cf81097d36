import { isAbsolute, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { Fault } from "../../crypto/fault.ts";
import type { FuzzTarget } from "./target.ts";

/** What became of one input. */
export interface Outcome {
  readonly accepted: boolean;
  /** The same for inputs that the decoder took, or refused, for the same reason. */
  readonly reason: string;
  readonly bug: Bug | null;
}

/** Why an input is a finding. */
export interface Bug {
  /** What was thrown that is no fault of the decoder's, or `Slow`, `Hung`, `OutOfMemory`. */
  readonly kind: string;
  readonly message: string;
  /** File and line of the project's code, as far as known. */
  readonly where: string;
}

/** An input of at most a few kilobytes takes microseconds; over this, somebody can keep a process busy with it. */
const SLOW_MS = 1000;
// Schemas lie ten calls deep below the decoder that a finding is named after.
Error.stackTraceLimit = 40;
const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Gives one input to a decoder and says whether that went as it should. @param slowMs - From where on it is too slow. */
export async function examine(target: FuzzTarget, input: Uint8Array, slowMs = SLOW_MS): Promise<Outcome> {
  const outcome = await tried(target, input);
  if (outcome.bug || outcome.milliseconds <= slowMs) return outcome;
  // Once more: the machine may have had something else to do.
  const { milliseconds } = await tried(target, input);
  if (milliseconds <= slowMs) return outcome;
  return { ...outcome, bug: { kind: "Slow", message: `takes ${(milliseconds / 1000).toFixed(1)} s`, where: "" } };
}

async function tried(target: FuzzTarget, input: Uint8Array): Promise<Outcome & { readonly milliseconds: number }> {
  const started = performance.now();
  let outcome: Outcome = { accepted: true, reason: "accepted", bug: null };
  try {
    const running = target.run(amidOthers(input));
    if (running instanceof Promise) await running;
  } catch (error) {
    outcome = refused(target, error);
  }
  return { ...outcome, milliseconds: performance.now() - started };
}

/** A copy at any alignment within a larger buffer, as a frame's parts are: what reads beside it, or writes, is found out by its result. */
function amidOthers(input: Uint8Array): Uint8Array {
  const around = new Uint8Array(input.length + 16).fill(0xa5);
  const at = 1 + (input.length & 7);
  around.set(input, at);
  return around.subarray(at, at + input.length);
}

function refused({ faults }: FuzzTarget, error: unknown): Outcome {
  if (error instanceof Fault && faults.includes(error.code))
    return { accepted: false, reason: `${error.code} ${masked(error.message)}`, bug: null };
  const { name, message, stack = "", cause } = error instanceof Error ? error : new Error(String(error));
  const kind = error instanceof Fault ? `Fault ${error.code}` : name;
  const why = cause instanceof Error ? ` (${cause.message})` : "";
  return { accepted: false, reason: kind, bug: { kind, message: message.slice(0, 300) + why, where: placeIn(stack) } };
}

/** A fault's sentence without the names and numbers of the input. */
function masked(message: string): string {
  return message
    .replace(/"(\\.|[^"\\])*"/g, '""')
    .replace(/\d+/g, "0")
    .slice(0, 120);
}

function placeIn(stack: string): string {
  for (const line of stack.split("\n").slice(1)) {
    const [, file, at] = /(?:file:\/\/)?(\/[^\s()]+?):(\d+):\d+\)?$/.exec(line) ?? [];
    if (file === undefined || at === undefined) continue;
    const path = relative(ROOT, file);
    if (path.startsWith("..") || isAbsolute(path) || path.startsWith(`node_modules${sep}`)) continue;
    if (!path.startsWith(`tests${sep}`)) return `${path}:${at}`;
  }
  return "";
}
