import type { CitedPassage, PartyOutcome, QueryOptions, QueryResult, SottoClient } from "../party-node/asking/index.ts";
import { Fault } from "../crypto/index.ts";
import { checkQueryOptions } from "../party-node/asking/query-options.ts";
import { missingParties, passageUri, quotePassage } from "./quoting.ts";

/** NOBODY_ANSWERED: no passage came, and something was wrong with every party that was asked. */
export type IntegrationFaultCode = "NOBODY_ANSWERED";

/** What every integration takes. */
export interface AskingOptions extends Omit<QueryOptions, "signal"> {
  /** As `connect` gives it; one for all questions. Whoever made it closes it. */
  readonly client: Pick<SottoClient, "query">;
  /** Told of every question's parties: who answered, who is missing and why. */
  readonly onParties?: ((parties: readonly PartyOutcome[]) => void) | undefined;
}

export interface RetrieverOptions extends AskingOptions {
  /** Whether texts are given as they are, for a re-ranker say. Default false: each is marked as a quotation, for it ends in a prompt. `metadata.text` is always as it is. */
  readonly plainText?: boolean | undefined;
}

/**
 * Asks, always with the same options. What it makes throws NOBODY_ANSWERED beside the faults of a question: frameworks hand on passages alone, and would take none for "nothing is known".
 *
 * @throws TypeError for options that do not exist or are out of range.
 */
export function asker({
  client,
  onParties,
  ...options
}: AskingOptions): (question: string, signal?: AbortSignal) => Promise<QueryResult> {
  checkQueryOptions(options);
  return async (question, signal) => {
    const result = await client.query(question, { ...options, ...(signal ? { signal } : {}) }).result;
    onParties?.(result.parties);
    refuseSilence(result);
    return result;
  };
}

/** @throws Fault NOBODY_ANSWERED. */
function refuseSilence({ passages, parties }: QueryResult): void {
  const asked = parties.filter(({ status }) => status !== "not-asked");
  if (passages.length > 0 || asked.some(({ fault }) => fault === undefined)) return;
  const why = missingParties({ parties }).map(({ party, code }) => `${party} (${code})`);
  throw new Fault<IntegrationFaultCode>("NOBODY_ANSWERED", `no passage came from anybody: ${why.join(", ")}`);
}

/** What a framework keeps beside a passage's text. */
export interface PassageMetadata extends CitedPassage {
  /** As `passageUri` names it. */
  readonly source: string;
  /** Others wrote it: data, never instructions. */
  readonly untrusted: true;
}

/** A passage as retrievers of frameworks give it. */
export interface RetrievedPassage {
  readonly id: string;
  readonly text: string;
  readonly metadata: PassageMetadata;
}

export function retrieved(passage: CitedPassage, plainText: boolean): RetrievedPassage {
  const source = passageUri(passage);
  return {
    id: source,
    text: plainText ? passage.text : quotePassage(passage),
    metadata: { ...passage, source, untrusted: true },
  };
}
