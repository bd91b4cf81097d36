import { type BlockDescription, Fault, type RingLayout, type ScoringFaultCode, sodium } from "../../crypto/index.ts";
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
  unpackScoredBlocks,
} from "../../protocol/index.ts";
import type { CoordinatorLink } from "./coordinator-link.ts";
import { KnownBlocks } from "./known-blocks.ts";

type Request = Extract<EndToEndMessage, { type: "sync" | "describe" | "fetch" }>;

interface Pending {
  readonly resolve: () => void;
  readonly reject: (why: Fault) => void;
  readonly take: (message: EndToEndMessage) => void;
  readonly timer: NodeJS.Timeout;
}

export interface PartySessionOptions {
  readonly link: CoordinatorLink;
  readonly party: string;
  readonly identity: Identity;
  readonly federation: Federation;
  readonly layout: RingLayout;
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
  readonly #known = new KnownBlocks();
  /** The present blocks as the latest answer listed them. */
  #list: Uint8Array | null = null;
  #established: Established | null = null;
  #greeting: { readonly resolve: (welcome: Uint8Array) => void; readonly reject: (why: Fault) => void } | null = null;
  /** Ends when all lists of blocks so far are taken in. */
  #turn: Promise<unknown> = Promise.resolve();
  #requests = 0;
  #over: Fault | null = null;

  private constructor(options: PartySessionOptions) {
    this.#options = options;
  }

  /**
   * @param known - Blocks of the same party from an earlier session, at most `blocksPerPartyMax`: their hints are not downloaded again.
   * @throws Fault HANDSHAKE_FAILED, PARTY_OFFLINE, CONNECTION_LOST, DEADLINE_EXCEEDED.
   */
  static async open(options: PartySessionOptions, known: readonly BlockDescription[]): Promise<PartySession> {
    const session = new PartySession(options);
    await session.#handshake();
    try {
      await session.#sync(known);
    } catch (error) {
      session.close();
      throw error;
    }
    return session;
  }

  get usable(): boolean {
    return this.#over === null;
  }

  /** The party's blocks as it listed them last; another array when they have changed. */
  get blocks(): readonly BlockDescription[] {
    return this.#known.present;
  }

