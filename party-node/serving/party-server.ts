import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { Fault, type ScoringIndex, sodium } from "../../crypto/index.ts";
import type { AuditSink } from "../../operation/audit/index.ts";
import type { Connect, Federation, FrameObserver, Identity } from "../../protocol/index.ts";
import type { PassageStore } from "../store/store.ts";
import { LastAsked, ShareMaker } from "../vertical/index.ts";
import { Collection } from "./collection.ts";
import { CoordinatorConnection } from "./coordinator-connection.ts";
import type { QueryBudget } from "./query-budget.ts";
import { QueryService } from "./query-service.ts";
import type { QuerierRights } from "./rights.ts";
import type { RequestHandler } from "./request-handler.ts";

/** How often the store is asked whether another process changed it. */
const REFRESH_MS = 500;
const REFRESH_MS_MAX = 30_000;

export interface PartyServerOptions {
  readonly identity: Identity;
  readonly federation: Federation;
  readonly store: PassageStore;
  readonly index: ScoringIndex;
  /** Who answers requests that are not about this party's own passages; closed by the caller. */
  readonly handlers?: readonly RequestHandler[] | undefined;
  /** How many questions a querier may ask; without it any number. */
  readonly queryBudget?: QueryBudget | undefined;
  /** Who may ask, and for how many passages; without it every querier, for any number. */
  readonly rights?: QuerierRights | undefined;
  /** Where a party of a vertical federation keeps which queries it has answered; without it a restart forgets them. */
  readonly answeredPath?: string | undefined;
  /** A connection is kept to each. */
  readonly coordinatorUrls: readonly string[];
  /** As {@link DialOptions.ca}. */
  readonly ca?: string | undefined;
  /** As {@link DialOptions.connect}. */
  readonly connect?: Connect | undefined;
  readonly log: Logger;
  readonly observer?: FrameObserver | undefined;
  /** Told of all that is answered and refused, for the audit log and the metrics. */
  readonly onEvent?: AuditSink | undefined;
}

/** A party's server: keeps a connection to every coordinator and answers what comes over them, from one collection and on one budget. */
export class PartyServer {
  readonly #options: PartyServerOptions;
  readonly #log: Logger;
  readonly #collection: Collection;
  readonly #coordinators: readonly CoordinatorConnection[];
  readonly #stop = new AbortController();
  /** Why it ends although nobody closed it. */
  #failure: Fault | null = null;
  #onReady: (url: string) => void = () => undefined;

