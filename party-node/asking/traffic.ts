import type { FrameObserver, HopMessage, SeenFrame } from "../../protocol/index.ts";

/** Messages, and the bytes of their encodings: without what encryption (17 bytes a message), WebSocket and TCP add. */
export interface Counted {
  readonly messages: number;
  readonly bytes: number;
}

export interface Flow {
  readonly up: Counted;
  readonly down: Counted;
}

/** What a coordinator handed on to one member, or took from it, for this querier. */
export interface MemberTraffic {
  /** Encrypted questions. One that goes to several members is sent up once, and counted for each of them. */
  readonly question: Counted;
  /** Encrypted scores, refusals, and parts of a sum. */
  readonly scores: Counted;
  /** The end-to-end session: hints, requests for passages, passages, and all that is asked of a host. */
  readonly session: Flow;
}

/** What went over this querier's connections in a stretch of time. */
export interface Traffic {
  /** By the coordinator's name; all that left this machine and came to it. */
  readonly coordinators: ReadonlyMap<string, Flow>;
  /** By the member's name: what of it went on, or came from there. */
  readonly members: ReadonlyMap<string, MemberTraffic>;
}

interface Tally {
  messages: number;
  bytes: number;
}

interface FlowTally {
  readonly up: Tally;
  readonly down: Tally;
}

interface MemberTally {
  readonly question: Tally;
  readonly scores: Tally;
  readonly session: FlowTally;
}

const tally = (): Tally => ({ messages: 0, bytes: 0 });
const flowTally = (): FlowTally => ({ up: tally(), down: tally() });
const memberTally = (): MemberTally => ({ question: tally(), scores: tally(), session: flowTally() });

/**
 * Counts what a client sends and receives, by who it goes to. Measurements that overlap all count what goes on while they do: sessions carry no sign of the question
 * they are used for, so questions that are to be told apart are asked one after the other.
 */
export class TrafficMeter {
  readonly #open = new Set<Measurement>();

  /** For {@link ClientOptions.observer}. */
  readonly observer: FrameObserver = (frame) => {
    for (const measurement of this.#open) measurement.count(frame);
  };

  /** @returns Ends the measurement; called again, says the same. */
  start(): () => Traffic {
    const measurement = new Measurement();
    this.#open.add(measurement);
    return () => {
      this.#open.delete(measurement);
      return measurement;
    };
  }
}

class Measurement implements Traffic {
  readonly coordinators = new Map<string, FlowTally>();
  readonly members = new Map<string, MemberTally>();

  count({ direction, peer, bytes, message }: SeenFrame): void {
    const way = direction === "out" ? "up" : "down";
    add(entry(this.coordinators, peer, flowTally)[way], bytes);
    for (const [member, part] of partsOf(message, bytes)) {
      const traffic = entry(this.members, member, memberTally);
      add(part.kind === "session" ? traffic.session[way] : traffic[part.kind], part.bytes);
    }
  }
}

type Part = readonly [member: string, part: { readonly kind: keyof MemberTraffic; readonly bytes: number }];

/** Whom a message is for, or from, past the coordinator. */
function partsOf(message: HopMessage, bytes: number): readonly Part[] {
  switch (message.type) {
    case "query":
      return message.parties.map((party) => [party, { kind: "question", bytes }]);
    case "answer":
    case "refusal":
      return [[message.party, { kind: "scores", bytes }]];
    case "total":
      return message.shares.map(({ party, body }) => [party, { kind: "scores", bytes: body.length }]);
    case "relay":
    case "hangup":
      return [[message.peer, { kind: "session", bytes }]];
    default:
      return [];
  }
}

function entry<Value>(map: Map<string, Value>, name: string, make: () => Value): Value {
  const found = map.get(name) ?? make();
  map.set(name, found);
  return found;
}

function add(to: Tally, bytes: number): void {
  to.messages++;
  to.bytes += bytes;
}
