import { x25519 } from "@noble/curves/ed25519.js";
import { randomBytes } from "@noble/hashes/utils.js";
import { WebSocket } from "ws";
import { type Fields, concat, decode, encode } from "./cbor.ts";
import { type FederationFile, type Member, fromBase64 as base64, readMembers } from "./federation.ts";
import { type Channel, IndependentInitiator } from "./handshake.ts";
import { type Signer, envelope, hash, openBox, openEnvelope } from "./primitives.ts";
import { QuestionKey } from "./ring.ts";

/* A querier after docs/protocol.md that imports nothing of the project's. */

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** "Federation file". */
export class IndependentFederation {
  readonly id: Uint8Array;
  readonly terms: FederationFile["founding"] & { readonly members: readonly Member[] };

  constructor(text: string, rootPublicKey: string) {
    const file = JSON.parse(text) as FederationFile;
    this.id = hash(256, base64(rootPublicKey));
    this.terms = { ...file.founding, members: readMembers(file, rootPublicKey) };
  }

  readonly publicKeyOf = (name: string): Uint8Array | null => {
    const member = this.terms.members.find((one) => one.name === name);
    return member ? base64(member.publicKey) : null;
  };

  has(name: string, role: string): boolean {
    return this.terms.members.some((member) => member.name === name && member.roles.includes(role));
  }
}

/** What is said, in order, to somebody who waits for one thing after the other. */
class Inbox<T> {
  readonly #items: T[] = [];
  #wake: () => void = () => undefined;
  #ended: Error | null = null;

  readonly put = (item: T): void => {
    this.#items.push(item);
    this.#wake();
  };

  readonly end = (why: Error): void => {
    this.#ended = why;
    this.#wake();
  };

