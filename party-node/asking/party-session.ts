import { type BlockDescription, Fault, sodium } from "../../crypto/index.ts";
import {
  type EndToEndMessage,
  type Established,
  type Federation,
  type FetchedPassage,
  type Handle,
  type HopMessage,
  type Identity,
  Initiator,
  type ProtocolFaultCode,
  decodeEndToEndMessage,
  decodeValue,
  encodeValue,
  handshakeContext,
  limits,
  messageLimits,
  packHandles,
  passageList,
} from "../../protocol/index.ts";
import type { CoordinatorLink } from "./coordinator-link.ts";

type Request = Extract<EndToEndMessage, { type: "sync" | "fetch" }>;

interface Pending {
  readonly resolve: (messages: EndToEndMessage[]) => void;
  readonly reject: (why: Fault) => void;
  readonly received: EndToEndMessage[];
  readonly timer: NodeJS.Timeout;
}

export interface PartySessionOptions {
  readonly link: CoordinatorLink;
  readonly party: string;
  readonly identity: Identity;
  readonly federation: Federation;
  /** Called when the party's present blocks have changed. */
  readonly onBlocks: () => void;
}

/**
 * The querier's end of its session with one party, through the coordinator but encrypted past it. Keeps what the querier knows of the party's blocks.
 * A broken session is not mended; its owner opens another and hands the known blocks on.
 */
export class PartySession {
  readonly #options: PartySessionOptions;
  readonly #id = sodium.randombytes_buf(16);
  readonly #pending = new Map<number, Pending>();
  readonly #blocks: Map<string, BlockDescription & { readonly current: boolean }>;
  #established: Established | null = null;
  #greeting: { readonly resolve: (welcome: Uint8Array) => void; readonly reject: (why: Fault) => void } | null = null;
  #syncing: Promise<void> | null = null;
  #requests = 0;
  #over: Fault | null = null;

  private constructor(options: PartySessionOptions, known: PartySession | null) {
    this.#options = options;
    this.#blocks = new Map(known ? known.#blocks : []);
  }

  /**
   * @param known - An earlier session with the same party: hints it downloaded are not downloaded again.
   * @throws Fault HANDSHAKE_FAILED, PARTY_OFFLINE, CONNECTION_LOST, DEADLINE_EXCEEDED.
   */
  static async open(options: PartySessionOptions, known: PartySession | null = null): Promise<PartySession> {
    const session = new PartySession(options, known);
    await session.#handshake();
    await session.sync();
    return session;
  }

  get usable(): boolean {
    return this.#over === null;
  }

  /** The party's blocks as last synchronised. */
  get blocks(): BlockDescription[] {
    return [...this.#blocks.values()].filter(({ current }) => current);
  }

  /** The block of this version, if its hint has been downloaded. */
  block(version: string): BlockDescription | null {
    return this.#blocks.get(version) ?? null;
  }

  /**
   * Downloads what has changed: descriptions of all present blocks, hints of new versions only.
   *
   * @param wanted - Versions met in an answer and not known.
   */
  async sync(wanted: readonly string[] = []): Promise<void> {
    while (this.#syncing) await this.#syncing;
    this.#syncing = this.#sync(wanted).finally(() => {
      this.#syncing = null;
    });
    await this.#syncing;
  }

  /** Passages for rows that this query has scored; those that are gone are left out. Fetch once a query. @throws Fault FETCH_EXPIRED, PARTY_OFFLINE, DEADLINE_EXCEEDED. */
  async fetch(queryId: Uint8Array, handles: readonly Handle[]): Promise<FetchedPassage[]> {
    const [reply] = await this.#request((id) => ({ type: "fetch", id, queryId, handles: packHandles(handles) }));
    if (reply?.type !== "passages") throw unexpected(this.#options.party);
    let list: Uint8Array;
    try {
      list = sodium.unpad(reply.padded, limits.passagePadBytes);
    } catch (cause) {
      throw new Fault<ProtocolFaultCode>(
        "MESSAGE_INVALID",
        `${this.#options.party} sent passages without padding`,
        cause,
      );
    }
    return decodeValue(passageList, list);
  }

  close(): void {
    if (this.#over) return;
    this.#end(new Fault("CONNECTION_LOST", "the session was closed"), "CLOSED");
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

  async #sync(wanted: readonly string[]): Promise<void> {
    const list = (versions: Iterable<string>): Uint8Array => sodium.from_hex([...versions].join(""));
    const replies = await this.#request((id) => ({
      type: "sync",
      id,
      held: list(this.#blocks.keys()),
      wanted: list(wanted),
    }));
    const held = new Map(this.#blocks);
    this.#blocks.clear();
    for (const reply of replies) {
      if (reply.type !== "blocks") throw unexpected(this.#options.party);
      for (const { version, hint, ...block } of reply.blocks) {
        const name = sodium.to_hex(version);
        this.#blocks.set(name, {
          ...block,
          version: name,
          hint: hint.length > 0 ? hint.slice() : (held.get(name)?.hint ?? hint),
        });
      }
    }
    this.#options.onBlocks();
  }

  /** @returns All messages of the answer, in order. */
  #request(make: (id: number) => Request): Promise<EndToEndMessage[]> {
    const established = this.#established;
    if (this.#over || !established) return Promise.reject(this.#over ?? unexpected(this.#options.party));
    const message = make(this.#requests++);
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
      this.#pending.set(message.id, { resolve, reject, received: [], timer });
      this.#send(established.channel.seal(encodeValue(message)));
    });
  }

  #send(body: Uint8Array): void {
    this.#options.link.send({ type: "relay", session: this.#id, peer: this.#options.party, body });
  }

  #receive(message: HopMessage): void {
    if (message.type === "hangup") {
      this.#end(new Fault(message.code, `${this.#options.party} ended the session (${message.code})`), null);
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
    pending.received.push(message);
    if (message.type === "blocks" && !message.last) return;
    this.#pending.delete(message.id);
    clearTimeout(pending.timer);
    if (message.type === "fault") pending.reject(new Fault(message.code, `${this.#options.party}: ${message.reason}`));
    else pending.resolve(pending.received);
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
    if (tell !== null) {
      try {
        this.#options.link.send({ type: "hangup", session: this.#id, peer: this.#options.party, code: tell });
      } catch {
        // The connection is gone; so is the party's end of the session.
      }
    }
  }
}

function unexpected(party: string): Fault {
  return new Fault("MESSAGE_INVALID", `${party} answered with something that was not asked for`);
}
