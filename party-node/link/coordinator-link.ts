import { Fault, hexOf } from "../../crypto/index.ts";
import {
  type DialOptions,
  type Federation,
  type HopMessage,
  type ProtocolFaultCode,
  type SecureConnection,
  dial,
  limits,
  offerRevision,
  takeUpFederation,
} from "../../protocol/index.ts";
import { type Answered, firstToAnswer } from "./first-to-answer.ts";

/** Receives what the coordinator sends for one query or one session; `lost` is called when nothing more will come. */
export interface Listener {
  readonly message: (message: HopMessage) => void;
  readonly lost: (why: Fault) => void;
}

export interface LinkOptions extends Omit<DialOptions, "signal"> {
  readonly federation: Federation;
  /** Of the coordinators, in the order in which they are tried. */
  readonly urls: readonly string[];
}

/** A connection whose coordinator has said who is there. */
interface Line extends Answered {
  readonly connection: SecureConnection;
  /** As last heard. */
  online: ReadonlySet<string>;
  /** Why it is no more, once it is. */
  lost: Fault | null;
}

/**
 * A querier's connection to a coordinator, opened again when it was lost and is needed; passes each message to whoever waits for it. Of several coordinators it is
 * the first that answers and reaches all parties; where none reaches all, the first that answers.
 */
export class CoordinatorLink {
  readonly #options: LinkOptions;
  readonly #listeners = new Map<string, Listener>();
  readonly #closed = new AbortController();
  #line: Line | null = null;
  #opening: Promise<void> | null = null;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /** Parties the coordinator has a connection to, as last heard. */
  get online(): ReadonlySet<string> {
    return this.#line?.online ?? new Set();
  }

  get isClosed(): boolean {
    return this.#closed.signal.aborted;
  }

  /** Returns when a coordinator has said who is there. @throws Fault as {@link dial}; CONNECTION_LOST. */
  async open(): Promise<void> {
    if (this.#line && !this.#line.lost) return;
    this.#opening ??= this.#open().finally(() => {
      this.#opening = null;
    });
    await this.#opening;
  }

  /** @param id - Query id or session id that messages for this listener carry. */
  listen(id: Uint8Array, listener: Listener): void {
    this.#listeners.set(hexOf(id), listener);
  }

  forget(id: Uint8Array): void {
    this.#listeners.delete(hexOf(id));
  }

  /** @throws Fault CONNECTION_LOST. */
  send(message: HopMessage): void {
    if (!this.#line || this.#line.lost || this.isClosed)
      throw new Fault<ProtocolFaultCode>("CONNECTION_LOST", "there is no connection to the coordinator");
    this.#line.connection.send(message);
  }

  /** Sends what does not matter when there is no connection any more. */
  tell(message: HopMessage): void {
    this.#line?.connection.send(message);
  }

  /** For good. */
  close(): void {
    this.#closed.abort();
    this.#line?.close();
  }

  async #open(): Promise<void> {
    const line = await firstToAnswer({
      urls: this.#options.urls,
      open: (url, signal) => this.#greet(url, AbortSignal.any([signal, this.#closed.signal])),
      hedgeMs: limits.hedgeMs,
    });
    if (line.lost) throw line.lost;
    this.#line = line;
    if (this.isClosed) line.close();
  }

  async #greet(url: string, signal: AbortSignal): Promise<Line> {
    const { federation, ...options } = this.#options;
    const connection = await dial(url, { ...options, federation, signal });
    const line = Promise.withResolvers<Line>();
    const giveUp = (): void => {
      line.reject(
        new Fault<ProtocolFaultCode>("HANDSHAKE_TIMEOUT", `the coordinator at ${url} did not say who is there`),
      );
    };
    const timer = setTimeout(giveUp, limits.handshakeTimeoutMs);
    signal.addEventListener("abort", giveUp);
    this.#listenTo(connection, line);
    offerRevision(federation, (message) => {
      connection.send(message);
    });
    try {
      if (signal.aborted) giveUp();
      return await line.promise;
    } catch (error) {
      connection.close();
      throw error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", giveUp);
    }
  }

  /** @param greeted - Settled when the coordinator has said who is there, or will not. */
  #listenTo(connection: SecureConnection, greeted: PromiseWithResolvers<Line>): void {
    let line: Line | null = null;
    const end = (why: Fault): void => {
      greeted.reject(why);
      if (!line || line.lost) return;
      line.lost = why;
      if (line === this.#line) this.#lost(why);
    };
    connection.listen((message) => {
      if (message.type === "goodbye")
        end(new Fault(message.code, `the coordinator ended the connection: ${message.reason}`));
      else if (message.type !== "roster") this.#dispatch(connection, message);
      else if (line) line.online = new Set(message.parties);
      else greeted.resolve((line = this.#lineOf(connection, message.parties)));
    }, end);
  }

  #lineOf(connection: SecureConnection, names: readonly string[]): Line {
    const online = new Set(names);
    const parties = this.#options.federation.terms.members.filter(({ roles }) => roles.includes("party"));
    return {
      connection,
      online,
      isComplete: parties.every(({ name }) => online.has(name)),
      lost: null,
      close: () => {
        connection.close();
      },
    };
  }

  #dispatch(connection: SecureConnection, message: HopMessage): void {
    if (message.type === "federation-revision" || message.type === "federation") this.#takeUp(connection, message);
    else if ("queryId" in message) this.#listeners.get(hexOf(message.queryId))?.message(message);
    else if ("session" in message) this.#listeners.get(hexOf(message.session))?.message(message);
  }

  /** What this process cannot take up, a command that is started anew does, or says why not. */
  #takeUp(connection: SecureConnection, message: HopMessage): void {
    try {
      takeUpFederation(this.#options.federation, message, (reply) => {
        connection.send(reply);
      });
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
    }
  }

  #lost(why: Fault): void {
    const listeners = [...this.#listeners.values()];
    this.#listeners.clear();
    for (const { lost } of listeners) lost(why);
  }
}
