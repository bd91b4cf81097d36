import { Fault, SHARE_CHECKS, addResidues, readResidues, residueBytes, ringLayout, sodium } from "../crypto/index.ts";
import {
  type Federation,
  type HopMessage,
  SCORED_BLOCK_BYTES,
  limits,
  openSigned,
  shareBody,
  verticalParties,
} from "../protocol/index.ts";
import { type Member, idKey, isCrowded } from "./member.ts";
import type { Roster } from "./roster.ts";

type Query = Extract<HopMessage, { type: "query" }>;
type Share = Extract<HopMessage, { type: "share" }>;
type Refusal = Extract<HopMessage, { type: "refusal" }>;

interface OpenTotal {
  readonly queryId: Uint8Array;
  readonly queryHash: Uint8Array;
  readonly querier: Member;
  /** Parties whose shares are not in yet. */
  readonly waiting: Map<string, Member>;
  readonly deadline: NodeJS.Timeout;
  /** The shares that have come, added up modulo q; null before the first. */
  sum: Uint32Array | null;
  readonly signed: { readonly party: string; readonly body: Uint8Array }[];
  /** Held for it, of {@link limits.totalBytesHeldMax}. */
  bytes: number;
}

/**
 * Fans a query of a vertical federation out to all its parties and adds their masked shares, each as it comes; the querier gets the sum once all are in. A sum
 * without one of them would be noise, so whatever one party refuses ends the query.
 */
export class TotalRouter {
  readonly #roster: Roster;
  readonly #federation: Federation;
  readonly #parties: readonly string[];
  readonly #rowsPerBlock: number;
  readonly #open = new Map<string, OpenTotal>();
  #bytesHeld = 0;

  /** @throws Fault VERTICAL_INCOMPLETE. */
  constructor(roster: Roster, federation: Federation) {
    const { scoring } = federation.terms;
    this.#roster = roster;
    this.#federation = federation;
    this.#parties = verticalParties(federation);
    this.#rowsPerBlock = ringLayout({ ...scoring, seed: Buffer.from(scoring.seed, "base64") }).rowsPerBlock;
  }

  get openQueries(): number {
    return this.#open.size;
  }

  get bytesHeld(): number {
    return this.#bytesHeld;
  }

