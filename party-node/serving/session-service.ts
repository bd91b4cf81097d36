import type { Logger } from "pino";
import { Fault, sodium, hexOf } from "../../crypto/index.ts";
import type { AuditSink } from "../../operation/audit/index.ts";
import { querySpan } from "../../operation/tracing/index.ts";
import {
  type EndToEndMessage,
  type Federation,
  type HopMessage,
  type Identity,
  type ProtocolFaultCode,
  Responder,
  type SecureChannel,
  decodeEndToEndMessage,
  encodeValue,
  handshakeContext,
  PASSAGES_LIMITED,
  limits,
  passageLimitReason,
  seal,
  unpackHandles,
} from "../../protocol/index.ts";
import type { PassageStore } from "../store/store.ts";
import { blockPages } from "./block-pages.ts";
import type { Collection } from "./collection.ts";
import type { QueryService } from "./query-service.ts";
import type { RequestHandler } from "./request-handler.ts";
import { isAboutOwnPassages, notServed } from "./not-served.ts";
import { deliverPassages } from "./passage-delivery.ts";
import { RequestTally } from "./request-tally.ts";
import { NOT_ALLOWED_REASON, type QuerierRights } from "./rights.ts";

type Relay = Extract<HopMessage, { type: "relay" }>;

interface OpenSession {
  readonly stage: "open";
  readonly peer: string;
  readonly since: number;
  readonly channel: SecureChannel;
  /** Ends when all requests so far are answered. */
  turn: Promise<void>;
  waiting: number;
  /** The most passages of one question that the querier was told it is given. */
  passagesTold: number;
}

type Session =
  | { readonly stage: "greeted"; readonly peer: string; readonly since: number; readonly responder: Responder }
  | OpenSession;

export interface SessionServiceOptions {
  readonly identity: Identity;
  readonly federation: Federation;
  readonly collection: Collection;
  readonly queries: QueryService;
  /** Who may ask, and for how many passages; without it every querier, for any number. */
  readonly rights?: QuerierRights | undefined;
  readonly store: PassageStore;
  /** Who answers requests that are not about this party's own passages. */
  readonly handlers?: readonly RequestHandler[] | undefined;
  readonly send: (message: HopMessage) => void;
  /** Resolves when the connection has taken most of what was sent. */
  readonly drained: () => Promise<void>;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  readonly log: Logger;
  readonly onEvent?: AuditSink | undefined;
}

/**
 * The party's end of its sessions with queriers, which run through the coordinator but are encrypted past it: hints out, handles in, passages out.
 */
export class SessionService {
  readonly #options: SessionServiceOptions;
  readonly #sessions = new Map<string, Session>();
  /** Bytes of each querier's requests that wait, also of sessions that are over. */
  readonly #waitingBytes = new Map<string, number>();

  constructor(options: SessionServiceOptions) {
    this.#options = options;
  }

  /** Handles one relayed message; a fault ends that session and nothing else. */
  receive({ session: id, peer, body }: Relay): void {
    const key = hexOf(id);
    const reply = (bytes: Uint8Array): void => {
      this.#options.send({ type: "relay", session: id, peer, body: bytes });
    };
    try {
      const session = this.#sessions.get(key);
      if (!session) this.#greet(key, peer, body, reply);
      else if (session.stage === "greeted") this.#sessions.set(key, this.#establish(session, body));
      else this.#enqueue(key, session, body, reply);
    } catch (error) {
      this.#end(id, peer, error);
    }
  }

  hangup(id: Uint8Array): void {
    this.#sessions.delete(hexOf(id));
  }

  /** The connection to the coordinator is gone, and every session with it. */
  clear(): void {
    this.#sessions.clear();
  }