  /**
   * The blocks that an answer lists, in its order. Descriptions of versions not known are downloaded, all of them, whatever the question was; and since
   * an answer lists every block the party has, the others are no longer present.
   *
   * @param list - As {@link unpackScoredBlocks} takes it; kept.
   * @throws Fault ANSWER_MALFORMED when a block is listed twice, or as the party does not describe it.
   */
  async blocksOf(list: Uint8Array): Promise<readonly BlockDescription[]> {
    if (this.#list && Buffer.compare(list, this.#list) === 0) return this.#known.present;
    const taken = this.#turn.then(() => this.#takeList(list));
    this.#turn = taken.catch(() => undefined);
    return taken;
  }

  /** Passages for rows that this query has scored; those that are gone are left out. Fetch once a query. @throws Fault FETCH_EXPIRED, PARTY_OFFLINE, DEADLINE_EXCEEDED. */
  async fetch(queryId: Uint8Array, handles: readonly Handle[]): Promise<FetchedPassage[]> {
    let padded = new Uint8Array(0);
    await this.#request(
      (id) => ({ type: "fetch", id, queryId, handles: packHandles(handles) }),
      (reply) => {
        if (reply.type !== "passages") throw unexpected(this.#options.party);
        padded = reply.padded.slice();
      },
    );
    let list: Uint8Array;
    try {
      list = sodium.unpad(padded, limits.passagePadBytes);
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

  /** Downloads the descriptions of all present blocks, and the hints of those that are not known from an earlier session. */
  async #sync(known: readonly BlockDescription[]): Promise<void> {
    const hints = new Map(known.filter((block) => this.#isComplete(block)).map(({ version, hint }) => [version, hint]));
    const synced = new Map<string, BlockDescription>();
    await this.#request(
      (id) => ({ type: "sync", id, held: versionList([...hints.keys()]) }),
      (page) => {
        for (const block of this.#describedIn(page)) {
          if (synced.size >= limits.blocksPerPartyMax) throw unexpected(this.#options.party);
          const complete = this.#isComplete(block) ? block : { ...block, hint: hints.get(block.version) ?? block.hint };
          if (!this.#isComplete(complete)) throw this.#hintMissing();
          synced.set(block.version, complete);
        }
      },
    );
    this.#become([...synced.values()]);
  }

  async #takeList(list: Uint8Array): Promise<readonly BlockDescription[]> {
    const { party } = this.#options;
    const listed = unpackScoredBlocks(list);
    if (new Set(listed.map(({ block }) => block)).size !== listed.length)
      throw new Fault("ANSWER_MALFORMED", `${party} scored a block twice`);
    const unknown = listed.filter(({ version }) => !this.#known.get(version));
    const downloaded = await this.#describe(unknown.map(({ version }) => version));
    const blocks = listed.map(({ block, version }) => {
      const described = this.#known.get(version) ?? downloaded.get(version);
      if (described?.block !== block)
        throw new Fault("ANSWER_MALFORMED", `${party} scored a block that it does not describe`);
      return described;
    });
    this.#become(blocks);
    this.#list = list;
    return blocks;
  }

  async #describe(versions: readonly string[]): Promise<ReadonlyMap<string, BlockDescription>> {
    const wanted = new Set(versions);
    const described = new Map<string, BlockDescription>();
    if (wanted.size === 0) return described;
    await this.#request(
      (id) => ({ type: "describe", id, versions: versionList([...wanted]) }),
      (page) => {
        for (const block of this.#describedIn(page)) {
          if (!wanted.has(block.version)) throw unexpected(this.#options.party);
          if (!this.#isComplete(block)) throw this.#hintMissing();
          described.set(block.version, block);
        }
      },
    );
    return described;
  }

  /** A block without its hint would be remembered, and named as held, for as long as its version lasts. */
  #isComplete({ hint }: BlockDescription): boolean {
    const { federation, layout } = this.#options;
    return hint.length === (federation.terms.mode === "clear" ? 0 : layout.hintBytes);
  }

  #hintMissing(): Fault {
    return new Fault<ScoringFaultCode>("HINT_MALFORMED", `${this.#options.party} described a block without its hint`);
  }

  #become(blocks: readonly BlockDescription[]): void {
    if (this.#known.replace(blocks)) this.#options.onBlocks();
  }

  /** Checks each page as it comes: what does not fit the federation's layout is not kept. */
  #describedIn(page: EndToEndMessage): BlockDescription[] {
    if (page.type !== "blocks") throw unexpected(this.#options.party);
    const { rowsPerBlock, hintBytes } = this.#options.layout;
    return page.blocks.map(({ block, version, occupied, hint }) => {
      if (occupied.length !== rowsPerBlock / 8 || (hint.length !== 0 && hint.length !== hintBytes))
        throw unexpected(this.#options.party);
      // The bytes are a view of the whole message; a copy lets the rest of it go.
      return { block, version: sodium.to_hex(version), occupied: occupied.slice(), hint: hint.slice() };
    });
  }

  /** @param take - Called for each message of the answer as it comes; a fault it throws ends the session. */
  #request(make: (id: number) => Request, take: (message: EndToEndMessage) => void): Promise<void> {
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
      this.#pending.set(message.id, { resolve, reject, take, timer });
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
    if (message.type !== "fault") pending.take(message);
    if (message.type === "blocks" && !message.last) return;
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

function versionList(versions: readonly string[]): Uint8Array {
  return new Uint8Array(Buffer.from(versions.join(""), "hex"));
}

function unexpected(party: string): Fault {
  return new Fault("MESSAGE_INVALID", `${party} answered with something that was not asked for`);
}