  /** Asks every party of the federation, whoever the query names. */
  ask(querier: Member, { queryId, deadlineMs, body }: Query): void {
    const inFlight = [...this.#open.values()].filter((query) => query.querier === querier).length;
    if (inFlight >= limits.queriesInFlightMax || this.#open.has(idKey(queryId))) {
      for (const party of this.#parties)
        querier.connection.send(
          refusal(queryId, party, "LIMIT_EXCEEDED", "too many queries at once, or a query id used twice"),
        );
      return;
    }
    const waiting = new Map<string, Member>();
    for (const name of this.#parties) {
      const party = this.#roster.party(name);
      if (!party) {
        const reason = "the party is not connected to the coordinator";
        querier.connection.send(refusal(queryId, name, "PARTY_OFFLINE", reason));
        return;
      }
      if (isCrowded(party)) {
        const reason = "the party is sent more than it takes; ask again later";
        querier.connection.send(refusal(queryId, name, "PEER_TOO_SLOW", reason));
        return;
      }
      waiting.set(name, party);
    }
    const deadline = setTimeout(() => {
      this.#endLate(queryId, deadlineMs);
    }, deadlineMs);
    const queryHash = sodium.crypto_generichash(32, body, null);
    this.#open.set(idKey(queryId), { queryId, queryHash, querier, waiting, deadline, sum: null, signed: [], bytes: 0 });
    for (const party of waiting.values())
      party.connection.send({ type: "query", queryId, deadlineMs, parties: [], body });
  }

  /** A share or a refusal by a party; one that nobody waits for is dropped. A share that cannot be added is the party's refusal. */
  reply(party: Member, message: Share | Refusal): void {
    const query = this.#open.get(idKey(message.queryId));
    if (query?.waiting.get(party.name) !== party) return;
    if (message.type === "refusal") {
      this.#end(query, { ...message, party: party.name });
      return;
    }
    try {
      this.#add(query, party.name, message);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#end(query, refusal(query.queryId, party.name, error.code, error.message));
    }
  }

  cancel(querier: Member, queryId: Uint8Array): void {
    const query = this.#open.get(idKey(queryId));
    if (query?.querier === querier) this.#drop(query);
  }

  /** A connection is gone: its own queries are cancelled, and those that wait for it are over. */
  left(member: Member): void {
    for (const query of [...this.#open.values()]) {
      if (query.querier === member) this.#drop(query);
      else if (query.waiting.get(member.name) === member)
        this.#end(query, refusal(query.queryId, member.name, "PARTY_OFFLINE", "the party left before it answered"));
    }
  }

  close(): void {
    for (const query of [...this.#open.values()]) this.#forget(query);
  }

  /** @throws Fault SIGNATURE_INVALID, MESSAGE_INVALID, SHARE_MALFORMED, ALIGNMENT_MISMATCH, LIMIT_EXCEEDED. */
  #add(query: OpenTotal, party: string, { body, residues: packed }: Share): void {
    const residues = this.#checked(query, party, body, packed);
    const bytes = body.length + (query.sum ? 0 : packed.length);
    if (this.#bytesHeld + bytes > limits.totalBytesHeldMax)
      throw new Fault("LIMIT_EXCEEDED", "the coordinator adds up too many large queries at once; ask again later");
    const sum = query.sum ?? residues;
    if (query.sum) addResidues(sum, residues);
    query.sum = sum;
    query.bytes += bytes;
    this.#bytesHeld += bytes;
    // The frame it is a view of has the share as well.
    query.signed.push({ party, body: body.slice() });
    query.waiting.delete(party);
    if (query.waiting.size > 0) return;
    const { queryId, signed } = query;
    query.querier.connection.send({ type: "total", queryId, residues: residueBytes(sum), shares: signed });
    this.#forget(query);
  }

  /** What the party has signed is what it sent, for this query, and fits what others sent. */
  #checked({ queryId, queryHash, sum }: OpenTotal, party: string, body: Uint8Array, packed: Uint8Array): Uint32Array {
    const { id, publicKeyOf } = this.#federation;
    const keyOf = (name: string): Uint8Array | null => (name === party ? publicKeyOf(name) : null);
    const { value } = openSigned("share", id, shareBody, body, keyOf);
    const residues = readResidues(packed);
    const isOfQuery = sodium.memcmp(value.queryId, queryId) && sodium.memcmp(value.queryHash, queryHash);
    const scores = packed.length / 4 - SHARE_CHECKS;
    if (
      !residues ||
      !isOfQuery ||
      !sodium.memcmp(value.residuesHash, sodium.crypto_generichash(32, packed, null)) ||
      scores < 0 ||
      scores % this.#rowsPerBlock !== 0 ||
      body.length > (scores / this.#rowsPerBlock) * SCORED_BLOCK_BYTES + limits.shareEnvelopeBytesMax
    )
      throw new Fault("SHARE_MALFORMED", `${party} sent a share that is not one of this query`);
    if (sum && sum.length !== residues.length)
      throw new Fault(
        "ALIGNMENT_MISMATCH",
        `the share of ${party} and that of another party differ in length; all parties ingest with the same alignment file`,
      );
    return residues;
  }

  #endLate(queryId: Uint8Array, deadlineMs: number): void {
    const query = this.#open.get(idKey(queryId));
    if (!query) return;
    for (const name of query.waiting.keys())
      query.querier.connection.send(
        refusal(queryId, name, "DEADLINE_EXCEEDED", `no answer within ${String(deadlineMs)} ms`),
      );
    this.#drop(query);
  }

  #end(query: OpenTotal, why: Refusal): void {
    query.waiting.delete(why.party);
    query.querier.connection.send(why);
    this.#drop(query);
  }

  /** Forgets the query, and tells those who still work on it. */
  #drop(query: OpenTotal): void {
    for (const party of query.waiting.values()) party.connection.send({ type: "cancel", queryId: query.queryId });
    this.#forget(query);
  }

  #forget(query: OpenTotal): void {
    clearTimeout(query.deadline);
    if (this.#open.delete(idKey(query.queryId))) this.#bytesHeld -= query.bytes;
  }
}

function refusal(queryId: Uint8Array, party: string, code: string, reason: string): Refusal {
  return { type: "refusal", queryId, party, code, reason, retryAfterMs: null };
}
