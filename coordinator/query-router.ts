import { type QuerySpan, querySpan } from "../operation/tracing/index.ts";
import { type HopMessage, limits } from "../protocol/index.ts";
import { type Member, idKey, isCrowded } from "./member.ts";
import type { Roster } from "./roster.ts";

type Query = Extract<HopMessage, { type: "query" }>;
type Refusal = Extract<HopMessage, { type: "refusal" }>;

interface OpenQuery {
  readonly queryId: Uint8Array;
  readonly querier: Member;
  /** Parties that have not answered yet. */
  readonly waiting: Map<string, Member>;
  readonly deadline: NodeJS.Timeout;
  readonly span: QuerySpan;
}

/**
 * Fans a query out to the parties and each answer back, then forgets it. Reads neither: both are signed, and the query is a ciphertext.
 */
export class QueryRouter {
  readonly #roster: Roster;
  readonly #open = new Map<string, OpenQuery>();

  constructor(roster: Roster) {
    this.#roster = roster;
  }

  get openQueries(): number {
    return this.#open.size;
  }

  ask(querier: Member, { queryId, parties, deadlineMs, body }: Query): void {
    const refuse = (party: string, code: string, reason: string): void => {
      querier.connection.send(refusal(queryId, party, code, reason));
    };
    const inFlight = [...this.#open.values()].filter((query) => query.querier === querier).length;
    if (inFlight >= limits.queriesInFlightMax || this.#open.has(idKey(queryId))) {
      for (const party of parties)
        refuse(party, "LIMIT_EXCEEDED", "too many queries at once, or a query id used twice");
      return;
    }
    const waiting = new Map<string, Member>();
    for (const name of new Set(parties)) {
      const party = this.#roster.party(name);
      if (party && isCrowded(party))
        refuse(name, "PEER_TOO_SLOW", "the party is sent more than it takes; ask again later");
      else if (party) waiting.set(name, party);
      else refuse(name, "PARTY_OFFLINE", "the party is not connected to the coordinator");
    }
    if (waiting.size === 0) return;
    const deadline = setTimeout(() => {
      this.#end(queryId, "DEADLINE_EXCEEDED", `no answer within ${String(deadlineMs)} ms`);
    }, deadlineMs);
    const span = querySpan("route", queryId, { parties: waiting.size, bytes: body.length });
    this.#open.set(idKey(queryId), { queryId, querier, waiting, deadline, span });
    for (const party of waiting.values())
      party.connection.send({ type: "query", queryId, deadlineMs, parties: [], body });
  }

  /** An answer or a refusal by a party; one that nobody waits for is dropped. */
  reply(party: Member, message: Extract<HopMessage, { type: "answer" | "refusal" }>): void {
    const query = this.#open.get(idKey(message.queryId));
    if (query?.waiting.get(party.name) !== party) return;
    query.waiting.delete(party.name);
    query.querier.connection.send(
      isCrowded(query.querier)
        ? refusal(
            query.queryId,
            party.name,
            "PEER_TOO_SLOW",
            "the querier is sent more than it takes; ask less at a time",
          )
        : { ...message, party: party.name },
    );
    if (query.waiting.size === 0) this.#forget(query);
  }

  cancel(querier: Member, queryId: Uint8Array): void {
    const query = this.#open.get(idKey(queryId));
    if (query?.querier !== querier) return;
    for (const party of query.waiting.values()) party.connection.send({ type: "cancel", queryId });
    this.#forget(query);
  }

  /** A connection is gone: its own queries are cancelled, and queriers waiting for it are told. */
  left(member: Member): void {
    for (const query of [...this.#open.values()]) {
      if (query.querier === member) this.cancel(member, query.queryId);
      else if (query.waiting.get(member.name) === member) {
        this.reply(member, refusal(query.queryId, member.name, "PARTY_OFFLINE", "the party left before it answered"));
      }
    }
  }

  close(): void {
    for (const query of [...this.#open.values()]) this.#forget(query);
  }

  #end(queryId: Uint8Array, code: string, reason: string): void {
    const query = this.#open.get(idKey(queryId));
    if (!query) return;
    query.span.failed(code);
    for (const [name, party] of query.waiting) {
      query.querier.connection.send(refusal(queryId, name, code, reason));
      party.connection.send({ type: "cancel", queryId });
    }
    this.#forget(query);
  }

  #forget(query: OpenQuery): void {
    clearTimeout(query.deadline);
    query.span[Symbol.dispose]();
    this.#open.delete(idKey(query.queryId));
  }
}

function refusal(queryId: Uint8Array, party: string, code: string, reason: string): Refusal {
  return { type: "refusal", queryId, party, code, reason, retryAfterMs: null };
}