  /** Ends all sessions with these members. */
  endOf(members: ReadonlySet<string>): void {
    for (const [key, { peer }] of this.#sessions)
      if (members.has(peer))
        this.#end(sodium.from_hex(key), peer, new Fault("MEMBERSHIP_CHANGED", "the querier is not the member it was"));
  }

  #greet(key: string, peer: string, hello: Uint8Array, reply: (bytes: Uint8Array) => void): void {
    const now = this.#options.now();
    for (const [old, { stage, since }] of this.#sessions)
      if (stage === "greeted" && now - since > limits.handshakeTimeoutMs) this.#sessions.delete(old);
    const own = [...this.#sessions.values()].filter((session) => session.peer === peer).length;
    if (this.#sessions.size >= limits.partySessionsMax || own >= limits.partySessionsPerQuerierMax)
      throw new Fault<ProtocolFaultCode>("LIMIT_EXCEEDED", "too many sessions");
    const responder = new Responder(this.#options.identity, handshakeContext(this.#options.federation, "end-to-end"));
    reply(responder.receiveHello(hello));
    this.#sessions.set(key, { stage: "greeted", peer, since: now, responder });
  }

  #establish({ responder, peer, since }: Extract<Session, { stage: "greeted" }>, finish: Uint8Array): Session {
    const { channel, peer: querier } = responder.receiveFinish(finish);
    if (querier !== peer || !this.#options.federation.hasRole(querier, "querier"))
      throw new Fault<ProtocolFaultCode>("WRONG_ROLE", "the peer is not a querier of this federation");
    this.#options.onEvent?.({ kind: "session-opened", member: querier });
    return {
      stage: "open",
      peer,
      since,
      channel,
      turn: Promise.resolve(),
      waiting: 0,
      passagesTold: limits.fetchHandlesMax,
    };
  }

  /** Requests of a session are answered one after the other, each only when the connection has taken most of what came before. */
  #enqueue(key: string, session: OpenSession, body: Uint8Array, reply: (bytes: Uint8Array) => void): void {
    const { peer } = session;
    const waitingBytes = (this.#waitingBytes.get(peer) ?? 0) + body.length;
    if (session.waiting >= limits.requestsQueuedMax || waitingBytes > limits.requestBytesQueuedMax)
      throw new Fault<ProtocolFaultCode>("LIMIT_EXCEEDED", "too many requests at once");
    const request = decodeEndToEndMessage(session.channel.open(body));
    session.waiting++;
    this.#waitingBytes.set(peer, waitingBytes);
    const work = async (): Promise<void> => {
      try {
        if (this.#sessions.get(key) === session) await this.#answer(key, session, request, reply);
      } finally {
        session.waiting--;
        this.#done(peer, body.length);
      }
    };
    session.turn = session.turn.then(work).catch((error: unknown) => {
      this.#end(sodium.from_hex(key), session.peer, error);
    });
  }

  async #answer(
    key: string,
    session: OpenSession,
    request: EndToEndMessage,
    reply: (bytes: Uint8Array) => void,
  ): Promise<void> {
    const tally = new RequestTally(session.peer, request);
    try {
      for await (const message of this.#respond(session, request, tally)) {
        if (this.#sessions.get(key) !== session) return;
        // A list of blocks takes a while, and ends with the right to them.
        if (isAboutOwnPassages(request) && message.type !== "fault") this.#options.rights?.check(session.peer);
        const encoded = encodeValue(message);
        reply(session.channel.seal(encoded));
        tally.answered(message, encoded.length);
        await this.#options.drained();
      }
    } catch (error) {
      tally.failed(error);
      throw error;
    } finally {
      const event = tally.event();
      if (event) this.#options.onEvent?.(event);
    }
  }

  #done(peer: string, bytes: number): void {
    const left = (this.#waitingBytes.get(peer) ?? 0) - bytes;
    if (left > 0) this.#waitingBytes.set(peer, left);
    else this.#waitingBytes.delete(peer);
  }

  #end(id: Uint8Array, peer: string, error: unknown): void {
    this.#sessions.delete(hexOf(id));
    this.#options.send({ type: "hangup", session: id, peer, code: error instanceof Fault ? error.code : "INTERNAL" });
    if (!(error instanceof Fault)) this.#options.log.error({ err: error }, "a session failed");
  }

  async *#respond(
    session: OpenSession,
    message: EndToEndMessage,
    tally: RequestTally,
  ): AsyncGenerator<EndToEndMessage> {
    const { collection, identity, federation, handlers = [] } = this.#options;
    const { peer } = session;
    if (isAboutOwnPassages(message) && this.#options.rights?.of(peer).mayQuery === false) {
      yield { type: "fault", id: message.id, code: "NOT_ALLOWED", reason: NOT_ALLOWED_REASON };
      return;
    }
    const handler = handlers.find((candidate) => candidate.handles(message));
    const refusal = notServed(message);
    if (handler) {
      yield* handler.respond(peer, session, message);
      return;
    }
    if (refusal) {
      yield refusal;
      return;
    }
    switch (message.type) {
      case "sync":
      case "describe":
        yield* blockPages(message, collection, (manifest) => seal("blocks", federation.id, manifest, identity));
        break;
      case "fetch":
        yield this.#passages(session, message, tally);
        break;
      default:
        throw new Fault("MESSAGE_UNKNOWN", `a querier does not send ${message.type}`);
    }
  }

  /**
   * A querier that may have fewer passages is told so at its first fetch of the session, whatever it wants: that it is told again, which whoever carries it sees
   * by the lengths, must not show that it wanted more.
   */
  #passages(
    session: OpenSession,
    { id, queryId, handles: packed }: Extract<EndToEndMessage, { type: "fetch" }>,
    tally: RequestTally,
  ): EndToEndMessage {
    using span = querySpan("deliver", queryId);
    const { peer: querier } = session;
    const most = this.#options.rights?.of(querier).passages ?? limits.fetchHandlesMax;
    const handles = unpackHandles(packed);
    if (session.passagesTold !== most || handles.length > most) {
      session.passagesTold = most;
      span.failed(PASSAGES_LIMITED);
      return { type: "fault", id, code: PASSAGES_LIMITED, reason: passageLimitReason(most) };
    }
    const snapshot = this.#options.queries.takeFetchable(querier, queryId, packed);
    if (!snapshot) {
      span.failed("FETCH_EXPIRED");
      return {
        type: "fault",
        id,
        code: "FETCH_EXPIRED",
        reason: "the party does not know this query, or other passages of it were fetched already",
      };
    }
    const { padded, count } = deliverPassages(this.#options, queryId, handles, snapshot);
    tally.expectPassages(count);
    return { type: "passages", id, padded };
  }
}
