import { Fault } from "../../crypto/index.ts";
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

/** Receives what the coordinator sends for one query or one session; `lost` is called when nothing more will come. */
export interface Listener {
  readonly message: (message: HopMessage) => void;
  readonly lost: (why: Fault) => void;
}

export interface LinkOptions extends DialOptions {
  readonly url: string;
  readonly federation: Federation;
}

const hex = (id: Uint8Array): string => Buffer.from(id).toString("hex");

/** A querier's connection to the coordinator, opened again when it was lost and is needed; passes each message to whoever waits for it. */
export class CoordinatorLink {
  readonly #options: LinkOptions;
  readonly #listeners = new Map<string, Listener>();
  #connection: SecureConnection | null = null;
  #opening: Promise<void> | null = null;
  #online: ReadonlySet<string> = new Set();

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /** Parties the coordinator has a connection to, as last heard. */
  get online(): ReadonlySet<string> {
    return this.#online;
  }

  /** Returns when the coordinator has said who is there. @throws Fault as {@link dial}; CONNECTION_LOST. */
  async open(): Promise<void> {
    if (this.#connection && !this.#opening) return;
    this.#opening ??= this.#open().finally(() => {
      this.#opening = null;
    });
    await this.#opening;
  }

  /** @param id - Query id or session id that messages for this listener carry. */
  listen(id: Uint8Array, listener: Listener): void {
    this.#listeners.set(hex(id), listener);
  }

  forget(id: Uint8Array): void {
    this.#listeners.delete(hex(id));
  }

  /** @throws Fault CONNECTION_LOST. */
  send(message: HopMessage): void {
    if (!this.#connection)
      throw new Fault<ProtocolFaultCode>("CONNECTION_LOST", "there is no connection to the coordinator");
    this.#connection.send(message);
  }

  /** Sends what does not matter when there is no connection any more. */
  tell(message: HopMessage): void {
    this.#connection?.send(message);
  }

  close(): void {
    this.#connection?.close();
    this.#connection = null;
  }

  async #open(): Promise<void> {
    const connection = await dial(this.#options.url, this.#options);
    this.#connection = connection;
    offerRevision(this.#options.federation, (message) => {
      connection.send(message);
    });
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Fault<ProtocolFaultCode>("HANDSHAKE_TIMEOUT", "the coordinator did not say who is there"));
        connection.close();
      }, limits.handshakeTimeoutMs);
      connection.listen(
        (message) => {
          if (message.type === "roster") {
            this.#online = new Set(message.parties);
            clearTimeout(timer);
            resolve();
          } else {
            this.#dispatch(connection, message);
          }
        },
        (why) => {
          clearTimeout(timer);
          if (this.#connection === connection) this.#connection = null;
          reject(why);
          this.#lost(why);
        },
      );
    });
  }

  #dispatch(connection: SecureConnection, message: HopMessage): void {
    if (message.type === "federation-revision" || message.type === "federation") this.#takeUp(connection, message);
    else if ("queryId" in message) this.#listeners.get(hex(message.queryId))?.message(message);
    else if ("session" in message) this.#listeners.get(hex(message.session))?.message(message);
    else if (message.type === "goodbye")
      this.#lost(new Fault(message.code, `the coordinator ended the connection: ${message.reason}`));
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
