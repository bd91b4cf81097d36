import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { Fault, type ScoringIndex, sodium } from "../../crypto/index.ts";
import type { AuditSink } from "../../operation/audit/index.ts";
import {
  type Connect,
  type Federation,
  type FrameObserver,
  type HopMessage,
  type Identity,
  type SecureConnection,
  dial,
  limits,
  offerRevision,
  takeUpFederation,
} from "../../protocol/index.ts";
import type { PassageStore } from "../store/store.ts";
import { LastAsked, ShareMaker } from "../vertical/index.ts";
import { Collection } from "./collection.ts";
import type { QueryBudget } from "./query-budget.ts";
import { QueryService } from "./query-service.ts";
import type { RequestHandler } from "./request-handler.ts";
import { SessionService } from "./session-service.ts";

/** How often the store is asked whether another process changed it. */
const REFRESH_MS = 500;
const REFRESH_MS_MAX = 30_000;

export interface PartyServerOptions {
  readonly identity: Identity;
  readonly federation: Federation;
  readonly store: PassageStore;
  readonly index: ScoringIndex;
  /** Who answers requests that are not about this party's own passages; closed by the caller. */
  readonly handlers?: readonly RequestHandler[] | undefined;
  /** How many questions a querier may ask; without it any number. */
  readonly queryBudget?: QueryBudget | undefined;
  /** Where a party of a vertical federation keeps which queries it has answered; without it a restart forgets them. */
  readonly answeredPath?: string | undefined;
  readonly coordinatorUrl: string;
  /** As {@link DialOptions.ca}. */
  readonly ca?: string | undefined;
  /** As {@link DialOptions.connect}. */
  readonly connect?: Connect | undefined;
  readonly log: Logger;
  readonly observer?: FrameObserver | undefined;
  /** Told of all that is answered and refused, for the audit log and the metrics. */
  readonly onEvent?: AuditSink | undefined;
}

/** A party's server: keeps a connection to the coordinator and answers what comes over it. */
export class PartyServer {
  readonly #options: PartyServerOptions;
  readonly #log: Logger;
  readonly #collection: Collection;
  readonly #queries: QueryService;
  readonly #sessions: SessionService;
  readonly #stop = new AbortController();
  #connection: SecureConnection | null = null;
  #listed = false;
  /** Set when the founder has removed this party while it ran. */
  #removed: Fault | null = null;

