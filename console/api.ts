import type { CitedPassage, PartyOutcome, QueryResult } from "../party-node/asking/index.ts";
import type { IngestProgress, IngestReport } from "../party-node/ingest.ts";
import type { Receipt } from "../party-node/receipt/index.ts";
import type { Role } from "../protocol/index.ts";
import type { Chart, Paper } from "../simulations/security/attack.ts";
import type { Verdict } from "../simulations/security/verdicts.ts";

/*
 * What the console's server and its page say to each other: JSON, and server-sent events where something takes its time. Types alone.
 */

export type { CitedPassage, IngestProgress, PartyOutcome, Receipt, Role, Verdict };

/** `POST /api/session`: what a single-use code is exchanged for. */
export interface Session {
  readonly token: string;
}

export type Protection = "private" | "clear" | "vertical";

/** `GET /api/overview`: what all views need. */
export interface Overview {
  readonly version: string;
  readonly member: string;
  readonly roles: readonly Role[];
  readonly federation: string;
  readonly mode: Protection;
  /** Of the federation, this node's own left out where it does not ask itself. */
  readonly parties: readonly string[];
  readonly passagesMax: number;
  readonly questionBytesMax: number;
}

/** `POST /api/questions`. */
export interface Question {
  readonly question: string;
  /** Passages wanted. */
  readonly k: number;
}

export type Answer = QueryResult & { readonly receipt: Receipt };

/** What `POST /api/questions` is answered with, as the events of a stream. */
export interface QuestionEvents {
  /** At once; `POST /api/questions/:id/stop` stops it, and the stream then ends with its fault and its receipt. */
  readonly waiting: { readonly id: string };
  /** Once it is this question's turn. */
  readonly asked: { readonly parties: readonly string[]; readonly online: readonly string[] };
  readonly outcome: PartyOutcome;
  readonly answer: Answer;
  /** With a receipt where anything was sent for the question. */
  readonly fault: Fault & { readonly receipt?: Receipt };
}

export interface Fault {
  readonly code: string;
  readonly detail: string;
}

/** `GET /api/federation`. */
export interface FederationView {
  readonly name: string;
  readonly revision: number;
  readonly rootPublicKey: string;
  readonly mode: Protection;
  readonly encoder: { readonly spec: string; readonly fingerprint: string };
  readonly dimensions: number;
  readonly scoreBits: number;
  readonly members: readonly MemberView[];
  readonly invitations: readonly { readonly name: string; readonly roles: readonly Role[]; readonly expires: string }[];
  /** Whether this folder is the founder's, who alone can invite. */
  readonly isFounder: boolean;
  /** Why nobody knows who is there. */
  readonly fault?: Fault;
}

export interface MemberView {
  readonly name: string;
  readonly roles: readonly Role[];
  readonly publicKey: string;
  /** Whether the coordinator has a connection to this party; null where that is not known. */
  readonly isOnline: boolean | null;
}

/** `POST /api/federation/coordinators`: one handshake with each, from here. */
export interface CoordinatorView {
  readonly url: string;
  readonly ms?: number;
  readonly fault?: Fault;
}

/** `POST /api/invitations`. */
export interface InvitationWanted {
  readonly name: string;
  readonly roles: readonly Role[];
  readonly days: number;
}

export interface Invitation {
  /** The line to send to whoever is invited, and to nobody else; shown once. */
  readonly line: string;
  readonly expires: string;
}

/** `GET /api/collections`. */
export interface CollectionsView {
  /** Null where this node is no party. */
  readonly own: OwnCollection | null;
  /** Collections at hosts that this node has keys to, as they were when the console started. */
  readonly hosted: readonly HostedView[];
}

export interface OwnCollection {
  readonly documents: number;
  readonly passages: number;
  readonly mode: Protection;
  /** False in a vertical federation, where documents follow an alignment. */
  readonly takesDrops: boolean;
  /** Of files that can be dropped: `.md`. */
  readonly kinds: readonly string[];
  readonly limits: { readonly files: number; readonly fileBytes: number; readonly bytes: number };
}

export interface HostedView {
  readonly name: string;
  readonly owner: string;
  readonly host: string;
  readonly mode: "outsourced" | "double";
}

/** `GET /api/documents?find=&from=`. */
export interface DocumentsView {
  /** Those that fit what was looked for. */
  readonly matching: number;
  readonly documents: readonly DocumentView[];
}

export interface DocumentView {
  /** Names it in the store. */
  readonly key: string;
  readonly name: string;
  readonly title: string;
  readonly passages: number;
}

/** What `POST /api/drops/:id/ingest` is answered with, as the events of a stream. */
export interface DropEvents {
  readonly progress: IngestProgress;
  readonly problem: { readonly file: string; readonly reason: string; readonly message: string };
  readonly done: IngestReport;
  readonly fault: Fault;
}

/** `GET /api/security`: the report that ships. */
export interface SecurityView {
  readonly about: readonly string[];
  readonly legend: string;
  readonly lines: readonly SecurityLine[];
  readonly sections: readonly SecuritySection[];
}

export interface SecurityLine {
  readonly name: string;
  readonly title: string;
  readonly role: string;
  readonly mode: string;
  readonly verdict: Verdict;
  readonly withstood: string;
  readonly furthest: string | null;
}

export interface SecuritySection {
  readonly name: string;
  readonly title: string;
  readonly role: string;
  readonly holds: string;
  readonly words: readonly string[];
  readonly method: string;
  readonly assumptions: string;
  readonly papers: readonly Paper[];
  readonly charts: readonly Pick<Chart, "title">[];
  readonly rows: readonly SecurityRow[];
}

export interface SecurityRow {
  readonly mode: string;
  readonly measured: string;
  readonly value: string;
  readonly unprotected: string;
  readonly guessing: string;
  readonly outcome: string;
}
