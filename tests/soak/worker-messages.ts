import type { SeenPassage } from "./corpus.ts";

/** What a process of queriers is started with, as JSON. */
export interface QuerierArguments {
  /** A node folder for each querier. */
  readonly folders: readonly string[];
  readonly hintFolder: string;
  readonly dim: number;
  readonly k: number;
  readonly deadlineMs: number;
  /** Longest pause of a querier between an answer and its next question. */
  readonly pauseMsMax: number;
  /** Of the pauses. */
  readonly seed: number;
  /** The number of the first question; they are counted on from there. */
  readonly firstQuestion: number;
}

/** What became of one party. */
export interface PartyEnd {
  readonly party: string;
  readonly status: string;
  /** Of the fault, if there is one. */
  readonly code: string | null;
}

/** How a question ended: with a result, or with an error. */
export interface EndedQuestion {
  readonly question: number;
  readonly ms: number;
  readonly parties: readonly PartyEnd[];
  readonly passages: readonly SeenPassage[];
  /** Set when it was rejected; `isFault`: with a coded fault, as documented. */
  readonly error: { readonly code: string; readonly isFault: boolean } | null;
}

/** What a process of queriers tells its parent. */
export type QuerierEvent =
  | { readonly event: "connected" }
  | { readonly event: "asked"; readonly question: number }
  | ({ readonly event: "ended" } & EndedQuestion);

/** Answer of the memory probe, see memory-probe.ts. */
export interface MemoryEvent {
  readonly event: "memory";
  /** In use after a full collection: JavaScript's objects, buffers, WebAssembly. */
  readonly liveBytes: number;
}

/** What the parent tells. */
export interface ParentRequest {
  /** `pause`: ask nothing new until `resume`; `stop`: end when what was asked has ended. */
  readonly request: "memory" | "pause" | "resume" | "stop";
}
