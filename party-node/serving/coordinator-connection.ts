import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { Fault, sodium } from "../../crypto/index.ts";
import {
  type DialOptions,
  type HopMessage,
  type SecureConnection,
  dial,
  limits,
  offerRevision,
  takeUpFederation,
} from "../../protocol/index.ts";
import type { QueryService } from "./query-service.ts";
import { SessionService, type SessionServiceOptions } from "./session-service.ts";

export interface CoordinatorConnectionOptions
  extends
    Omit<DialOptions, "signal" | "federation">,
    Pick<
      SessionServiceOptions,
      "federation" | "collection" | "queries" | "rights" | "store" | "handlers" | "now" | "onEvent"
    > {
  readonly url: string;
  readonly queries: QueryService;
  readonly log: Logger;
  /** Called each time the coordinator has accepted the connection. */
  readonly onReady: () => void;
  /** Called when the coordinator itself has said that it will not have this party, or has taken it after all. */
  readonly onRefused: () => void;
}

/** A query that came over this connection and is not answered yet. */
interface UnderWay {
  readonly queryId: Uint8Array;
  readonly abort: AbortController;
}

/** A party's connection to one coordinator, opened again for ever, and what came over it. Knows nothing of those to other coordinators. */
export class CoordinatorConnection {
  readonly #options: CoordinatorConnectionOptions;
  readonly #log: Logger;
  readonly #sessions: SessionService;
  readonly #stop = new AbortController();
  readonly #underWay = new Set<UnderWay>();
  #connection: SecureConnection | null = null;
  #isListed = false;
  #isBringing = false;
  /** Whether the last connection was closed by one of its sides, without a goodbye. */
  #endedOrderly = false;
  #refusal: Fault | null = null;

