import { Fault, type IndexAnswer, type PresentBlock, sodium, hexOf } from "../../crypto/index.ts";
import type { AuditSink } from "../../operation/audit/index.ts";
import { querySpan } from "../../operation/tracing/index.ts";
import {
  type Federation,
  type HopMessage,
  type Identity,
  limits,
  openSigned,
  type QueryBody,
  type ScoredBlock,
  encodeValue,
  packScoredBlocks,
  queryBody,
  seal,
} from "../../protocol/index.ts";
import type { LastAsked, Share, ShareMaker, SharedQueryBody } from "../vertical/index.ts";
import type { Collection, CommittedRow, ScoredSnapshot } from "./collection.ts";
import type { QueryBudget } from "./query-budget.ts";
import type { QuerierRights } from "./rights.ts";

type Query = Extract<HopMessage, { type: "query" }>;
type Reply = Extract<HopMessage, { type: "answer" | "share" | "refusal" }>;
/** What is said of the scores: an answer, or in a vertical federation a share. */
type Said = { readonly type: "answer"; readonly body: Uint8Array } | ({ readonly type: "share" } & Share);

export type QueryServiceFaultCode =
  "BUSY" | "QUERY_REPEATED" | "QUERY_MISLABELLED" | "QUERY_OUT_OF_TIME" | "QUERY_MALFORMED";

/** What can be fetched of an answered query. */
export interface ScoredRows {
  /** BLAKE2b-256 of the signed query. */
  readonly queryHash: Uint8Array;
  /** @returns The row that was scored there, or null. */
  readonly committedAt: (block: number, slot: number) => CommittedRow | null;
}

/** What is kept of an answered query: neither scores nor rows, which one version of a block has in common for all queries. */
interface Fetchable {
  readonly querier: string;
  readonly queryHash: Uint8Array;
  /** Of the answer; the same list for all queries of a time. */
  readonly blocks: readonly PresentBlock[];
  readonly until: number;
  /** What was fetched, and how often; null before. */
  taken: { readonly handles: Uint8Array; times: number } | null;
}

export interface QueryServiceOptions {
  readonly identity: Identity;
  readonly federation: Federation;
  readonly collection: Collection;
  /** Set in a vertical federation. */
  readonly shares?: ShareMaker | undefined;
  /** How many questions a querier may ask; without it any number. */
  readonly budget?: QueryBudget | undefined;
  /** Who may ask; without it every querier. */
  readonly rights?: QuerierRights | undefined;
  /** Of a vertical federation: what was answered before this process started. */
  readonly lastAsked?: LastAsked | undefined;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  readonly onEvent?: AuditSink | undefined;
}

/** Who has signed a query; null until that is known. */
interface Asker {
  member: string | null;
}

/** A query from its acceptance to its answer. */
interface UnderWay {
  readonly querier: string;
  readonly since: number;
  /** Queries under way when it was accepted, itself among them. */
  readonly alongside: number;
}

/** How many of the last answers the pace is the mean of, about. */
const PACE_SMOOTHING = 16;
/** The pace before the first answer. */
const PACE_UNKNOWN_MS = 100;

/**
 * Answers signed queries, and remembers for a short while which rows each of them scored: only those can be fetched, once, by the same querier.
 * Queries go to the index as they come, which scores those that wait together; beyond a number of them, or of one querier's, they are refused.
 */
export class QueryService {
  readonly #options: QueryServiceOptions;
  readonly #fetchable = new Map<string, Fetchable>();
  readonly #underWay = new Set<UnderWay>();
  /** "signer/query id" of queries that were accepted -> when to forget them, on the wall clock. */
  readonly #seen = new Map<string, number>();
  readonly #packedLists = new WeakMap<readonly ScoredBlock[], Uint8Array>();
  /** Milliseconds a query under way adds to the wait of the others: queries of one pass share its time. */
  #paceMs: number | null = null;

  constructor(options: QueryServiceOptions) {
    this.#options = options;
  }

