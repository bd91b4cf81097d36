import type { FrameObserver } from "../../protocol/index.ts";
import type { AuditEvent, AuditSink } from "./events.ts";

type Carried = Extract<AuditEvent, { kind: "carried" }>;
type Counts = { -readonly [Name in Exclude<keyof Carried, "kind" | "member">]: number };

const PERIOD_MS = 60_000;

/** What a member sends that counts as carried; the rest is between the member and the coordinator. */
const counted: Readonly<Record<string, keyof Counts>> = {
  query: "queries",
  answer: "answers",
  share: "answers",
  refusal: "refusals",
  relay: "relayed",
};

/**
 * Adds up what a coordinator carries, and tells it about once a minute: an entry a message would let whoever reads the log say who asked at which second, and
 * strangers who knock could fill a disk. Knows of messages only who sent them, of what type, and how large.
 */
export class CarriedTally {
  readonly #next: AuditSink;
  readonly #carried = new Map<string, Counts>();
  readonly #timer: NodeJS.Timeout;
  #strangers = 0;

  /** @param next - Takes the sums, and at once all events that are not added up. */
  constructor(next: AuditSink, periodMs: number = PERIOD_MS) {
    this.#next = next;
    this.#timer = setInterval(() => {
      this.tell();
    }, periodMs).unref();
  }

  readonly sink: AuditSink = (event) => {
    if (event.kind === "strangers-refused") this.#strangers += event.connections;
    else this.#next(event);
  };

  readonly observer: FrameObserver = ({ direction, peer, type, bytes }) => {
    const name = counted[type];
    if (direction === "in" && name) {
      const counts = this.#of(peer);
      counts[name]++;
      counts.bytesIn += bytes;
    } else if (direction === "out" && (name !== undefined || type === "total")) this.#of(peer).bytesOut += bytes;
  };

  /** Tells what has been added up since the last time. */
  tell(): void {
    for (const [member, counts] of this.#carried) this.#next({ kind: "carried", member, ...counts });
    this.#carried.clear();
    if (this.#strangers > 0) this.#next({ kind: "strangers-refused", connections: this.#strangers });
    this.#strangers = 0;
  }

  close(): void {
    clearInterval(this.#timer);
    this.tell();
  }

  #of(member: string): Counts {
    let counts = this.#carried.get(member);
    if (!counts) {
      counts = { queries: 0, answers: 0, refusals: 0, relayed: 0, bytesIn: 0, bytesOut: 0 };
      this.#carried.set(member, counts);
    }
    return counts;
  }
}
