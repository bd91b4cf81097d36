import { Fault, sodium } from "../../crypto/index.ts";
import {
  type Federation,
  type HopMessage,
  type Identity,
  limits,
  openSigned,
  queryBody,
  seal,
} from "../../protocol/index.ts";
import type { Collection, ScoredSnapshot } from "./collection.ts";

type Query = Extract<HopMessage, { type: "query" }>;
type Reply = Extract<HopMessage, { type: "answer" | "refusal" }>;

export type QueryServiceFaultCode = "BUSY" | "QUERY_REPEATED" | "QUERY_MISLABELLED";

interface Fetchable {
  readonly querier: string;
  readonly snapshot: ScoredSnapshot;
  readonly until: number;
}

export interface QueryServiceOptions {
  readonly identity: Identity;
  readonly federation: Federation;
  readonly collection: Collection;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

/**
 * Answers signed queries one after the other, and remembers for a short while which rows each of them scored: only those can be fetched, once, by
 * the same querier.
 */
export class QueryService {
  readonly #options: QueryServiceOptions;
  readonly #fetchable = new Map<string, Fetchable>();
  readonly #cancelled = new Map<string, AbortController>();
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(options: QueryServiceOptions) {
    this.#options = options;
  }

  /** Never rejects for anything a peer did: a fault becomes a refusal. */
  async answer(message: Query): Promise<Reply> {
    const { queryId } = message;
    const party = this.#options.identity.name;
    try {
      return { type: "answer", queryId, party, body: await this.#answer(message) };
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      return { type: "refusal", queryId, party, code: error.code, reason: error.message.slice(0, 500) };
    }
  }

  cancel(queryId: Uint8Array): void {
    this.#cancelled.get(sodium.to_hex(queryId))?.abort();
  }

  /** The snapshot this querier may fetch from, once; null when there is none. */
  takeFetchable(querier: string, queryId: Uint8Array): ScoredSnapshot | null {
    const key = sodium.to_hex(queryId);
    const fetchable = this.#fetchable.get(key);
    if (fetchable?.querier !== querier || fetchable.until < this.#options.now()) return null;
    this.#fetchable.delete(key);
    return fetchable.snapshot;
  }

  async #answer({ queryId, body, deadlineMs }: Query): Promise<Uint8Array> {
    const { federation, identity, now } = this.#options;
    const { querier, query } = this.#openQuery(queryId, body);
    const key = sodium.to_hex(queryId);
    if (this.#fetchable.has(key) || this.#cancelled.has(key))
      throw new Fault<QueryServiceFaultCode>("QUERY_REPEATED", "this query has been answered already");
    if (this.#waiting >= limits.queriesQueuedMax)
      throw new Fault<QueryServiceFaultCode>("BUSY", "too many queries are waiting; ask again in a few seconds");
    const abort = new AbortController();
    const expires = now() + deadlineMs;
    this.#cancelled.set(key, abort);
    try {
      const snapshot = await this.#inTurn(() => {
        if (now() > expires) abort.abort();
        return this.#options.collection.score(query, abort.signal);
      });
      this.#remember(key, { querier, snapshot, until: now() + limits.fetchWindowMs });
      const blocks = snapshot.answer.blocks.map(({ block, version }) => [block, sodium.from_hex(version)]);
      const queryHash = sodium.crypto_generichash(32, body, null);
      return seal("answer", federation.id, { queryId, queryHash, blocks, scores: snapshot.answer.scores }, identity);
    } finally {
      this.#cancelled.delete(key);
    }
  }

  /** The coordinator only carries the query: who asks is proved to the party itself. */
  #openQuery(queryId: Uint8Array, body: Uint8Array): { readonly querier: string; readonly query: Uint8Array } {
    const { federation } = this.#options;
    const querierKey = (name: string): Uint8Array | null =>
      federation.hasRole(name, "querier") ? federation.publicKeyOf(name) : null;
    const { signer, value } = openSigned("query", federation.id, queryBody, body, querierKey);
    if (!sodium.memcmp(value.queryId, queryId))
      throw new Fault<QueryServiceFaultCode>(
        "QUERY_MISLABELLED",
        "the query was signed under another id than it was sent with",
      );
    return { querier: signer, query: value.query };
  }

  async #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#waiting++;
    const mine = this.#turn.then(work, work);
    this.#turn = mine.catch(() => undefined);
    try {
      return await mine;
    } finally {
      this.#waiting--;
    }
  }

  #remember(key: string, fetchable: Fetchable): void {
    for (const [old, { until, querier }] of this.#fetchable) {
      const crowded = querier === fetchable.querier && this.#fetchable.size >= limits.fetchableQueriesMax;
      if (until < this.#options.now() || crowded) this.#fetchable.delete(old);
    }
    this.#fetchable.set(key, fetchable);
  }
}
