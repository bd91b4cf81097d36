import { hexOf } from "../../crypto/index.ts";
import {
  type Handle,
  type HostAnswer,
  type HostRequest,
  type PackedRow,
  limits,
  packHandleList,
  packSealedRows,
  unpackSealedRows,
} from "../../protocol/index.ts";
import { type EndToEndSession, unexpectedAnswer } from "../link/index.ts";
import { sealedStoreLimits } from "../sealed-store/index.ts";

/** What is at the host beside the rows. */
export type HostState = Pick<
  Extract<HostAnswer, { type: "host-state" }>,
  "revision" | "header" | "rowCount" | "readers"
>;

/** A header that came with an answer; null when the host says that it is the one known. */
export type FreshHeader = { readonly revision: number; readonly header: Uint8Array } | null;

/** Who may read, with the key as it was sealed for each. */
export type Grants = Extract<HostRequest, { type: "host-describe" }>["grants"];

export interface RemoteCollectionOptions {
  /** Opens or returns the session with the host. */
  readonly session: () => Promise<EndToEndSession>;
  /** 16 bytes. */
  readonly keyId: Uint8Array;
  /** Entries of a ciphertext. */
  readonly dim: number;
}

/**
 * A collection at its host, as seen from a member: what is sent and what came back, nothing opened. Every method throws the host's faults (COLLECTION_UNKNOWN,
 * NOT_HOSTING, STORE_FULL, STORE_UNAVAILABLE ...) and those of {@link EndToEndSession.request}.
 */
export class RemoteCollection {
  readonly #options: RemoteCollectionOptions;

  constructor(options: RemoteCollectionOptions) {
    this.#options = options;
  }

  /** @param settings - How the host is to search the vectors; `scoring` for mode `double`, otherwise null. */
  async create(settings: Pick<Extract<HostRequest, { type: "host-create" }>, "search" | "scoring">): Promise<void> {
    const { keyId: collection, dim } = this.#options;
    await this.#done({ type: "host-create", collection, dim, ...settings });
  }

  async describe(header: Uint8Array, grants: Grants): Promise<void> {
    await this.#done({ type: "host-describe", collection: this.#options.keyId, header, grants });
  }

  async open(): Promise<HostState> {
    const session = await this.#options.session();
    return session.ask({ type: "host-open", collection: this.#options.keyId }, "host-state");
  }

  async put(rows: readonly PackedRow[]): Promise<void> {
    const { keyId: collection, dim } = this.#options;
    await this.#done({ type: "host-put", collection, rows: packSealedRows(rows, dim) });
  }

  /** @param rowIds - At most `hostedBatchRowsMax`. */
  async remove(rowIds: readonly Uint8Array[]): Promise<void> {
    await this.#done({ type: "host-remove", collection: this.#options.keyId, rowIds: concatenated(rowIds) });
  }

  async erase(): Promise<void> {
    await this.#done({ type: "host-erase", collection: this.#options.keyId });
  }

  /** Row id in hex -> version, of all rows. @throws Fault MESSAGE_INVALID for a version that cannot be one. */
  async versions(): Promise<Map<string, number>> {
    const versions = new Map<string, number>();
    const session = await this.#options.session();
    for (let after = new Uint8Array(0); ;) {
      const { list } = await session.ask(
        { type: "host-versions", collection: this.#options.keyId, after },
        "host-version-list",
      );
      if (list.length === 0) return versions;
      const view = new DataView(list.buffer, list.byteOffset, list.byteLength);
      const before = versions.size;
      for (let at = 0; at < list.length; at += 24) {
        const version = Number(view.getBigUint64(at + 16, true));
        if (version < 1 || !Number.isSafeInteger(version)) throw unexpectedAnswer(session.party);
        versions.set(hexOf(list.subarray(at, at + 16)), version);
      }
      // A host that sends pages for ever must not keep its owner busy for ever.
      if (versions.size === before || versions.size > limits.hostedRowsMax) throw unexpectedAnswer(session.party);
      after = list.slice(list.length - 24, list.length - 8);
    }
  }

  /** These rows, in any order; those that are gone are left out. */
  async read(rowIds: readonly Uint8Array[]): Promise<PackedRow[]> {
    const request = { type: "host-read" as const, collection: this.#options.keyId, rowIds: concatenated(rowIds) };
    return (await this.#rows(request, rowIds.length, 0)).rows;
  }

  /**
   * @param vector - An encrypted question, shape [dim].
   * @param known - The last revision heard of, or 0.
   */
  async search(
    vector: Float32Array,
    candidates: number,
    known: number,
  ): Promise<{ readonly rows: PackedRow[]; readonly fresh: FreshHeader }> {
    const bytes = new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
    const request = { type: "host-search" as const, collection: this.#options.keyId, vector: bytes, candidates, known };
    return this.#rows(request, candidates, known);
  }

  /** @returns The scores and, in `scored`, what {@link fetch} calls them. */
  async score(
    query: Uint8Array,
    known: number,
  ): Promise<{
    readonly scored: number;
    readonly blocks: Uint8Array;
    readonly scores: Uint8Array;
    readonly fresh: FreshHeader;
  }> {
    const session = await this.#options.session();
    const request = { type: "host-score" as const, collection: this.#options.keyId, query, known };
    const { request: scored, answer } = await session.askNumbered(request, "host-scores");
    const { blocks, scores, revision, header } = answer;
    return { scored, blocks: blocks.slice(), scores, fresh: revision === known ? null : { revision, header } };
  }

  /** Rows that were scored, once; those that are gone are left out. */
  async fetch(scored: number, handles: readonly Handle[]): Promise<PackedRow[]> {
    const collection = this.#options.keyId;
    const request = { type: "host-fetch" as const, collection, scored, handles: packHandleList(handles) };
    return (await this.#rows(request, handles.length, 0)).rows;
  }

  async #rows(
    request: Parameters<EndToEndSession["request"]>[0],
    rowsMax: number,
    known: number,
  ): Promise<{ readonly rows: PackedRow[]; readonly fresh: FreshHeader }> {
    const session = await this.#options.session();
    const rows: PackedRow[] = [];
    let fresh: FreshHeader = null;
    await session.request(request, (page) => {
      if (page.type !== "host-rows") throw unexpectedAnswer(session.party);
      rows.push(...unpackSealedRows(page.rows, this.#options.dim));
      if (rows.length > rowsMax || rows.some(({ passage }) => passage.length > sealedStoreLimits.passageBytesMax))
        throw unexpectedAnswer(session.party);
      if (page.last && page.revision !== known) fresh = { revision: page.revision, header: page.header };
    });
    return { rows, fresh };
  }

  async #done(request: Parameters<EndToEndSession["ask"]>[0]): Promise<void> {
    const session = await this.#options.session();
    await session.ask(request, "host-done");
  }
}

function concatenated(rowIds: readonly Uint8Array[]): Uint8Array {
  const list = new Uint8Array(16 * rowIds.length);
  rowIds.forEach((rowId, i) => list.set(rowId, 16 * i));
  return list;
}
