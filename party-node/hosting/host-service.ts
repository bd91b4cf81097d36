import type { Logger } from "pino";
import { Fault, sodium } from "../../crypto/index.ts";
import {
  type EndToEndMessage,
  type HostAnswer,
  type HostRequest,
  type PackedRow,
  hostRequests,
  limits,
  packScoredBlocks,
  packSealedRows,
  packedRowBytes,
  unpackHandles,
  unpackSealedRows,
} from "../../protocol/index.ts";
import type { SealedStore } from "../sealed-store/index.ts";
import { blockPages } from "../serving/block-pages.ts";
import type { RequestHandler } from "../serving/request-handler.ts";
import { type HostedCollection, HostedCollections, grantOf } from "./hosted-collections.ts";
import { HostedScorers } from "./hosted-scorers.ts";

export interface HostServiceOptions {
  /** Closed by the caller. */
  readonly store: SealedStore;
  /** Members who may have collections here. */
  readonly owners: ReadonlySet<string>;
  /** 32 secret bytes of this node; the errors of hints follow from it. */
  readonly hintKey: Uint8Array;
  /** Most threads that score one `double` collection. */
  readonly threads?: number;
  readonly log: Logger;
}

type BlockRequest = Extract<EndToEndMessage, { type: "sync" | "describe" }>;
export type HostedRequest = HostRequest | (BlockRequest & { readonly collection: Uint8Array });

/** Whether a request is about collections kept for others. */
export function isHostedRequest(message: EndToEndMessage): message is HostedRequest {
  return message.type === "sync" || message.type === "describe"
    ? message.collection !== undefined
    : message.type in hostRequests;
}

/** Answers what owners and readers ask of the collections that this node keeps for them. It holds no key to any of them. */
export class HostService implements RequestHandler<HostedRequest> {
  readonly #options: HostServiceOptions;
  readonly #collections: HostedCollections;
  readonly #scorers: HostedScorers;

  private constructor(options: HostServiceOptions, collections: HostedCollections) {
    this.#options = options;
    this.#collections = collections;
    this.#scorers = new HostedScorers(options);
  }

  /** @throws Fault of the store. */
  static async open(options: HostServiceOptions): Promise<HostService> {
    return new HostService(options, await HostedCollections.open(options.store, options.owners));
  }

  async close(): Promise<void> {
    await this.#scorers.close();
  }

  handles(message: EndToEndMessage): message is HostedRequest {
    return isHostedRequest(message);
  }

  /**
   * @param session - Stands for the session; what it has had scored may be fetched in it.
   * @returns The answer's messages; what cannot be done becomes a message of type `fault`.
   */
  async *respond(member: string, session: object, request: HostedRequest): AsyncGenerator<EndToEndMessage> {
    try {
      yield* this.#respond(member, session, request);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      yield { type: "fault", id: request.id, code: error.code, reason: this.#reason(error) };
    }
  }

  async *#respond(member: string, session: object, request: HostedRequest): AsyncGenerator<EndToEndMessage> {
    const { id } = request;
    switch (request.type) {
      case "sync":
      case "describe":
        yield* blockPages(request, await this.#scorers.of(this.#collections.forReader(member, request.collection)));
        break;
      case "host-list":
        yield this.#list(member, id);
        break;
      case "host-open":
        yield await this.#state(member, id, this.#collections.forReader(member, request.collection));
        break;
      case "host-search":
        yield* this.#search(member, request);
        break;
      case "host-score":
        yield await this.#score(member, session, request);
        break;
      case "host-fetch":
        yield* this.#fetch(member, session, request);
        break;
      case "host-read": {
        const collection = this.#collections.forReader(member, request.collection);
        const rows = await this.#options.store.read(collection.id, splitIds(request.rowIds));
        yield* pages(id, rows, collection);
        break;
      }
      case "host-versions":
        yield await this.#versions(member, request);
        break;
      case "host-create":
        await this.#collections.create(member, request.collection, request);
        yield { type: "host-done", id };
        break;
      default:
        await this.#change(this.#collections.forOwner(member, request.collection), request);
        yield { type: "host-done", id };
    }
  }

