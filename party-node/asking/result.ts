import { type HopMessage, PASSAGES_LIMITED, type PassageLocation } from "../../protocol/index.ts";
import type { PartyRoute } from "../routing/party-router.ts";

/** Where else a passage is that is shown once. */
export interface OtherSource extends PassageLocation {
  /** Who owns it. */
  readonly party: string;
  /** As {@link CitedPassage.collection}. */
  readonly collection?: string;
  /** As {@link CitedPassage.documentId}. */
  readonly documentId: string;
  /** Of the document there; empty where it has none. */
  readonly title: string;
  /** Position of the passage in that document, from 0. */
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
  /** What its owner calls the document: its path below the folder that was ingested, or its `_id`. Chosen by the owner: escape it before it is shown. */
  readonly documentId: string;
  /** Of the document; empty where it has none. Chosen by the owner, as the text is. */
  readonly title: string;
  /** The passage itself, as its owner has it. */
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
  /** Who holds it. */
  readonly party: string;
  /** The entity, as this party calls it. */
  readonly documentId: string;
  /** Empty where there is none. */
  readonly title: string;
  /** What the party holds of the entity. */
  readonly text: string;
}

/** Why a party is missing, or why passages of it are. */
export interface PartyFault {
  /** For programs, such as `PARTY_OFFLINE`, `QUERY_BUDGET_SPENT`, `BUSY`. */
  readonly code: string;
  /** For people: what is wrong and what to do. */
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
  /** The member that keeps it. */
  readonly host: string;
  /** How the question reached the host: perturbed, or encrypted. */
  readonly mode: "outsourced" | "double";
  /** Of the collection's key, in lengths of the longest vector the encoder makes. */
  readonly beta: number;
  /** Of DistanceDP on the question, per unit of distance between questions of norm 1; null for none. `double` perturbs no question. */
  readonly epsilon: number | null;
  /** k': how many rows the host was asked for, so that the k best are among them; 0 where it has not answered, whatever it was asked for. */
  readonly candidates: number;
  /** Share of the k best that is expected not to be among them. */
  readonly missShare: number;
}

/** What became of one party, or of one hosted collection. */
export interface PartyOutcome {
  /** The member's name. */
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
  /** Of them, those that it was asked for afterwards, delivered or not: the party knows which. Not set for hosted collections, where `candidates` says more. */
  readonly passagesAsked?: number;
  /** From sending the query to having read this party's scores. */
  readonly ms: number;
  /** Why it is missing, or why passages of it are; not set where nothing is. */
  readonly fault?: PartyFault;
}

/** What came of a question. */
export interface QueryResult {
  /** Best first, at most k. */
  readonly passages: readonly CitedPassage[];
  /** Every party of the federation, in the order they answered or failed. */
  readonly parties: readonly PartyOutcome[];
  /** How long each step took, in milliseconds. */
  readonly timingsMs: {
    /** Text to vector. */
    readonly encode: number;
    /** Vector to ciphertext, signing and sending. */
    readonly encrypt: number;
    /** Until every party has answered or is missing. */
    readonly scores: number;
    /** Fetching, opening and checking passages. */
    readonly passages: number;
    /** All of it. */
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
