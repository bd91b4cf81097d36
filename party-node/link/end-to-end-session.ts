import { Fault, sodium } from "../../crypto/index.ts";
import {
  type EndToEndMessage,
  type Established,
  type Federation,
  type HopMessage,
  type Identity,
  Initiator,
  type ProtocolFaultCode,
  decodeEndToEndMessage,
  encodeValue,
  handshakeContext,
  limits,
  messageLimits,
} from "../../protocol/index.ts";
import type { CoordinatorLink } from "./coordinator-link.ts";

interface Pending {
  readonly resolve: () => void;
  readonly reject: (why: Fault) => void;
  readonly take: (message: EndToEndMessage) => void;
  readonly timer: NodeJS.Timeout;
}

export interface EndToEndSessionOptions {
  readonly link: CoordinatorLink;
  readonly party: string;
  readonly identity: Identity;
  readonly federation: Federation;
}

/** What {@link EndToEndSession.request} sends: any message but its id, which the session gives. */
export type RequestOf<Message extends EndToEndMessage = EndToEndMessage> = Message extends unknown
  ? Omit<Message, "id">
  : never;

/** The querier's end of a session with one party, through the coordinator but encrypted past it. A broken session is not mended; its owner opens another. */
export class EndToEndSession {
  readonly #options: EndToEndSessionOptions;
  readonly #id = sodium.randombytes_buf(16);
  readonly #pending = new Map<number, Pending>();
  #established: Established | null = null;
  #greeting: { readonly resolve: (welcome: Uint8Array) => void; readonly reject: (why: Fault) => void } | null = null;
  #requests = 0;
  #over: Fault | null = null;

  private constructor(options: EndToEndSessionOptions) {
    this.#options = options;
  }

  /** @throws Fault HANDSHAKE_FAILED, PARTY_OFFLINE, CONNECTION_LOST, DEADLINE_EXCEEDED. */
  static async open(options: EndToEndSessionOptions): Promise<EndToEndSession> {
    const session = new EndToEndSession(options);
    await session.#handshake();
    return session;
  }

  get usable(): boolean {
    return this.#over === null;
  }

  get party(): string {
    return this.#options.party;
  }

  close(): void {
    if (this.#over) return;
    this.#end(new Fault("CONNECTION_LOST", "the session was closed"), "CLOSED");
  }

  /**
   * Sends a request and resolves with its number when its answer is complete.
   *
   * @param take - Called for each message of the answer as it comes; a fault it throws ends the session.
   * @throws Fault the party's, with its code; DEADLINE_EXCEEDED, PARTY_OFFLINE, CONNECTION_LOST.
   */
  request(message: RequestOf, take: (message: EndToEndMessage) => void): Promise<number> {
    const established = this.#established;
    if (this.#over || !established)
      return Promise.reject(this.#over ?? new Fault("CONNECTION_LOST", "the session is not open"));
    const id = this.#requests++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#end(
          new Fault<ProtocolFaultCode>(
            "DEADLINE_EXCEEDED",
            `${this.#options.party} did not answer a ${message.type} request in time`,
          ),
          "DEADLINE_EXCEEDED",
        );
      }, messageLimits[message.type].deadlineMs);
      this.#pending.set(id, { resolve: () => resolve(id), reject, take, timer });
      this.#send(established.channel.seal(encodeValue({ ...message, id })));
    });
  }

  /** {@link request} for an answer of one message of this type. @throws Fault MESSAGE_INVALID for any other. */
  async ask<Type extends EndToEndMessage["type"]>(
    message: RequestOf,
    type: Type,
  ): Promise<Extract<EndToEndMessage, { type: Type }>> {
    return (await this.askNumbered(message, type)).answer;
  }

  /** {@link ask}, with the number of the request. */
  async askNumbered<Type extends EndToEndMessage["type"]>(
    message: RequestOf,
    type: Type,
  ): Promise<{ readonly request: number; readonly answer: Extract<EndToEndMessage, { type: Type }> }> {
    const answers: Extract<EndToEndMessage, { type: Type }>[] = [];
    const request = await this.request(message, (reply) => {
      if (!isOf(reply, type)) throw unexpectedAnswer(this.party);
      answers.push(reply);
    });
    const [answer] = answers;
    if (!answer) throw unexpectedAnswer(this.party);
    return { request, answer };
  }

  async #handshake(): Promise<void> {
    const { link, identity, federation, party } = this.#options;
    link.listen(this.#id, {
      message: (message) => {
        this.#receive(message);
      },
      lost: (why) => {
        this.#end(why, null);
      },
    });
    const initiator = new Initiator(identity, handshakeContext(federation, "end-to-end"));
    const timer = setTimeout(() => {
      this.#end(new Fault<ProtocolFaultCode>("DEADLINE_EXCEEDED", `${party} does not answer`), "DEADLINE_EXCEEDED");
    }, limits.handshakeTimeoutMs);
    try {
      const welcome = await new Promise<Uint8Array>((resolve, reject) => {
        this.#greeting = { resolve, reject };
        this.#send(initiator.hello);
      });
      const established = initiator.receiveWelcome(welcome);
      if (established.peer !== party)
        throw new Fault<ProtocolFaultCode>("HANDSHAKE_FAILED", `"${established.peer}" answered in place of "${party}"`);
      this.#established = established;
      this.#send(established.finish);
    } catch (error) {
      if (error instanceof Fault) this.#end(error, "HANDSHAKE_FAILED");
      throw error;
    } finally {
      clearTimeout(timer);
      this.#greeting = null;
    }
  }

  #send(body: Uint8Array): void {
    this.#options.link.send({ type: "relay", session: this.#id, peer: this.#options.party, body });
  }

  #receive(message: HopMessage): void {
    if (message.type === "hangup") {
      this.#end(hungUp(this.#options.party, message.code), null);
      return;
    }
    if (message.type !== "relay") return;
    if (!this.#established) {
      this.#greeting?.resolve(message.body);
      return;
    }
    try {
      this.#answered(decodeEndToEndMessage(this.#established.channel.open(message.body)));
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#end(error, error.code);
    }
  }

  #answered(message: EndToEndMessage): void {
    const pending = this.#pending.get(message.id);
    if (!pending) return;
    if (message.type !== "fault") pending.take(message);
    if ("last" in message && !message.last) return;
    this.#pending.delete(message.id);
    clearTimeout(pending.timer);
    if (message.type === "fault") pending.reject(new Fault(message.code, `${this.#options.party}: ${message.reason}`));
    else pending.resolve();
  }

  /** @param tell - The code for the party's end, or null when it knows. */
  #end(why: Fault, tell: string | null): void {
    if (this.#over) return;
    this.#over = why;
    this.#options.link.forget(this.#id);
    this.#greeting?.reject(why);
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(why);
    }
    this.#pending.clear();
    if (tell !== null)
      this.#options.link.tell({ type: "hangup", session: this.#id, peer: this.#options.party, code: tell });
  }
}

function hungUp(party: string, code: string): Fault {
  if (code === "PARTY_OFFLINE")
    return new Fault<ProtocolFaultCode>(
      code,
      `${party} is not connected to the coordinator; its node may not be running`,
    );
  return new Fault(code, `${party} ended the session (${code})`);
}

export function unexpectedAnswer(party: string): Fault {
  return new Fault("MESSAGE_INVALID", `${party} answered with something that was not asked for`);
}

function isOf<Type extends EndToEndMessage["type"]>(
  message: EndToEndMessage,
  type: Type,
): message is Extract<EndToEndMessage, { type: Type }> {
  return message.type === type;
}