  #list(member: string, id: number): HostAnswer {
    const collections = this.#collections.visibleTo(member).map((collection) => ({
      collection: sodium.from_hex(collection.id),
      owner: collection.owner,
      grant: grantOf(collection, member) ?? new Uint8Array(0),
    }));
    return { type: "host-collections", id, collections };
  }

  async #state(member: string, id: number, collection: HostedCollection): Promise<HostAnswer> {
    const { revision, header, grants } = collection.attachment;
    const rowCount = await this.#options.store.rowCount(collection.id);
    const readers = collection.owner === member ? grants.map((grant) => grant.member) : [];
    return { type: "host-state", id, revision, header, rowCount, readers };
  }

  async *#search(member: string, request: Extract<HostRequest, { type: "host-search" }>): AsyncGenerator<HostAnswer> {
    const collection = this.#collections.forReader(member, request.collection);
    const { vector: bytes, candidates } = request;
    if (bytes.length !== 4 * collection.dim)
      throw new Fault("VECTOR_INVALID", "the encrypted question has another number of entries than the collection");
    const vector = new Float32Array(bytes.slice().buffer);
    const rows = await this.#options.store.search(collection.id, { vector, candidates });
    yield* pages(request.id, rows, collection, request.known);
  }

  async #score(
    member: string,
    session: object,
    request: Extract<HostRequest, { type: "host-score" }>,
  ): Promise<HostAnswer> {
    const collection = this.#collections.forReader(member, request.collection);
    const scorer = await this.#scorers.of(collection);
    const { blocks, scores } = await scorer.score(session, request.id, request.query);
    return {
      type: "host-scores",
      id: request.id,
      blocks: packScoredBlocks(blocks),
      scores,
      ...stateSince(collection, request.known),
    };
  }

  async *#fetch(
    member: string,
    session: object,
    request: Extract<HostRequest, { type: "host-fetch" }>,
  ): AsyncGenerator<HostAnswer> {
    const collection = this.#collections.forReader(member, request.collection);
    const scorer = await this.#scorers.of(collection);
    const rowIds = scorer.takeScored(session, request.scored, unpackHandles(request.handles));
    yield* pages(request.id, await this.#options.store.read(collection.id, rowIds), collection);
  }

  async #versions(member: string, request: Extract<HostRequest, { type: "host-versions" }>): Promise<HostAnswer> {
    const { id: collectionId } = this.#collections.forOwner(member, request.collection);
    const after = request.after.length === 0 ? {} : { after: request.after };
    const page = await this.#options.store.versions(collectionId, { ...after, limit: limits.hostedVersionsMax });
    const list = new Uint8Array(24 * page.length);
    const view = new DataView(list.buffer);
    for (const [i, { rowId, version }] of page.entries()) {
      list.set(rowId, 24 * i);
      view.setBigUint64(24 * i + 16, BigInt(version), true);
    }
    return { type: "host-version-list", id: request.id, list };
  }

  async #change(
    collection: HostedCollection,
    request: Extract<HostRequest, { type: "host-describe" | "host-put" | "host-remove" | "host-erase" }>,
  ): Promise<void> {
    const { store } = this.#options;
    switch (request.type) {
      case "host-describe":
        await this.#collections.describe(collection, request);
        this.#scorers.changed(collection.id);
        break;
      case "host-put":
        await store.put(collection.id, unpackSealedRows(request.rows, collection.dim));
        break;
      case "host-remove":
        await store.remove(collection.id, splitIds(request.rowIds));
        this.#scorers.changed(collection.id);
        break;
      case "host-erase":
        await this.#collections.erase(collection);
        // Afterwards: a question in between would have it loaded again, for good.
        await this.#scorers.forget(collection.id);
    }
  }

  /** What goes over the wire: nothing of this node's paths and addresses, which a store's own words may name. */
  #reason(fault: Fault): string {
    if (!fault.code.startsWith("STORE_")) return fault.message.slice(0, 500);
    this.#options.log.warn({ code: fault.code, reason: fault.message }, "the store of hosted collections failed");
    return "the host's store could not do it; its operator finds out more in the host's log";
  }
}

/** Rows in messages of about a megabyte, each filled up to a multiple of the same size as passages are. */
function* pages(
  id: number,
  rows: readonly PackedRow[],
  collection: HostedCollection,
  known = collection.attachment.revision,
): Generator<HostAnswer> {
  const { dim } = collection;
  for (let start = 0; start === 0 || start < rows.length;) {
    let end = start;
    let size = 0;
    while (end < rows.length && size < limits.hostedBatchBytesComfortable)
      size += packedRowBytes(dim, rows[end++]!.passage.length);
    const page = packSealedRows(rows.slice(start, end), dim, limits.passagePadBytes);
    const last = end >= rows.length;
    yield {
      type: "host-rows",
      id,
      last,
      rows: page,
      ...stateSince(collection, last ? known : collection.attachment.revision),
    };
    if (last) return;
    start = end;
  }
}

/** The header, unless the reader has it. */
function stateSince({ attachment: { revision, header } }: HostedCollection, known: number) {
  return { revision, header: known === revision ? new Uint8Array(0) : header };
}

function splitIds(list: Uint8Array): Uint8Array[] {
  return Array.from({ length: list.length / 16 }, (_, i) => list.slice(16 * i, 16 * (i + 1)));
}
