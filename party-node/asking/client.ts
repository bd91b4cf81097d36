import { setTimeout as sleep } from "node:timers/promises";
import { type Asker, ClearAsker, Fault, type RingLayout } from "../../crypto/index.ts";
import { RlweAsker } from "../../crypto/secret/index.ts";
import {
  type Connect,
  type DescribedBlock,
  type Federation,
  type FrameObserver,
  type Identity,
  type ProtocolFaultCode,
} from "../../protocol/index.ts";
import type { Encoder } from "../encoders/index.ts";
import { CoordinatorLink, type EndToEndSession } from "../link/index.ts";
import { SeenSequences } from "../outsourced/index.ts";
import { throwIfAborted } from "./aborted.ts";
import { checkEncoder, federationLayout } from "./federation-layout.ts";
import type { HintCache } from "./hint-cache.ts";
import { HostedSources, type HostedSourcesOptions } from "./hosted-sources.ts";
import { PartySession } from "./party-session.ts";
import { type EvidenceSink, type QuestionOptions, checkQuestion } from "./question.ts";
import type { CitedPassage, PartyFault, PartyOutcome, QueryResult } from "./result.ts";
import { RepeatedQuestion } from "./repeated-question.ts";
import { RepeatedTotal } from "./repeated-total.ts";
import type { TotalQuestionOptions } from "./total-question.ts";
import { inOrder, mergeRankings } from "./merged-ranking.ts";
import { rowsToFetch, showOnce } from "./near-duplicates.ts";
import { checkPassages, sourceOf } from "./passage-checks.ts";
import { type QueryOptions, checkQueryOptions, type CheckedOptions } from "./query-options.ts";
import { type Asking, startAsking } from "./start-asking.ts";
import { TextCodes } from "./text-codes.ts";
import { between } from "./timings.ts";
import { type FederationView, viewFederation } from "./federation-view.ts";
import { PartyRouter } from "../routing/index.ts";
import { withAsked, withFault } from "./outcome-details.ts";
import { notAsked, withRoute } from "./route-outcomes.ts";

export interface ClientOptions {
  readonly identity: Identity;
  readonly federation: Federation;
  readonly encoder: Encoder;
  /** Whether closing the client closes the encoder; default false. */
  readonly ownsEncoder?: boolean;
  /** Where downloaded hints are kept between two runs. */
  readonly hintCache?: HintCache;
  /** Hosted collections that this member can read. */
  readonly collections?: HostedCollectionsOptions;
  /** Of the coordinators, in the order in which they are tried; default is the federation's. */
  readonly coordinatorUrls?: readonly string[] | undefined;
  /** As {@link DialOptions.ca}. */
  readonly ca?: string | undefined;
  /** As {@link DialOptions.connect}. */
  readonly connect?: Connect | undefined;
  readonly observer?: FrameObserver | undefined;
  /** Told of what a party's own signatures prove against it; default: nobody is. What it is given may hold the question in the open. */
  readonly onEvidence?: EvidenceSink | undefined;
  /** Must be true for a federation in clear mode, where every question is visible to the coordinator and all parties. */
  readonly insecureClear?: boolean | undefined;
}

/** What a keyring gives a client. */
export interface HostedCollectionsOptions extends Pick<HostedSourcesOptions, "entries" | "seen" | "onNewKey"> {
  /** Called when the client is closed and needs the keys no longer. */
  readonly onClose?: () => void;
}

/** How long connecting waits for parties to deliver their hints. */
const CONNECT_PATIENCE_MS = 2000;

/** A querier in a federation, made by `connect`. One serves any number of questions, also at once; dispose of it, or `close` it, at the end. */
export class SottoClient {
  readonly #options: ClientOptions;
  readonly #link: CoordinatorLink;
  readonly #layout: RingLayout;
  readonly #asker: Asker;
  readonly #hosted: HostedSources;
  readonly #texts: TextCodes;
  readonly #router: PartyRouter;
  readonly #opening = new Map<string, Promise<PartySession>>();
  readonly #lastSession = new Map<string, PartySession>();
  #closed = false;