  /** @throws Fault VERTICAL_INCOMPLETE, ANSWERED_MALFORMED. */
  constructor(options: PartyServerOptions) {
    const { identity, federation, store, index, answeredPath } = options;
    const { vertical } = federation.terms;
    this.#options = options;
    this.#log = options.log;
    this.#collection = new Collection(store, index, () => performance.now());
    this.#queries = new QueryService({
      identity,
      federation,
      collection: this.#collection,
      shares: vertical ? new ShareMaker({ identity, federation, store }) : undefined,
      budget: options.queryBudget,
      lastAsked: vertical && answeredPath !== undefined ? new LastAsked(answeredPath) : undefined,
      now: () => performance.now(),
      wallClock: () => Date.now(),
      onEvent: options.onEvent,
    });
    this.#sessions = new SessionService({
      identity,
      federation,
      store,
      handlers: options.handlers,
      collection: this.#collection,
      queries: this.#queries,
      send: (message) => this.#connection?.send(message),
      drained: () => this.#connection?.drained() ?? Promise.resolve(),
      now: () => performance.now(),
      log: options.log,
      onEvent: options.onEvent,
    });
  }

  /** Whether questions can reach this party: the collection is loaded, and a coordinator lists it. */
  get isServing(): boolean {
    return this.#listed;
  }

  /**
   * Loads the collection, then serves until {@link close}; reconnects for ever.
   *
   * @param onReady - Called each time the coordinator has accepted the connection.
   * @throws Fault WRONG_ROLE, ENCODER_MISMATCH: the coordinator has said that it will not have this party. NOT_A_MEMBER: the founder has removed it, or
   * listed it with another key. SCORING_THREAD_ENDED: it can answer nothing any more.
   */
  async run(onReady: () => void = () => undefined): Promise<void> {
    const died: { why: Fault | null } = { why: null };
    void this.#options.index.failed.then((why) => {
      died.why = why;
      this.close();
    });
    await this.#load();
    const following = this.#follow();
    const stopFollowing = this.#options.federation.onChange((changed) => {
      this.#federationChanged(changed);
    });
    try {
      await this.#serveUntilClosed(onReady);
    } finally {
      stopFollowing();
      this.close();
      await following;
    }
    if (died.why) throw died.why;
  }

  close(): void {
    this.#stop.abort();
    this.#connection?.close();
  }

  async #load(): Promise<void> {
    const began = performance.now();
    const { changed: blocks, restored } = await this.#collection.refresh(this.#stop.signal);
    if (this.#stopping()) return;
    const ms = Math.round(performance.now() - began);
    this.#log.info({ passages: this.#collection.rowCount, blocks, restored, ms }, "collection loaded");
  }

  async #serveUntilClosed(onReady: () => void): Promise<void> {
    let final: Fault | null = null;
    for (let attempt = 0; !this.#stopping(); attempt++) {
      try {
        final = await this.#serve(() => {
          attempt = 0;
          onReady();
        });
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        this.#log.warn({ code: error.code, reason: error.message }, "not connected");
      }
      if (final) throw final;
      if (this.#removed) throw this.#removed;
      if (!this.#stopping()) await this.#pause(attempt);
    }
  }

  #stopping(): boolean {
    return this.#stop.signal.aborted;
  }

  /**
   * One connection from its opening to its end.
   *
   * @returns Why the coordinator will not have this party, if it said so itself; null when trying again may help. Only an authenticated
   *   goodbye is final: what comes before the handshake's end can be forged by anybody on the way.
   * @throws Fault for every other end.
   */
  async #serve(onReady: () => void): Promise<Fault | null> {
    const { coordinatorUrl, ca, connect, identity, federation, observer } = this.#options;
    const connection = await dial(coordinatorUrl, { identity, federation, ca, connect, observer });
    if (this.#stopping()) {
      connection.close();
      return null;
    }
    this.#connection = connection;
    offerRevision(federation, (message) => {
      connection.send(message);
    });
    connection.send({ type: "serve", encoder: sodium.from_hex(federation.terms.encoder.fingerprint) });
    const said: { goodbye: Fault | null } = { goodbye: null };
    const lost = await new Promise<Fault>((resolve) => {
      connection.listen(
        (message) => {
          if (message.type === "roster" && message.parties.includes(identity.name)) {
            this.#listed = true;
            onReady();
          } else if (message.type === "goodbye")
            said.goodbye = new Fault(message.code, `the coordinator ended the connection: ${message.reason}`);
          else this.#handle(message);
        },
        (why) => {
          resolve(why);
        },
      );
    });
    this.#connection = null;
    this.#listed = false;
    this.#sessions.clear();
    if (this.#stopping()) return null;
    if (said.goodbye && isFinal(said.goodbye)) return said.goodbye;
    throw said.goodbye ?? lost;
  }

  #handle(message: HopMessage): void {
    switch (message.type) {
      case "query":
        void this.#answer(message);
        break;
      case "cancel":
        this.#queries.cancel(message.queryId);
        break;
      case "relay":
        this.#sessions.receive(message);
        break;
      case "hangup":
        this.#sessions.hangup(message.session);
        break;
      case "federation-revision":
      case "federation":
        this.#takeUp(message);
        break;
      default:
        break;
    }
  }

  #takeUp(message: HopMessage): void {
    try {
      takeUpFederation(this.#options.federation, message, (reply) => this.#connection?.send(reply));
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#log.error({ code: error.code, reason: error.message }, "a federation file was not taken up");
    }
  }

  /** Sessions with members that are not what they were end at once, whatever the coordinator does; so does the connection to one that changed. */
  #federationChanged(changed: ReadonlySet<string>): void {
    const { federation, identity } = this.#options;
    this.#log.info({ revision: federation.terms.revision, members: [...changed] }, "federation changed");
    const { revision, members } = federation.terms;
    this.#options.onEvent?.({ kind: "federation-taken", revision, members: members.length });
    this.#sessions.endOf(changed);
    const listed = federation.publicKeyOf(identity.name);
    if (changed.has(identity.name) && !(listed && sodium.memcmp(listed, identity.secretKey.subarray(32))))
      this.#removed = new Fault(
        "NOT_A_MEMBER",
        `revision ${String(federation.terms.revision)} of the federation does not list "${identity.name}" with this node's key any more; ask the founder`,
      );
    const { peer } = this.#connection ?? {};
    if (changed.has(identity.name) || (peer !== undefined && changed.has(peer))) this.#connection?.close();
  }

  async #answer(query: Extract<HopMessage, { type: "query" }>): Promise<void> {
    const began = performance.now();
    const connection = this.#connection;
    try {
      const reply = await this.#queries.answer(query);
      connection?.send(reply);
      const outcome = reply.type === "refusal" ? { code: reply.code } : {};
      this.#log.info(
        { ...outcome, ms: Math.round(performance.now() - began) },
        reply.type === "refusal" ? "refused a query" : "answered a query",
      );
    } catch (error) {
      this.#log.error({ err: error }, "answering a query failed");
    }
  }

  /** Follows the store until closed; after a failure it looks less and less often, for every look may encode much again. */
  async #follow(): Promise<void> {
    let waitMs = REFRESH_MS;
    while (!this.#stopping()) {
      await sleep(waitMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      if (this.#stopping()) return;
      try {
        const { changed } = await this.#collection.refresh(this.#stop.signal);
        if (changed > 0) this.#log.info({ blocks: changed, passages: this.#collection.rowCount }, "collection changed");
        waitMs = REFRESH_MS;
      } catch (error) {
        if (this.#stopping()) return;
        this.#log.error({ err: error }, "reading the store failed");
        waitMs = Math.min(2 * waitMs, REFRESH_MS_MAX);
      }
    }
  }

  /** Exponential back-off with full jitter; the random source is libsodium's, as everywhere. */
  async #pause(attempt: number): Promise<void> {
    const ceiling = Math.min(limits.reconnectMsMax, limits.reconnectMsMin * 2 ** Math.min(attempt, 16));
    const delay = limits.reconnectMsMin / 2 + sodium.randombytes_uniform(Math.ceil(ceiling));
    await sleep(delay, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }
}

function isFinal({ code }: Fault): boolean {
  return code === "WRONG_ROLE" || code === "ENCODER_MISMATCH";
}
