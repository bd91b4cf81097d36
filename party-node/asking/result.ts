import { type HopMessage, PASSAGES_LIMITED, type PassageLocation } from "../../protocol/index.ts";
import type { PartyRoute } from "../routing/party-router.ts";

/** Where else a passage is that is shown once. */
export interface OtherSource extends PassageLocation {
  readonly party: string;
  readonly collection?: string;
  readonly documentId: string;
  readonly title: string;
  readonly ordinal: number;
  /** Whether it has the very words of the passage shown; otherwise nearly those, with the same numbers. */
  readonly identical: boolean;
}

/**
 * Why a passage is not to be trusted:
 * - `score-too-high`: no vector that the encoder makes of its text scores what its party said.
 * - `no-sentences`: it reads like words that were put together to be found, see `isWordSalad`.
 */
export type Suspicion = "score-too-high" | "no-sentences";

/** A passage that was fetched, with where it came from. */
export interface CitedPassage extends PassageLocation {
  /** Who owns it. */
  readonly party: string;
  /** The hosted collection it came from, by the name it has in this node's keyring; not set for what a party serves itself. */
  readonly collection?: string;
  readonly documentId: string;
  readonly title: string;
  readonly text: string;
  /** Position of the passage in its document, from 0. */
  readonly ordinal: number;
  /** Inner product of the question's unit vector with the passage's vector, as decrypted. */
  readonly score: number;
  /** Why it is not to be trusted; not set where nothing was found. */
  readonly suspect?: readonly Suspicion[];
  /** Other parties that hold the same passage, the highest score first; not set where there is none. */
  readonly alsoFrom?: readonly OtherSource[];
  /** In a vertical federation: what each party holds of the entity. `party` then names them all, joined by `+`, and `text` is all their texts. */
  readonly parts?: readonly CitedPart[];
}

/** One party's part of an entity. */
export interface CitedPart extends PassageLocation {
  readonly party: string;
  readonly documentId: string;
  readonly title: string;
  readonly text: string;
}

/** Why a party is missing, or why passages of it are. */
export interface PartyFault {
  readonly code: string;
  readonly reason: string;
  /** With BUSY: when the party guesses that it can take the question. It was asked again as often as the deadline allowed; later is for the caller to decide. */
  readonly retryAfterMs?: number;
  /** The file with what proves it to others, where the party's own signatures do; see docs/protocol.md, "Evidence". */
  readonly evidence?: string;
}

/** How a hosted collection was asked. */
export interface HostedOutcome {
  /** Its name in this node's keyring. */
  readonly name: string;
  readonly host: string;
  readonly mode: "outsourced" | "double";
  /** Of the collection's key, in lengths of the longest vector the encoder makes. */
  readonly beta: number;
  /** Of DistanceDP on the question, per unit of distance between questions of norm 1; null for none. `double` perturbs no question. */
  readonly epsilon: number | null;
  /** k': how many rows the host was asked for, so that the k best are among them. */
  readonly candidates: number;
  /** Share of the k best that is expected not to be among them. */
  readonly missShare: number;
}

/** What became of one party, or of one hosted collection. */
export interface PartyOutcome {
  readonly party: string;
  /** Set for a hosted collection, whose owner `party` is. */
  readonly collection?: HostedOutcome;
  /** `not-asked`: a question with `route` has left it out. */
  readonly status: "answered" | "missing" | "not-asked";
  /** Of a question with `route`: why the party was asked, or was not. */
  readonly route?: PartyRoute;
  /** How many times it was asked the question, each time under another query key, 1 to `queryAttemptsMax`; not set where it was not asked by an encrypted query. */
  readonly attempts?: number;
  /** Passages the party scored. */
  readonly passagesScored: number;
  /** Of them, those that were fetched afterwards: the party knows which. Not set for hosted collections, where `candidates` says more. */
  readonly passagesFetched?: number;
  /** From sending the query to having read this party's scores. */
  readonly ms: number;
  readonly fault?: PartyFault;
}

export interface QueryResult {
  /** Best first, at most k. */
  readonly passages: readonly CitedPassage[];
  /** Every party of the federation, in the order they answered or failed. */
  readonly parties: readonly PartyOutcome[];
  readonly timingsMs: {
    readonly encode: number;
    readonly encrypt: number;
    readonly scores: number;
    readonly passages: number;
    readonly total: number;
  };
}

/** What is said of a party that hands out fewer passages of one question than were wanted. */
export function passagesLimited(most: number): PartyFault {
  return { code: PASSAGES_LIMITED, reason: `it hands you ${String(most)} passages of one question at most` };
}

/** What a refusal says, for people. */
export function refusalFault({ code, reason, retryAfterMs }: Extract<HopMessage, { type: "refusal" }>): PartyFault {
  return { code, reason, ...(retryAfterMs === null ? {} : { retryAfterMs }) };
}