  private constructor(options: ClientOptions) {
    const { federation, coordinatorUrls, ca, connect, identity, observer } = options;
    this.#options = options;
    this.#layout = federationLayout(federation);
    this.#texts = new TextCodes(options.encoder);
    this.#asker = federation.terms.mode === "clear" ? new ClearAsker(this.#layout) : new RlweAsker(this.#layout);
    this.#link = new CoordinatorLink({
      urls: coordinatorUrls ?? federation.terms.coordinatorUrls,
      ca,
      connect,
      identity,
      federation,
      observer,
    });
    const { entries = [], seen = new SeenSequences(null), onNewKey = () => undefined } = options.collections ?? {};
    const session = async (host: string): Promise<EndToEndSession> => (await this.#session(host)).channel;
    this.#router = new PartyRouter({ encoder: options.encoder, session });
    this.#hosted = new HostedSources({ identity, federation, entries, seen, onNewKey, session });
  }

  /**
   * Connects, downloads the hints of every party that is there, and begins to make query keys. @internal
   *
   * @throws Fault ENCODER_MISMATCH, PARAMETERS_INVALID, CONNECTION_REFUSED, NOT_A_MEMBER, HANDSHAKE_FAILED and the like.
   */
  static async connect(options: ClientOptions): Promise<SottoClient> {
    checkEncoder(options.encoder, options.federation);
    if (options.federation.terms.mode === "clear" && options.insecureClear !== true)
      throw new Fault(
        "CLEAR_MODE",
        "this federation runs in clear: the coordinator and every party would see the question. Allow it (--insecure-clear, insecureClear) if that is what you want",
      );
    const client = new SottoClient(options);
    try {
      await client.#link.open();
      const sessions = client.parties
        .filter((name) => client.#link.online.has(name))
        .map((name) => client.#session(name));
      // A party that stalls must not hold the others up: its hints come when they come.
      const ready = Promise.allSettled([...sessions, client.#hosted.prepare()]);
      await Promise.race([ready, sleep(CONNECT_PATIENCE_MS, undefined, { ref: false })]);
    } catch (error) {
      client.close();
      throw error;
    }
    return client;
  }

  /** Names of the federation's parties, present or not. */
  get parties(): readonly string[] {
    return this.#options.federation.terms.members
      .filter(({ roles }) => roles.includes("party"))
      .map(({ name }) => name);
  }

  /** Names of the parties that are connected at present. */
  get online(): readonly string[] {
    return [...this.#link.online];
  }

  /** What this member knows of its federation at present. */
  get federation(): FederationView {
    return viewFederation(this.#options, this.#link.online);
  }

  /** Resolves when a query key is ready for every block known: the next question then costs the least. */
  async warm(): Promise<void> {
    await Promise.all([this.#asker.ready(), this.#hosted.warm()]);
  }

  /**
   * Asks all parties one question, which leaves this process only encrypted. The work begins at once, whether or not anybody awaits it.
   *
   * @throws Fault QUESTION_EMPTY, QUESTION_TOO_LONG; TypeError for options that do not exist or are out of range.
   */
  query(question: string, options: QueryOptions = {}): Asking {
    const asked = checkQueryOptions(options);
    checkQuestion(question);
    return startAsking((report) =>
      this.#run(question, asked, report).finally(() => {
        if (!this.#closed) this.#asker.refill();
      }),
    );
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Ends the connection and wipes unused query keys; questions under way are rejected. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#hosted.close();
    this.#options.collections?.onClose?.();
    for (const session of this.#lastSession.values()) session.close();
    this.#options.hintCache?.flush();
    this.#asker.close();
    this.#link.close();
    if (this.#options.ownsEncoder) void this.#options.encoder.close();
  }

  async #run(
    question: string,
    { k, deadlineMs: givenMs, signal, keepDuplicates, partyMax, route, ...checks }: CheckedOptions,
    report: (outcome: PartyOutcome) => void,
  ): Promise<QueryResult> {
    if (this.#closed) throw new TypeError("query: the client is closed");
    throwIfAborted(signal);
    const began = performance.now();
    const embedding = await this.#options.encoder.encodeQuery(question);
    using wiped = new DisposableStack();
    wiped.defer(() => embedding.fill(0));
    if (embedding.every((entry) => entry === 0))
      throw new Fault("QUESTION_UNREADABLE", "the encoder knows none of the question's words; put it differently");
    const encoded = performance.now();
    await inTime(this.#link.open(), givenMs);
    throwIfAborted(signal);
    const deadlineMs = Math.max(1, Math.round(givenMs - (performance.now() - began)));
    if (this.#options.federation.terms.vertical && route !== undefined)
      throw new Fault(
        "NOT_ROUTABLE",
        "in a vertical federation every party has a part of the score; leave out the route",
      );
    if (this.#options.federation.terms.vertical)
      return await this.#runTotal(embedding, { k, deadlineMs, signal, began, encoded }, report);
    const outcomes: PartyOutcome[] = [];
    const take = (outcome: PartyOutcome): void => {
      outcomes.push(outcome);
      report(outcome);
    };
    const hosted = this.#hosted.ask(embedding, { k, deadlineMs, signal }, take);
    hosted.catch(() => undefined);
    const empty = await this.#emptyParties();
    throwIfAborted(signal);
    for (const [party, ms] of empty) take({ party, status: "answered", passagesScored: 0, ms });
    const filled = this.parties.filter((party) => !empty.has(party));
    const routes = route === undefined ? null : await this.#router.route(embedding, filled, route);
    const parties = filled.filter((party) => routes?.get(party)?.reason !== "unlikely");
    for (const party of filled) if (!parties.includes(party)) take(notAsked(party, routes));
    const kept = keepDuplicates ? k : rowsToFetch(k, parties.length + this.#hosted.count);
    const asked =
      parties.length > 0
        ? await this.#encrypt(embedding, { parties, k: Math.min(k, partyMax), kept, deadlineMs })
        : null;
    wiped.defer(() => asked?.dispose());
    const encrypted = performance.now();
    await asked?.scores((outcome) => {
      take(withRoute(outcome, routes));
    }, signal);
    const ranking = mergeRankings(kept, asked?.best ?? [], await hosted, partyMax);
    const scored = performance.now();
    const answered = outcomes.filter(({ status, collection }) => status === "answered" && !collection);
    const {
      passages,
      faults,
      asked: wanted,
    } = (await asked?.passages(
      answered.flatMap(({ party }) => (empty.has(party) ? [] : party)),
      ranking.flatMap((ranked) => ("block" in ranked ? ranked : [])),
      signal,
    )) ?? { passages: [], faults: new Map<string, PartyFault>(), asked: new Map<string, number>() };
    const { encoder } = this.#options;
    const checked = await checkPassages(inOrder(ranking, passages), embedding, {
      ...checks,
      encoder,
      layout: this.#layout,
    });
    const evidence = asked ? this.#accuse(asked, checked.inflated, embedding) : new Map<string, string>();
    const shown = keepDuplicates ? checked.passages : await showOnce(checked.passages, this.#texts);
    return {
      passages: shown.slice(0, k),
      parties: outcomes.map((outcome) => {
        const missing = outcome.collection ? undefined : faults.get(outcome.party);
        const inflated = checked.faults.get(sourceOf(outcome));
        const kept = evidence.get(sourceOf(outcome));
        const proven = inflated && kept !== undefined ? { ...inflated, evidence: kept } : inflated;
        return withFault(withAsked(outcome, wanted), proven ?? missing);
      }),
      timingsMs: between({ began, encoded, encrypted, scored, done: performance.now() }),
    };
  }

  /** Keeps what proves the first passage of each party whose score was too high. @returns Party -> where. */
  #accuse(
    asked: RepeatedQuestion,
    inflated: readonly CitedPassage[],
    embedding: Float32Array,
  ): ReadonlyMap<string, string> {
    const kept = new Map<string, string>();
    for (const passage of inflated) {
      if (passage.collection !== undefined || kept.has(passage.party)) continue;
      const path = asked.accuse(passage, embedding);
      if (path !== null) kept.set(passage.party, path);
    }
    return kept;
  }

  /** The query of a vertical federation: one total of all parties. Hosted collections have no part in it. */
  async #runTotal(
    embedding: Float32Array,
    asking: Pick<TotalQuestionOptions, "k" | "deadlineMs" | "signal"> & {
      readonly began: number;
      readonly encoded: number;
    },
    report: (outcome: PartyOutcome) => void,
  ): Promise<QueryResult> {
    const { identity, federation } = this.#options;
    const { began, encoded, ...options } = asking;
    const question = await RepeatedTotal.encrypt(this.#asker, embedding, {
      ...options,
      link: this.#link,
      identity,
      federation,
      layout: this.#layout,
      session: (party) => this.#session(party),
    });
    const encrypted = performance.now();
    const { parties, best } = await question.total();
    embedding.fill(0);
    for (const outcome of parties) report(outcome);
    const scored = performance.now();
    const answered = parties.every(({ status }) => status === "answered");
    const none = { passages: [], faults: null, asked: new Map<string, number>() };
    const { passages, faults, asked } = answered ? await question.passages(best) : none;
    return {
      passages,
      parties: parties.map((outcome) => withFault(withAsked(outcome, asked), faults?.get(outcome.party))),
      timingsMs: between({ began, encoded, encrypted, scored, done: performance.now() }),
    };
  }

  #encrypt(
    embedding: Float32Array,
    asking: Pick<QuestionOptions, "parties" | "k" | "kept" | "deadlineMs">,
  ): Promise<RepeatedQuestion> {
    const { identity, federation, onEvidence } = this.#options;
    return RepeatedQuestion.encrypt(this.#asker, embedding, {
      ...asking,
      onEvidence,
      link: this.#link,
      identity,
      federation,
      layout: this.#layout,
      session: (party) => this.#session(party),
    });
  }

  /** Parties that say again that they have no passages, as hosts of others' collections may, with the time it took: they are spared the question. */
  async #emptyParties(): Promise<ReadonlyMap<string, number>> {
    const empty = new Map<string, number>();
    const began = performance.now();
    const look = async (party: string): Promise<void> => {
      const session = this.#lastSession.get(party);
      if (!session?.usable || session.blocks.length > 0) return;
      await session.refresh();
      if (session.blocks.length === 0) empty.set(party, performance.now() - began);
    };
    // Whoever does not say so soon is asked like the others.
    const looked = Promise.allSettled(this.parties.map(look));
    await Promise.race([looked, sleep(CONNECT_PATIENCE_MS, undefined, { ref: false })]);
    return new Map(empty);
  }

  /** The open session with a party; a broken one is opened anew and takes over the hints. */
  #session(party: string): Promise<PartySession> {
    const last = this.#lastSession.get(party);
    if (last?.usable) return Promise.resolve(last);
    const opening =
      this.#opening.get(party) ?? this.#openSession(party, last?.blocks ?? this.#options.hintCache?.load(party) ?? []);
    this.#opening.set(party, opening);
    return opening;
  }

  async #openSession(party: string, known: readonly DescribedBlock[]): Promise<PartySession> {
    const { identity, federation } = this.#options;
    const onBlocks = (): void => {
      this.#blocksChanged(party);
    };
    try {
      await this.#link.open();
      const session = await PartySession.open(
        { link: this.#link, party, identity, federation, layout: this.#layout, onBlocks },
        known,
      );
      this.#lastSession.set(party, session);
      this.#blocksChanged(party);
      return session;
    } finally {
      this.#opening.delete(party);
    }
  }

  #blocksChanged(party: string): void {
    if (this.#closed) return;
    const blocks = this.#lastSession.get(party)?.blocks;
    if (blocks) this.#options.hintCache?.save(party, blocks);
    this.#asker.blocksChanged(new Map([...this.#lastSession].map(([name, session]) => [name, session.blocks])));
  }
}

/** @throws Fault DEADLINE_EXCEEDED. */
async function inTime(opening: Promise<void>, deadlineMs: number): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const why = "the coordinator was not reached within the question's deadline; ask again";
    late.reject(new Fault<ProtocolFaultCode>("DEADLINE_EXCEEDED", why));
  }, deadlineMs);
  try {
    await Promise.race([opening, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