  /** @throws Fault VERTICAL_INCOMPLETE, ANSWERED_MALFORMED. */
  constructor(options: PartyServerOptions) {
    const { identity, federation, store, index, answeredPath } = options;
    const { vertical } = federation.terms;
    this.#options = options;
    this.#log = options.log;
    this.#collection = new Collection(store, index, () => performance.now());
    const queries = new QueryService({
      identity,
      federation,
      collection: this.#collection,
      shares: vertical ? new ShareMaker({ identity, federation, store }) : undefined,
      budget: options.queryBudget,
      rights: options.rights,
      lastAsked: vertical && answeredPath !== undefined ? new LastAsked(answeredPath) : undefined,
      now: () => performance.now(),
      wallClock: () => Date.now(),
      onEvent: options.onEvent,
    });
    this.#coordinators = options.coordinatorUrls.map(
      (url) =>
        new CoordinatorConnection({
          ...options,
          url,
          collection: this.#collection,
          queries,
          now: () => performance.now(),
          onReady: () => {
            this.#onReady(url);
          },
          onRefused: () => {
            this.#endIfRefusedByAll();
          },
        }),
    );
  }

  /** Whether questions can reach this party: the collection is loaded, and a coordinator lists it. */
  get isServing(): boolean {
    return this.#coordinators.some(({ isListed }) => isListed);
  }

  /** Every coordinator, and whether it lists this party. */
  get coordinators(): readonly { readonly url: string; readonly isListed: boolean }[] {
    return this.#coordinators;
  }

  /**
   * Loads the collection, then serves until {@link close}; reconnects for ever.
   *
   * @param onReady - Called with a coordinator's address each time it has accepted the connection.
   * @throws Fault WRONG_ROLE, ENCODER_MISMATCH: every coordinator has said that it will not have this party. NOT_A_MEMBER: the founder has removed it, or
   * listed it with another key. SCORING_THREAD_ENDED: it can answer nothing any more.
   */
  async run(onReady: (url: string) => void = () => undefined): Promise<void> {
    this.#onReady = onReady;
    void this.#options.index.failed.then((why) => {
      this.#fail(why);
    });
    await this.#load();
    const following = this.#follow();
    const stopFollowing = this.#options.federation.onChange((changed) => {
      this.#federationChanged(changed);
    });
    try {
      await Promise.all(this.#coordinators.map((coordinator) => coordinator.run()));
    } finally {
      stopFollowing();
      this.close();
      await following;
    }
    if (this.#failure) throw this.#failure;
  }

  close(): void {
    this.#stop.abort();
    for (const coordinator of this.#coordinators) coordinator.close();
  }

  #fail(why: Fault): void {
    this.#failure ??= why;
    this.close();
  }

  /** One that refuses may be mistaken, or lie; while another takes this party, it serves there. */
  #endIfRefusedByAll(): void {
    const [refusal, ...others] = this.#coordinators.map((coordinator) => coordinator.refusal);
    if (refusal && others.every((other) => other !== null)) this.#fail(refusal);
  }

  async #load(): Promise<void> {
    const began = performance.now();
    const { changed: blocks, restored } = await this.#collection.refresh(this.#stop.signal);
    if (this.#stopping()) return;
    const ms = Math.round(performance.now() - began);
    this.#log.info({ passages: this.#collection.rowCount, blocks, restored, ms }, "collection loaded");
  }

  #stopping(): boolean {
    return this.#stop.signal.aborted;
  }

  /**
   * Sessions with members that are not what they were end at once, whatever a coordinator does; so do connections to one that changed. What one coordinator has
   * brought the others get from here: they do not speak to each other.
   */
  #federationChanged(changed: ReadonlySet<string>): void {
    const { federation, identity } = this.#options;
    this.#log.info({ revision: federation.terms.revision, members: [...changed] }, "federation changed");
    const { revision, members } = federation.terms;
    this.#options.onEvent?.({ kind: "federation-taken", revision, members: members.length });
    const isBrought = this.#coordinators.some(({ isBringing }) => isBringing);
    for (const coordinator of this.#coordinators) {
      if (isBrought && !coordinator.isBringing) coordinator.sendFederation();
      coordinator.federationChanged(changed);
    }
    const listed = federation.publicKeyOf(identity.name);
    if (changed.has(identity.name) && !(listed && sodium.memcmp(listed, identity.secretKey.subarray(32))))
      this.#fail(
        new Fault(
          "NOT_A_MEMBER",
          listed
            ? `the founder has listed "${identity.name}" with another key than this node's (revision ${String(revision)}), and the node ends; if that was not meant, ask the founder`
            : `the founder has removed "${identity.name}" from the federation (revision ${String(revision)}), and the node ends; to serve again, ask the founder for a new invitation of that name and join by it in this folder: documents and keys stay`,
        ),
      );
  }

  /** Follows the store until closed; after a failure it looks less and less often, for every look may encode much again. */
  async #follow(): Promise<void> {
    let waitMs = REFRESH_MS;
    while (!this.#stopping()) {
      await sleep(waitMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      if (this.#stopping()) return;
      try {
        const { changed } = await this.#collection.refresh(this.#stop.signal);
        if (changed > 0) this.#log.info({ blocks: changed, passages: this.#collection.rowCount }, "collection changed");
        waitMs = REFRESH_MS;
      } catch (error) {
        if (this.#stopping()) return;
        this.#log.error({ err: error }, "reading the store failed");
        waitMs = Math.min(2 * waitMs, REFRESH_MS_MAX);
      }
    }
  }
}