  constructor(options: CoordinatorConnectionOptions) {
    this.#options = options;
    this.#log = options.log.child({ coordinator: options.url });
    this.#sessions = new SessionService({
      ...options,
      send: (message) => this.#connection?.send(message),
      drained: () => this.#connection?.drained() ?? Promise.resolve(),
    });
  }

  get url(): string {
    return this.#options.url;
  }

  /** Whether the coordinator lists this party. */
  get isListed(): boolean {
    return this.#isListed;
  }

  /** Why the coordinator will not have this party, if that was the last it said. WRONG_ROLE, ENCODER_MISMATCH. */
  get refusal(): Fault | null {
    return this.#refusal;
  }

  /** Serves until {@link close}. */
  async run(): Promise<void> {
    for (let attempt = 0; !this.#stopping(); attempt++) {
      try {
        await this.#serve(() => {
          attempt = 0;
        });
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        if (error.code === "MEMBERSHIP_CHANGED") this.#log.info({ reason: error.message }, "connecting again");
        else if (this.#endedOrderly) this.#log.info("the coordinator closed the connection; trying again");
        else this.#log.warn({ code: error.code, reason: error.message }, "not connected");
      }
      if (!this.#stopping()) await this.#pause(attempt);
    }
  }

  close(): void {
    this.#stop.abort();
    this.#connection?.close();
  }

  /** Whether a file that came over this connection is being taken up. */
  get isBringing(): boolean {
    return this.#isBringing;
  }

  /** The coordinator gets the newest federation file. */
  sendFederation(): void {
    this.#connection?.send({ type: "federation", file: this.#options.federation.file });
  }

  /** Members that are not what they were: sessions with them end, and so does this connection if its coordinator is one of them. */
  federationChanged(changed: ReadonlySet<string>): void {
    this.#sessions.endOf(changed);
    const { peer } = this.#connection ?? {};
    if (changed.has(this.#options.identity.name) || (peer !== undefined && changed.has(peer)))
      this.#connection?.close();
  }

  /**
   * One connection from its opening to its end.
   *
   * @param onListed - Called when the coordinator lists this party.
   * @throws Fault for every end but {@link close}. Only an authenticated goodbye is a refusal: what comes before the handshake's end can be forged by anybody on
   *   the way.
   */
  async #serve(onListed: () => void): Promise<void> {
    const { url, ca, connect, identity, federation, observer } = this.#options;
    const { signal } = this.#stop;
    this.#endedOrderly = false;
    const connection = await dial(url, { identity, federation, ca, connect, observer, signal });
    if (signal.aborted) {
      connection.close();
      return;
    }
    this.#connection = connection;
    offerRevision(federation, (message) => {
      connection.send(message);
    });
    connection.send({ type: "serve", encoder: sodium.from_hex(federation.terms.encoder.fingerprint) });
    const said: { goodbye: Fault | null } = { goodbye: null };
    const lost = await new Promise<Fault>((resolve) => {
      connection.listen((message) => {
        if (message.type === "roster" && message.parties.includes(identity.name)) {
          onListed();
          this.#listed();
        } else if (message.type === "goodbye")
          said.goodbye = new Fault(message.code, `the coordinator ended the connection: ${message.reason}`);
        else this.#handle(message);
      }, resolve);
    });
    this.#ended();
    this.#endedOrderly = connection.endedOrderly && said.goodbye === null;
    if (this.#stopping()) return;
    if (said.goodbye && isRefusal(said.goodbye)) this.#refused(said.goodbye);
    throw said.goodbye ?? lost;
  }

  #stopping(): boolean {
    return this.#stop.signal.aborted;
  }

  #listed(): void {
    const { onReady, onRefused } = this.#options;
    this.#isListed = true;
    if (this.#refusal) {
      this.#refusal = null;
      onRefused();
    }
    onReady();
  }

  #refused(why: Fault): void {
    this.#refusal = why;
    this.#options.onRefused();
  }

  /** Whoever asked over the connection can be told nothing more. */
  #ended(): void {
    this.#connection = null;
    this.#isListed = false;
    this.#sessions.clear();
    for (const { abort } of this.#underWay) abort.abort();
  }

  #handle(message: HopMessage): void {
    switch (message.type) {
      case "query":
        void this.#answer(message);
        break;
      case "cancel":
        for (const { queryId, abort } of this.#underWay) if (sodium.memcmp(queryId, message.queryId)) abort.abort();
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
    this.#isBringing = true;
    try {
      takeUpFederation(this.#options.federation, message, (reply) => this.#connection?.send(reply));
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#log.error({ code: error.code, reason: error.message }, "a federation file was not taken up");
    } finally {
      this.#isBringing = false;
    }
  }

  async #answer(query: Extract<HopMessage, { type: "query" }>): Promise<void> {
    const began = performance.now();
    const connection = this.#connection;
    const underWay = { queryId: query.queryId, abort: new AbortController() };
    this.#underWay.add(underWay);
    try {
      const reply = await this.#options.queries.answer(query, underWay.abort.signal);
      connection?.send(reply);
      const outcome = reply.type === "refusal" ? { code: reply.code } : {};
      this.#log.info(
        { ...outcome, ms: Math.round(performance.now() - began) },
        reply.type === "refusal" ? "refused a query" : "answered a query",
      );
    } catch (error) {
      this.#log.error({ err: error }, "answering a query failed");
    } finally {
      this.#underWay.delete(underWay);
    }
  }

  /** Exponential back-off with full jitter; the random source is libsodium's, as everywhere. A coordinator that refuses is asked as seldom as can be. */
  async #pause(attempt: number): Promise<void> {
    const { reconnectMsMin, reconnectMsMax } = limits;
    const ceiling = this.#refusal
      ? reconnectMsMax
      : Math.min(reconnectMsMax, reconnectMsMin * 2 ** Math.min(attempt, 16));
    const delay = reconnectMsMin / 2 + sodium.randombytes_uniform(Math.ceil(ceiling));
    await sleep(delay, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }
}

function isRefusal({ code }: Fault): boolean {
  return code === "WRONG_ROLE" || code === "ENCODER_MISMATCH";
}
