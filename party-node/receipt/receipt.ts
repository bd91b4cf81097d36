import type { HostedOutcome, PartyOutcome, QueryResult } from "../asking/result.ts";
import type { Counted, Flow, MemberTraffic, Traffic } from "../asking/traffic.ts";
import { QUERY_BUDGET_DAYS_DEFAULT, defaultQueryBudget } from "../serving/default-query-budget.ts";
import type { FederationTerms } from "../../protocol/index.ts";
import { type HostSight, type Sight, sightOfCoordinator, sightOfMember, wasAway } from "./sight.ts";

/** What is known of how many more questions a party answers. The protocol does not say how many are left. */
export interface Budget {
  /** Questions that this one was counted as: one for every time it was asked. Where the party has not answered, that many at most. */
  readonly counted: number;
  /** What holds unless the party's operator says otherwise. */
  readonly usual: { readonly questions: number; readonly days: number };
  /** In the party's own words, where it answers no more for now. */
  readonly spent?: string;
}

/** One member that something went to or came from, and what it could see. */
export interface Recipient extends Sight {
  readonly name: string;
  readonly role: "coordinator" | "party" | "host";
  /** The coordinator's is everything; a member's is what of it went on there or came from there. */
  readonly traffic: Flow;
  /** What a member's traffic is made of. */
  readonly parts?: MemberTraffic;
  /** What it answered, as a party. */
  readonly outcome?: PartyOutcome;
  /** Hosted collections that were asked there. */
  readonly collections?: readonly HostedOutcome[];
  /** Of a party that was sent the question and was there. */
  readonly budget?: Budget;
}

/** Everything about one question that left this machine, who could see what of it, and none of what was asked, scored or read. */
export interface Receipt {
  readonly kind: "sotto privacy receipt";
  readonly version: 1;
  readonly sotto: string;
  /** ISO 8601, by this machine's clock. */
  readonly askedAt: string;
  readonly federation: string;
  readonly querier: string;
  readonly mode: "private" | "clear" | "vertical";
  /** The code of the fault with which the question ended before it had an answer; not set where it has one. */
  readonly failure?: string;
  /** Bytes of messages; encryption adds 17 a message, WebSocket and TCP a little more. */
  readonly total: Flow;
  /** Coordinators first. */
  readonly recipients: readonly Recipient[];
}

export interface ReceiptOptions {
  readonly result: Pick<QueryResult, "parties">;
  /** Of the time in which the question was asked, and no other. */
  readonly traffic: Traffic;
  readonly terms: FederationTerms;
  readonly querier: string;
  readonly askedAtMs: number;
  /** This program's version. */
  readonly version: string;
  /** Set for a question that ended without an answer: what was known until then is in `result`. */
  readonly failed?: FailedQuestion;
}

export interface FailedQuestion {
  /** Of the fault. */
  readonly code: string;
  /** Every hosted collection that this member asks. */
  readonly hosted: readonly Pick<HostedOutcome, "name" | "host" | "mode">[];
}

export function makeReceipt(options: ReceiptOptions): Receipt {
  const { result, traffic, terms, querier, askedAtMs, version, failed } = options;
  const mode = terms.vertical ? "vertical" : terms.mode;
  const coordinators = [...traffic.coordinators].map(([name, flow]): Recipient => ({
    name,
    role: "coordinator",
    traffic: flow,
    ...sightOfCoordinator(mode),
  }));
  const own = result.parties.filter(({ collection }) => !collection);
  const hosted = hostedOf(options);
  const names = new Set([...own.map(({ party }) => party), ...hosted.keys(), ...traffic.members.keys()]);
  const parties = new Set(terms.members.filter(({ roles }) => roles.includes("party")).map((member) => member.name));
  const members = [...names].map((name): Recipient => {
    const outcome = own.find(({ party }) => party === name);
    const asked = hosted.get(name) ?? [];
    const collections = asked.flatMap(({ collection }) => collection ?? []);
    const parts = traffic.members.get(name) ?? NOTHING;
    return {
      name,
      role: outcome || (asked.length === 0 && parties.has(name)) ? "party" : "host",
      traffic: flowOf(parts),
      parts,
      ...(outcome ? { outcome: withoutEvidence(outcome) } : {}),
      ...(collections.length > 0 ? { collections } : {}),
      ...(parts.question.messages > 0 && !(outcome && wasAway(outcome))
        ? { budget: budgetOf(outcome, parts, terms) }
        : {}),
      ...sightOfMember({ mode, parts, outcome, collections: asked }),
    };
  });
  return {
    kind: "sotto privacy receipt",
    version: 1,
    sotto: version,
    askedAt: new Date(askedAtMs).toISOString(),
    federation: terms.name,
    querier,
    mode,
    ...(failed ? { failure: failed.code } : {}),
    total: [...traffic.coordinators.values()].reduce(sum, NO_FLOW),
    recipients: [...coordinators, ...members],
  };
}

interface AskedCollection extends HostSight {
  readonly host: string;
  /** Not set where nothing was known when the question failed. */
  readonly collection?: HostedOutcome;
}

/** @returns Host -> the collections that were asked there. */
function hostedOf({ result, failed }: ReceiptOptions): ReadonlyMap<string, AskedCollection[]> {
  const known = result.parties.flatMap(({ collection, status }): AskedCollection[] =>
    collection ? [{ ...collection, isAnswered: status === "answered", collection }] : [],
  );
  const open = (failed?.hosted ?? []).filter(({ name }) => !known.some((one) => one.name === name));
  const unknown = open.map((one): AskedCollection => ({ ...one, candidates: 0, isAnswered: false }));
  return Map.groupBy([...known, ...unknown], ({ host }) => host);
}

const NONE: Counted = { messages: 0, bytes: 0 };
const NO_FLOW: Flow = { up: NONE, down: NONE };
const NOTHING: MemberTraffic = { question: NONE, scores: NONE, session: NO_FLOW };

function flowOf({ question, scores, session }: MemberTraffic): Flow {
  return { up: add(question, session.up), down: add(scores, session.down) };
}

function sum(a: Flow, b: Flow): Flow {
  return { up: add(a.up, b.up), down: add(a.down, b.down) };
}

function add(a: Counted, b: Counted): Counted {
  return { messages: a.messages + b.messages, bytes: a.bytes + b.bytes };
}

function budgetOf(
  outcome: PartyOutcome | undefined,
  { question }: MemberTraffic,
  { scoring: { dim } }: FederationTerms,
): Budget {
  const fault = outcome?.fault;
  const usual = { questions: defaultQueryBudget(dim), days: QUERY_BUDGET_DAYS_DEFAULT };
  if (fault?.code === "QUERY_BUDGET_SPENT") return { counted: 0, usual, spent: fault.reason };
  return { counted: question.messages, usual };
}

/** A receipt may be shown to others: where this machine keeps its files is not in it. */
function withoutEvidence(outcome: PartyOutcome): PartyOutcome {
  const { fault } = outcome;
  if (!fault) return outcome;
  const { evidence: _, ...shown } = fault;
  return { ...outcome, fault: shown };
}
