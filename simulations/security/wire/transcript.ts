import { setTimeout as sleep } from "node:timers/promises";
import type { FrameObserver } from "../../../protocol/index.ts";

/** A message as the coordinator has it, without its content. */
export interface TimedFrame {
  readonly peer: string;
  readonly direction: "in" | "out";
  readonly type: string;
  readonly bytes: number;
  /** Milliseconds, monotonic. */
  readonly at: number;
}

/** What the coordinator has seen of one question. */
export interface Transcript {
  readonly frames: readonly TimedFrame[];
  /** Which of the texts looked for were in some message. */
  readonly found: readonly boolean[];
}

/** Keeps what passes the coordinator. */
export class Recorder {
  #frames: TimedFrame[] = [];
  #found: boolean[] = [];
  readonly #sought: readonly Buffer[];

  /** @param sought - Bytes that are looked for in every message. */
  constructor(sought: readonly Uint8Array[]) {
    this.#sought = sought.map((bytes) => Buffer.from(bytes));
  }

  readonly observer: FrameObserver = ({ peer, direction, type, bytes, payload }) => {
    this.#frames.push({ peer, direction, type, bytes, at: performance.now() });
    const all = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    this.#sought.forEach((bytesSought, i) => (this.#found[i] ||= all.includes(bytesSought)));
  };

  /** All that passes until the work is done and nothing more comes. */
  async during(work: () => Promise<unknown>): Promise<Transcript> {
    this.#frames = [];
    this.#found = this.#sought.map(() => false);
    await work();
    await sleep(0);
    const seen = { frames: this.#frames, found: this.#found };
    this.#frames = [];
    this.#found = [];
    return seen;
  }
}

/** Requests are numbered, and the numbers of later ones are up to four bytes longer; rounded to this, sizes do not show that. */
const ROUGH_BYTES = 64;

/** Counts, types, sizes and order of the messages to and from each member, exactly and roughly. The order between members is a matter of time. */
export function looks({ frames }: Transcript): readonly [exact: string, rough: string] {
  return [looksOf(frames, 1), looksOf(frames, ROUGH_BYTES)];
}

function looksOf(frames: readonly TimedFrame[], unit: number): string {
  const peers = [...new Set(frames.map(({ peer }) => peer))].sort();
  const line = ({ direction, type, bytes }: TimedFrame): string =>
    `${direction} ${type} ${String(Math.round(bytes / unit))}`;
  const ofPeers = peers.map((peer) => {
    const lines = frames.filter((frame) => frame.peer === peer).map(line);
    // Parties reach the querier at their own pace.
    return `${peer}: ${(peer === "asker" ? lines.sort() : lines).join(", ")}`;
  });
  return `${String(unit)}; ${ofPeers.join("; ")}`;
}

/** For what did not come. */
const NEVER_MS = 0;

/**
 * Logarithms of the times between messages: of each party from the question to its answer and from being asked for passages to sending them; of the querier from
 * the last answer to its first request. What came before the question is left out: there a person thinks.
 */
export function times({ frames }: Transcript, parties: readonly string[]): number[] {
  const atOf = (peer: string, direction: "in" | "out", type: string): number | undefined =>
    frames.find((frame) => frame.peer === peer && frame.direction === direction && frame.type === type)?.at;
  const between = (from: number | undefined, to: number | undefined): number =>
    Math.log(0.01 + (from === undefined || to === undefined ? NEVER_MS : Math.max(0, to - from)));
  const asked = atOf("asker", "in", "query");
  const lastAnswer = Math.max(...parties.map((party) => atOf(party, "in", "answer") ?? 0));
  const firstFetch = atOf("asker", "in", "relay");
  return [
    ...parties.flatMap((party) => [
      between(asked, atOf(party, "in", "answer")),
      between(atOf(party, "out", "relay"), atOf(party, "in", "relay")),
      between(firstFetch, atOf(party, "in", "relay")),
    ]),
    between(lastAnswer, firstFetch),
  ];
}