  /**
   * Never rejects for anything a peer did: a fault becomes a refusal.
   *
   * @param cancelled - Nobody waits for the answer any more. As at the deadline, scoring ends within milliseconds and the query's place is free at once.
   */
  async answer(message: Query, cancelled?: AbortSignal): Promise<Reply> {
    const { queryId } = message;
    const party = this.#options.identity.name;
    const asker: Asker = { member: null };
    using span = querySpan("score", queryId);
    try {
      const said = await this.#answer(message, asker, cancelled);
      span.set({ bytes: said.body.length });
      return { queryId, party, ...said };
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      span.failed(error.code);
      this.#options.onEvent?.({ kind: "query-refused", member: asker.member, code: error.code });
      const retryAfterMs = isBusy(error) ? this.#retryAfterMs() : null;
      return { type: "refusal", queryId, party, code: error.code, reason: error.message.slice(0, 500), retryAfterMs };
    }
  }

  /**
   * The rows this querier may fetch from; null when there are none. It may fetch once, and the same again a few times, since an answer can be lost with its connection.
   *
   * @param handles - As they were sent.
   */
  takeFetchable(querier: string, queryId: Uint8Array, handles: Uint8Array): ScoredRows | null {
    const fetchable = this.#fetchable.get(hexOf(queryId));
    if (fetchable?.querier !== querier || fetchable.until < this.#options.now()) return null;
    const taken = (fetchable.taken ??= { handles: handles.slice(), times: 0 });
    if (Buffer.compare(taken.handles, handles) !== 0 || taken.times >= limits.fetchesPerQueryMax) return null;
    taken.times++;
    const { queryHash, blocks } = fetchable;
    const versions = new Map(blocks.map(({ block, version }) => [block, version]));
    const committedAt = (block: number, slot: number): CommittedRow | null =>
      this.#options.collection.committedRow(versions.get(block) ?? "", slot);
    return { queryHash, committedAt };
  }

  async #answer({ queryId, body, deadlineMs }: Query, asker: Asker, cancelled: AbortSignal | undefined): Promise<Said> {
    const { now, collection } = this.#options;
    const { querier, query, answerKey, checkKeys } = this.#openQuery(queryId, body, asker);
    const over = new AbortController();
    const end = (): void => {
      over.abort();
    };
    const mine = { querier, since: now(), alongside: this.#underWay.size + 1 };
    this.#underWay.add(mine);
    const deadline = setTimeout(end, deadlineMs).unref();
    cancelled?.addEventListener("abort", end);
    try {
      if (cancelled?.aborted) end();
      const { answer, rowCount, rowAt } = await collection.score(query, over.signal);
      const ms = Math.round(now() - mine.since);
      this.#keepPace(mine);
      const queryHash = sodium.crypto_generichash(32, body, null);
      const until = now() + limits.fetchWindowMs;
      this.#remember(hexOf(queryId), { querier, queryHash, blocks: answer.blocks, until, taken: null });
      const said = this.#said({ queryId, queryHash, answerKey, checkKeys }, answer, rowAt);
      const bytes = said.body.length + (said.type === "share" ? said.residues.length : 0);
      this.#options.onEvent?.({ kind: "query-answered", member: querier, passages: rowCount, bytes, ms });
      return said;
    } finally {
      clearTimeout(deadline);
      cancelled?.removeEventListener("abort", end);
      this.#underWay.delete(mine);
    }
  }

  /** The scores as they are sent: a share of the total in a vertical federation, otherwise an answer. */
  #said(asked: SharedQueryBody, answer: IndexAnswer, rowAt: ScoredSnapshot["rowAt"]): Said {
    const { federation, identity, shares } = this.#options;
    if (shares) return { type: "share", ...shares.make(asked, answer, rowAt) };
    const { queryId, queryHash, answerKey } = asked;
    const blocks = this.#packed(answer.blocks);
    const sealed = sodium.crypto_box_seal(encodeValue({ blocks, scores: answer.scores }), answerKey);
    return { type: "answer", body: seal("answer", federation.id, { queryId, queryHash, sealed }, identity) };
  }

