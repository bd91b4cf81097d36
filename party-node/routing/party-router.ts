import { setTimeout as sleep } from "node:timers/promises";
import { Fault, sodium } from "../../crypto/index.ts";
import type { RoutingAnswer } from "../../protocol/index.ts";
import type { Encoder } from "../encoders/index.ts";
import type { EndToEndSession } from "../link/index.ts";
import { type CommonCoder, openCommonCoder } from "./common-coder.ts";
import { CODE_BYTES, type Summary, distances } from "./summary.ts";

/** - SUMMARY_MALFORMED: a party's summary is not one. - SUMMARY_OTHER_CODER: it was made with another version of the coder. - SUMMARY_LATE: it did not come in time. */
export type RoutingFaultCode = "SUMMARY_MALFORMED" | "SUMMARY_OTHER_CODER" | "SUMMARY_LATE";

/** Why a party is asked, or is not. */
export interface PartyRoute {
  /** `likely`: its summary is among the nearest to the question. `unlikely`: it is not, and the party is not asked. `no-summary`: nothing is known of it, so it is asked. */
  readonly reason: "likely" | "unlikely" | "no-summary";
  /** With `no-summary`: why there is none. */
  readonly fault?: {
    /** For programs. */
    readonly code: string;
    /** For people. */
    readonly reason: string;
  };
}

export interface PartyRouterOptions {
  readonly encoder: Encoder;
  /** Opens or returns the session with a party. */
  readonly session: (party: string) => Promise<EndToEndSession>;
}

/** How long a summary is used before the party is asked whether it has another. */
const SUMMARY_AGE_MS = 60_000;
/** How long a question waits for summaries. */
const PATIENCE_MS = 2000;
/**
 * Bits of distance over which a prototype's weight falls by a factor of e. With two to six bits the share of the best passages that is kept is the same within three in a hundred, on seven public corpora with a
 * dense encoder (docs/routing.md).
 */
const FALL_BITS = 4;

interface Known {
  readonly summary: Summary;
  readonly version: Uint8Array;
}

/** Ranks parties by how near their summaries are to a question. Parties and coordinator see neither the question's code nor the ranks. */
export class PartyRouter {
  readonly #options: PartyRouterOptions;
  readonly #known = new Map<string, Known>();
  /** When each was last heard of. */
  readonly #heardAt = new Map<string, number>();
  #coder: Promise<CommonCoder> | null = null;

  constructor(options: PartyRouterOptions) {
    this.#options = options;
  }

  /**
   * @param question - Unit vector, shape [dim]; not modified.
   * @param count - How many of the parties that show a summary are to be asked.
   * @returns For every party, in the order given.
   */
  async route(
    question: Float32Array,
    parties: readonly string[],
    count: number,
  ): Promise<ReadonlyMap<string, PartyRoute>> {
    const { coder, id } = await this.#commonCoder();
    const faults = await this.#refresh(parties, id);
    const code = coder.encode(question);
    const ranked = parties
      .flatMap((party) => {
        const known = faults.has(party) ? undefined : this.#known.get(party);
        return known ? { party, likelihood: likelihood(code, known.summary) } : [];
      })
      .sort((a, b) => b.likelihood - a.likelihood || (a.party < b.party ? -1 : 1));
    code.fill(0);
    const likely = new Set(ranked.slice(0, count).map(({ party }) => party));
    return new Map(
      parties.map((party): [string, PartyRoute] => {
        const fault = faults.get(party);
        if (fault) return [party, { reason: "no-summary", fault: { code: fault.code, reason: fault.message } }];
        return [party, { reason: likely.has(party) ? "likely" : "unlikely" }];
      }),
    );
  }

  /** One that could not be made is tried again. */
  #commonCoder(): Promise<CommonCoder> {
    const coder = (this.#coder ??= openCommonCoder(this.#options.encoder));
    coder.catch(() => {
      this.#coder = null;
    });
    return coder;
  }

  /** Asks for summaries that are not known or may be old. @returns Why there is none, by party. */
  async #refresh(parties: readonly string[], coder: Uint8Array): Promise<ReadonlyMap<string, Fault>> {
    const faults = new Map<string, Fault>();
    const waiting = new Set(parties);
    const one = async (party: string): Promise<void> => {
      try {
        if (performance.now() - (this.#heardAt.get(party) ?? -Infinity) > SUMMARY_AGE_MS) await this.#ask(party, coder);
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        this.#known.delete(party);
        this.#heardAt.delete(party);
        faults.set(party, error);
      }
      waiting.delete(party);
    };
    const patience = new AbortController();
    const all = Promise.all(parties.map(one));
    try {
      await Promise.race([all, sleep(PATIENCE_MS, undefined, { signal: patience.signal })]);
    } finally {
      patience.abort();
      all.catch(() => undefined);
    }
    for (const party of waiting)
      if (!this.#known.has(party))
        faults.set(party, new Fault<RoutingFaultCode>("SUMMARY_LATE", `${party} did not show its summary in time`));
    // What comes later is not for this question.
    return new Map(faults);
  }

  async #ask(party: string, coder: Uint8Array): Promise<void> {
    const session = await this.#options.session(party);
    const known = this.#known.get(party);
    const request = { type: "route-summary", known: known?.version ?? new Uint8Array(0) } as const;
    const answer = await session.ask(request, "route-prototypes");
    if (!known || !sodium.memcmp(answer.version, known.version))
      this.#known.set(party, { version: answer.version.slice(), summary: readSummary(party, answer, coder) });
    this.#heardAt.set(party, performance.now());
  }
}

/**
 * About how many passages near the question a party has: of every prototype the square root of how many it stands for, falling with its distance. The root, because a
 * large collection would be asked whatever the question, and because nobody checks what a party says of itself.
 *
 * @returns Of no unit; compares parties for one question.
 */
export function likelihood(code: Uint8Array, summary: Summary): number {
  const weights = distances(code, summary).map(
    (distance, i) => Math.sqrt(summary.passages[i]!) * Math.exp(-distance / FALL_BITS),
  );
  return weights.reduce((sum, weight) => sum + weight, 0);
}

/** @throws Fault SUMMARY_MALFORMED, SUMMARY_OTHER_CODER. */
function readSummary(party: string, { coder, prototypes, passages }: RoutingAnswer, expected: Uint8Array): Summary {
  if (!sodium.memcmp(coder, expected))
    throw new Fault<RoutingFaultCode>(
      "SUMMARY_OTHER_CODER",
      `${party} made its summary with another coder than this node's; run the same version of Sotto and the same encoder`,
    );
  if (passages.length === 0 || prototypes.length !== CODE_BYTES * passages.length || passages.includes(0))
    throw new Fault<RoutingFaultCode>("SUMMARY_MALFORMED", `${party} sent a summary that is none; tell its operator`);
  return {
    prototypes: passages.map((_, i) => prototypes.slice(i * CODE_BYTES, (i + 1) * CODE_BYTES)),
    passages,
  };
}
