import { Fault, sodium } from "../../crypto/index.ts";
import {
  type EndToEndMessage,
  type Established,
  type Federation,
  type FetchedPassage,
  type HopMessage,
  type Identity,
  Responder,
  decodeEndToEndMessage,
  encodeValue,
  handshakeContext,
  limits,
  unpackHandles,
} from "../../protocol/index.ts";
import type { PassageStore } from "../store/store.ts";
import type { Collection } from "./collection.ts";
import type { QueryService } from "./query-service.ts";

type Relay = Extract<HopMessage, { type: "relay" }>;

type Session =
  | { readonly stage: "greeted"; readonly responder: Responder }
  | { readonly stage: "open"; readonly established: Established };

export interface SessionServiceOptions {
  readonly identity: Identity;
  readonly federation: Federation;
  readonly collection: Collection;
  readonly queries: QueryService;
  readonly store: PassageStore;
  readonly send: (message: HopMessage) => void;
}

/** Bytes left in a frame for everything around the passages. */
const FRAME_MARGIN_BYTES = 64 * 1024;

/**
 * The party's end of its sessions with queriers, which run through the coordinator but are encrypted past it: hints out, handles in, passages out.
 */
export class SessionService {
  readonly #options: SessionServiceOptions;
  readonly #sessions = new Map<string, Session>();

  constructor(options: SessionServiceOptions) {
    this.#options = options;
  }

  /** Handles one relayed message; a fault ends that session and nothing else. */
  receive({ session: id, peer, body }: Relay): void {
    const key = sodium.to_hex(id);
    try {
      this.#receive(key, body, (bytes) => {
        this.#options.send({ type: "relay", session: id, peer, body: bytes });
      });
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#sessions.delete(key);
      this.#options.send({ type: "hangup", session: id, peer, code: error.code });
    }
  }

  hangup(id: Uint8Array): void {
    this.#sessions.delete(sodium.to_hex(id));
  }

  /** The connection to the coordinator is gone, and every session with it. */
  clear(): void {
    this.#sessions.clear();
  }

  #receive(key: string, body: Uint8Array, reply: (bytes: Uint8Array) => void): void {
    const session = this.#sessions.get(key);
    if (!session) {
      if (this.#sessions.size >= limits.partySessionsMax) throw new Fault("LIMIT_EXCEEDED", "too many sessions");
      const responder = new Responder(this.#options.identity, handshakeContext(this.#options.federation, "end-to-end"));
      reply(responder.receiveHello(body));
      this.#sessions.set(key, { stage: "greeted", responder });
    } else if (session.stage === "greeted") {
      const established = session.responder.receiveFinish(body);
      if (!this.#options.federation.hasRole(established.peer, "querier"))
        throw new Fault("WRONG_ROLE", "the peer is not a querier of this federation");
      this.#sessions.set(key, { stage: "open", established });
    } else {
      const { channel, peer } = session.established;
      for (const message of this.#respond(peer, decodeEndToEndMessage(channel.open(body))))
        reply(channel.seal(encodeValue(message)));
    }
  }

  *#respond(querier: string, message: EndToEndMessage): Generator<EndToEndMessage> {
    switch (message.type) {
      case "sync":
        yield* this.#blocks(message);
        break;
      case "fetch":
        yield this.#passages(querier, message);
        break;
      default:
        throw new Fault("MESSAGE_UNKNOWN", `a querier does not send ${message.type}`);
    }
  }

  *#blocks({ id, held, wanted }: Extract<EndToEndMessage, { type: "sync" }>): Generator<EndToEndMessage> {
    const blocks = this.#options.collection.describe(versionSet(held), versionSet(wanted));
    for (let start = 0; start === 0 || start < blocks.length; start += limits.blocksPerMessageMax) {
      const page = blocks.slice(start, start + limits.blocksPerMessageMax);
      const last = start + page.length >= blocks.length;
      yield {
        type: "blocks",
        id,
        last,
        blocks: page.map((block) => ({ ...block, version: sodium.from_hex(block.version) })),
      };
    }
  }

  /** Always one message padded to a multiple of the same size, so that its length says as little as possible about what was wanted. */
  #passages(querier: string, { id, queryId, handles }: Extract<EndToEndMessage, { type: "fetch" }>): EndToEndMessage {
    const snapshot = this.#options.queries.takeFetchable(querier, queryId);
    if (!snapshot)
      return {
        type: "fault",
        id,
        code: "FETCH_EXPIRED",
        reason: "the party does not know this query, or its passages were fetched already",
      };
    const passages: FetchedPassage[] = [];
    let room = limits.frameBytesMax - limits.passagePadBytes - FRAME_MARGIN_BYTES;
    for (const { block, slot } of unpackHandles(handles)) {
      const rowId = snapshot.rowAt(block, slot);
      const stored = rowId === null ? undefined : this.#options.store.passages([rowId])[0];
      if (!stored) continue;
      const passage = {
        block,
        slot,
        documentId: stored.documentId,
        title: stored.title,
        text: stored.text,
        ordinal: stored.ordinal,
      };
      room -= encodeValue(passage).length;
      if (room >= 0) passages.push(passage);
    }
    return { type: "passages", id, padded: sodium.pad(encodeValue(passages), limits.passagePadBytes) };
  }
}

/** The 16-byte versions in a list of them, as hex. */
function versionSet(list: Uint8Array): Set<string> {
  const versions = new Set<string>();
  for (let at = 0; at < list.length; at += 16) versions.add(sodium.to_hex(list.subarray(at, at + 16)));
  return versions;
}