  async take(): Promise<T> {
    while (this.#items.length === 0) {
      if (this.#ended) throw this.#ended;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    return this.#items.shift()!;
  }
}

interface Block {
  readonly block: number;
  readonly version: Uint8Array;
  readonly occupied: Uint8Array;
  readonly hint: Uint8Array;
  readonly passages: Uint8Array;
}

/** "Blocks and their versions": 16 bytes. */
const versionOf = ({ block, occupied, hint, passages }: Block): Uint8Array => {
  const description = hash(256, encode(["sotto/3 description", occupied, hint]));
  return hash(128, encode(["sotto/3 block", block, description, passages]));
};

/** The root to which a passage's leaf leads. */
function rootOf(leaf: Uint8Array, slot: number, path: Uint8Array): Uint8Array {
  let node = leaf;
  for (let level = 0; 32 * level < path.length; level++) {
    const sibling = path.subarray(32 * level, 32 * level + 32);
    const pair = (slot >> level) & 1 ? [sibling, node] : [node, sibling];
    node = hash(256, concat(Uint8Array.of(1), ...pair));
  }
  return node;
}

/** "End-to-end sessions". */
class Session {
  readonly #say: (message: Fields) => void;
  readonly #inbox: Inbox<Uint8Array>;
  readonly #channel: Channel;
  #requests = 0;

  private constructor(say: (message: Fields) => void, inbox: Inbox<Uint8Array>, channel: Channel) {
    this.#say = say;
    this.#inbox = inbox;
    this.#channel = channel;
  }

  static async open(client: IndependentQuerier, party: string): Promise<Session> {
    const session = randomBytes(16);
    const inbox = client.listen(session);
    const relay = (body: Uint8Array): void => client.send({ type: "relay", session, peer: party, body });
    const initiator = client.initiator("end-to-end");
    relay(initiator.hello);
    const channel = initiator.welcomed(await inbox.take());
    if (channel.peer !== party) throw new Error("another answers");
    relay(channel.finish);
    return new Session((message) => relay(channel.sender.seal(encode(message))), inbox, channel);
  }

  /** All messages of the answer. */
  async request(message: Fields): Promise<Fields[]> {
    this.#say({ ...message, id: this.#requests++ });
    const answers: Fields[] = [];
    do answers.push(decode(this.#channel.receiver.open(await this.#inbox.take())) as Fields);
    while (answers.at(-1)?.["last"] === false);
    return answers;
  }

  async blocks(): Promise<Block[]> {
    const pages = await this.request({ type: "sync", held: new Uint8Array(0) });
    const blocks = pages.flatMap((page) => page["blocks"] as unknown as Block[]);
    for (const block of blocks)
      if (hex(versionOf(block)) !== hex(block.version)) throw new Error("a block misdescribed");
    return blocks;
  }
}

export interface Row {
  readonly party: string;
  readonly block: number;
  readonly slot: number;
  readonly score: number;
}

export class IndependentQuerier {
  readonly roster: readonly string[];
  readonly #federation: IndependentFederation;
  readonly #self: Signer;
  readonly #socket: WebSocket;
  readonly #channel: Channel;
  readonly #sessions = new Map<string, Inbox<Uint8Array>>();
  readonly #parties = new Map<string, Session>();
  readonly #replies = new Inbox<Fields>();
  /** Blocks as they were scored last. */
  readonly #scored = new Map<string, Block>();

  private constructor(
    federation: IndependentFederation,
    self: Signer,
    hop: { socket: WebSocket; channel: Channel; roster: readonly string[] },
  ) {
    this.#federation = federation;
    this.#self = self;
    this.roster = hop.roster;
    this.#socket = hop.socket;
    this.#channel = hop.channel;
  }

  /** Handshake and roster. @param ca - For `wss`. */
  static async connect(
    url: string,
    federation: IndependentFederation,
    self: Signer,
    options: { readonly ca?: string; readonly protocol?: number } = {},
  ): Promise<IndependentQuerier> {
    const { ca, protocol } = options;
    const socket = new WebSocket(url, { perMessageDeflate: false, ...(ca === undefined ? {} : { ca }) });
    const inbox = new Inbox<Uint8Array>();
    socket.on("message", (data) => {
      inbox.put(new Uint8Array(data as Buffer));
    });
    socket.on("close", (_, reason) => {
      inbox.end(new Error(reason.toString()));
    });
    await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
    const { id: federationId, publicKeyOf } = federation;
    const offered = protocol === undefined ? {} : { protocol };
    const initiator = new IndependentInitiator({ layer: "hop", federationId, self, publicKeyOf, ...offered });
    socket.send(initiator.hello);
    const channel = initiator.welcomed(await inbox.take());
    if (!federation.has(channel.peer, "coordinator")) throw new Error("no coordinator answers");
    socket.send(channel.finish);
    const first = decode(channel.receiver.open(await inbox.take())) as { type: string; parties: string[] };
    if (first.type !== "roster") throw new Error("no roster");
    const client = new IndependentQuerier(federation, self, { socket, channel, roster: first.parties });
    void client.#receive(inbox);
    return client;
  }

  initiator(layer: "hop" | "end-to-end"): IndependentInitiator {
    const { id: federationId, publicKeyOf } = this.#federation;
    return new IndependentInitiator({ layer, federationId, self: this.#self, publicKeyOf });
  }

  send(message: Fields): void {
    this.#socket.send(this.#channel.sender.seal(encode(message)));
  }

  listen(session: Uint8Array): Inbox<Uint8Array> {
    const inbox = new Inbox<Uint8Array>();
    this.#sessions.set(hex(session), inbox);
    return inbox;
  }

  /** "Query and answer": the rows of all parties, best first, and how to fetch them. */
  async ask(vector: readonly number[]): Promise<{ rows: Row[]; fetch: (row: Row) => Promise<Fields[]> }> {
    const { id, terms, publicKeyOf } = this.#federation;
    const key = new QuestionKey({ ...terms.scoring, seed: base64(terms.scoring.seed) });
    const answerKey = randomBytes(32);
    const queryId = randomBytes(16);
    const value = {
      queryId,
      issuedAtMs: Date.now(),
      answerKey: x25519.getPublicKey(answerKey),
      query: key.encrypt(vector),
    };
    const body = envelope("query", id, value, this.#self);
    this.send({ type: "query", queryId, deadlineMs: 30_000, parties: this.roster, body });
    const rows: Row[] = [];
    for (const _ of this.roster) {
      const reply = (await this.#replies.take()) as { type: string; party: string; body: Uint8Array };
      if (reply.type !== "answer") throw new Error(`${reply.type} of ${reply.party}`);
      const said = openEnvelope("answer", id, reply.body, reply.party, publicKeyOf(reply.party)!) as Fields;
      if (hex(said["queryId"] as Uint8Array) !== hex(queryId)) throw new Error("another query's answer");
      if (hex(said["queryHash"] as Uint8Array) !== hex(hash(256, body))) throw new Error("another query's answer");
      const list = decode(openBox(said["sealed"] as Uint8Array, answerKey)) as Record<"blocks" | "scores", Uint8Array>;
      rows.push(...(await this.#rows(reply.party, list, key)));
    }
    const fetch = async ({ party, block, slot }: Row): Promise<Fields[]> => {
      const handles = Buffer.alloc(256, 0xff);
      handles.writeUInt32LE(block, 0);
      handles.writeUInt32LE(slot, 4);
      const [answer] = await (
        await this.#session(party)
      ).request({ type: "fetch", queryId, handles: new Uint8Array(handles) });
      if (answer?.["type"] !== "passages") throw new Error(answer?.["code"] as string);
      const padded = Buffer.from(answer["padded"] as Uint8Array);
      if (padded.length % 32_768 !== 0) throw new Error("not padded");
      const delivered = decode(padded.subarray(0, padded.lastIndexOf(0x80))) as Fields;
      const statement = delivered["statement"] as Uint8Array;
      const signed = openEnvelope("passages", id, statement, party, publicKeyOf(party)!) as Fields;
      if (hex(signed["queryHash"] as Uint8Array) !== hex(hash(256, body))) throw new Error("another query's passages");
      const passages = delivered["passages"] as Fields[];
      for (const [i, row] of (signed["rows"] as (Fields & { readonly block: number })[]).entries()) {
        const { salt, documentId, title, text, ordinal, place, offset } = passages[i]!;
        const items: Parameters<typeof encode>[0][] = [salt!, documentId!, title!, text!, ordinal!];
        if (place !== undefined || offset !== undefined) items.push(place ?? null, offset ?? null);
        const leaf = hash(256, concat(Uint8Array.of(0), encode(items)));
        if (hex(leaf) !== hex(row["leaf"] as Uint8Array)) throw new Error("other words than were signed");
        const known = this.#scored.get(`${party}/${String(row.block)}`);
        if (!known || hex(known.version) !== hex(row["version"] as Uint8Array)) throw new Error("not what was scored");
        const root = rootOf(leaf, row["slot"] as number, row["path"] as Uint8Array);
        if (hex(root) !== hex(known.passages)) throw new Error("a passage that the block does not hold");
      }
      return passages;
    };
    return { rows: rows.sort((a, b) => b.score - a.score), fetch };
  }

  /** Takes nothing more from the socket. */
  pause(): void {
    this.#socket.pause();
  }

  close(): void {
    this.#socket.terminate();
  }

  async #rows(party: string, list: Record<"blocks" | "scores", Uint8Array>, key: QuestionKey): Promise<Row[]> {
    const known = await (await this.#session(party)).blocks();
    const [numbers, count] = [Buffer.from(list.blocks), list.blocks.length / 20];
    const bytes = list.scores.length / count;
    return Array.from({ length: count }, (_, i) => {
      const version = hex(list.blocks.subarray(20 * i + 4, 20 * i + 20));
      const described = known.find((one) => hex(one.version) === version);
      if (described?.block !== numbers.readUInt32LE(20 * i)) throw new Error("a block that is not described");
      this.#scored.set(`${party}/${String(described.block)}`, described);
      const { block, hint, occupied } = described;
      return key
        .read(list.scores.subarray(i * bytes, (i + 1) * bytes), hint)
        .map((score, slot) => ({ party, block, slot, score }))
        .filter(({ slot }) => (occupied[slot >> 3]! >> (slot & 7)) & 1);
    }).flat();
  }

  async #session(party: string): Promise<Session> {
    const session = this.#parties.get(party) ?? (await Session.open(this, party));
    this.#parties.set(party, session);
    return session;
  }

  async #receive(inbox: Inbox<Uint8Array>): Promise<void> {
    try {
      for (;;) {
        const message = decode(this.#channel.receiver.open(await inbox.take())) as Fields;
        if (message["type"] === "relay")
          this.#sessions.get(hex(message["session"] as Uint8Array))?.put(message["body"] as Uint8Array);
        else if (message["type"] === "hangup")
          this.#sessions.get(hex(message["session"] as Uint8Array))?.end(new Error(message["code"] as string));
        else if (message["type"] === "answer" || message["type"] === "refusal") this.#replies.put(message);
      }
    } catch (error) {
      this.#replies.end(error as Error);
      for (const session of this.#sessions.values()) session.end(error as Error);
    }
  }
}