  /** The coordinator only carries the query: who asks, and that it is new, is proved to the party itself. */
  #openQuery(
    queryId: Uint8Array,
    body: Uint8Array,
    asker: Asker,
  ): { readonly querier: string } & Pick<QueryBody, "query" | "answerKey" | "checkKeys"> {
    const { federation } = this.#options;
    const querierKey = (name: string): Uint8Array | null =>
      federation.hasRole(name, "querier") ? federation.publicKeyOf(name) : null;
    const { signer, value } = openSigned("query", federation.id, queryBody, body, querierKey);
    asker.member = signer;
    if (!sodium.memcmp(value.queryId, queryId))
      throw refused("QUERY_MISLABELLED", "the query was signed under another id than it was sent with");
    if (value.checkKeys && !this.#options.shares)
      throw refused("QUERY_MALFORMED", "the query was made for a vertical federation");
    this.#options.rights?.check(signer);
    this.#refuseCrowd(signer);
    this.#refuseOld(signer, hexOf(queryId), value.issuedAtMs);
    this.#options.budget?.spend(signer);
    const { query, answerKey, checkKeys } = value;
    return { querier: signer, query, answerKey, checkKeys };
  }

  #refuseCrowd(querier: string): void {
    const own = [...this.#underWay].filter((query) => query.querier === querier).length;
    if (own >= limits.queriesQueuedPerQuerierMax) throw refused("BUSY", "too many of your queries are waiting");
    if (this.#underWay.size >= limits.queriesQueuedMax) throw refused("BUSY", "too many queries are waiting");
  }

  /** A query is answered once, and only near the time it was signed: whoever has seen it could send it again. */
  #refuseOld(signer: string, id: string, issuedAtMs: number): void {
    const wallClock = this.#options.wallClock();
    for (const [old, forgetAt] of this.#seen) {
      if (forgetAt >= wallClock) break;
      this.#seen.delete(old);
    }
    if (Math.abs(wallClock - issuedAtMs) > limits.queryClockSkewMsMax)
      throw refused("QUERY_OUT_OF_TIME", "the query was signed too long ago or in the future; set the clocks right");
    const name = `${signer}/${id}`;
    if (this.#seen.has(name)) throw refused("QUERY_REPEATED", "this query has been answered already");
    // It may have been signed that far in the future; counted from now, the oldest are always the first.
    this.#seen.set(name, wallClock + 2 * limits.queryClockSkewMsMax);
    this.#options.lastAsked?.note(signer, issuedAtMs);
  }

  /** The list of an unchanged collection is the same array query after query, and is packed once. */
  #packed(blocks: readonly ScoredBlock[]): Uint8Array {
    let packed = this.#packedLists.get(blocks);
    if (!packed) this.#packedLists.set(blocks, (packed = packScoredBlocks(blocks)));
    return packed;
  }

  #keepPace({ since, alongside }: UnderWay): void {
    // The first query of a pass was accepted alone, and the last ends alone.
    const pace = (this.#options.now() - since) / Math.max(alongside, this.#underWay.size);
    this.#paceMs = this.#paceMs === null ? pace : this.#paceMs + (pace - this.#paceMs) / PACE_SMOOTHING;
  }

  /** When the queries under way will be answered, about. */
  #retryAfterMs(): number {
    const ms = Math.ceil((this.#paceMs ?? PACE_UNKNOWN_MS) * this.#underWay.size);
    return Math.min(ms, limits.retryAfterMsMax);
  }

  #remember(key: string, fetchable: Fetchable): void {
    for (const [old, { until }] of this.#fetchable) if (until < this.#options.now()) this.#fetchable.delete(old);
    const own = [...this.#fetchable].filter(([, { querier }]) => querier === fetchable.querier);
    const [oldest] = own;
    if (oldest && own.length >= limits.fetchableQueriesMax) this.#fetchable.delete(oldest[0]);
    this.#fetchable.set(key, fetchable);
  }
}

function isBusy({ code }: Fault): boolean {
  return code === "BUSY";
}

function refused(code: QueryServiceFaultCode, message: string): Fault {
  return new Fault(code, message);
}
