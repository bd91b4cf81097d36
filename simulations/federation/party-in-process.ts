import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { pino } from "pino";
import { ClearScorer, LocalShard, RlweIndex, type RingLayout, type ScoringIndex } from "../../crypto/index.ts";
import type { AuditSink } from "../../operation/audit/index.ts";
import type { Encoder } from "../../party-node/encoders/encoder.ts";
import type { NodeKeys } from "../../party-node/keys.ts";
import { PartyServer } from "../../party-node/serving/party-server.ts";
import type { QueryBudget } from "../../party-node/serving/query-budget.ts";
import type { QuerierRights } from "../../party-node/serving/rights.ts";
import type { RequestHandler } from "../../party-node/serving/request-handler.ts";
import { type PassageStore, openSqliteStore } from "../../party-node/store/index.ts";
import type { Alignment } from "../../party-node/vertical/index.ts";
import type { Federation, Identity } from "../../protocol/index.ts";
import { type HostOptions, type OpenHost, openHost } from "./host-in-process.ts";
import { type Corpus, ingestCorpus } from "./ingest-corpus.ts";

/** The federation that a party is of. */
export interface PartyContext {
  readonly federation: Federation;
  /** The same as another process has it. */
  readonly copy: () => Federation;
  readonly layout: RingLayout;
  readonly encoder: Encoder;
  readonly alignment: Alignment | undefined;
  /** Of the coordinators. */
  readonly urls: readonly string[];
  /** Null for a party that keeps no collections of others. */
  readonly hostOptions: (party: string) => HostOptions | null;
  readonly handlers: (party: string) => readonly RequestHandler[];
  readonly queryBudget: (party: string) => QueryBudget | undefined;
  readonly rights: (party: string) => QuerierRights | undefined;
  readonly sink: (party: string) => AuditSink | undefined;
}

/** One row as the party's scoring index has it. */
export interface HeldRow {
  readonly party: string;
  readonly block: number;
  readonly slot: number;
  readonly documentId: string;
  readonly text: string;
  readonly vector: Float32Array;
}

/** A party with real keys, a real store and, while started, a real server. */
export class PartyInProcess {
  readonly name: string;
  readonly identity: Identity;
  readonly keys: NodeKeys;
  readonly #owner: PartyContext;
  readonly #folder: string;
  #server: { readonly server: PartyServer; readonly stop: () => Promise<void> } | null = null;
  /** As its server has it since it was last started. */
  federation: Federation;
  /** Rejects with the fault that ended its server. */
  ended: Promise<void> = Promise.resolve();

  constructor(name: string, keys: NodeKeys, owner: PartyContext, folder: string) {
    this.name = name;
    this.keys = keys;
    this.identity = { name, secretKey: keys.identity.privateKey };
    this.#owner = owner;
    this.#folder = folder;
    this.federation = owner.copy();
    mkdirSync(folder);
  }

  /** Where it keeps collections of others, unless it is given a store. */
  get hostedFolder(): string {
    return join(this.#folder, "hosted");
  }

  /** Another connection to the party's store, as another process would have it; the caller closes it. */
  openStore(): PassageStore {
    return openSqliteStore({
      path: join(this.#folder, "store.db"),
      storeKey: this.keys.storeKey,
      rowsPerBlock: this.#owner.layout.rowsPerBlock,
    });
  }

  /** Makes the corpus what the party holds: what is missing from it is deleted. A server that runs follows within half a second. */
  async ingest(corpus: Corpus): Promise<void> {
    const store = this.openStore();
    try {
      await ingestCorpus(this.#folder, corpus, store, this.#owner.encoder, this.#owner.alignment);
    } finally {
      store.close();
    }
  }

  /** Every row with its vector, in no order. */
  rows(): HeldRow[] {
    const store = this.openStore();
    try {
      return [...store.blockRevisions().keys()]
        .flatMap((block) => store.vectorsOfBlock(block))
        .flatMap(({ rowId, block, slot, vector }) =>
          store
            .passages([rowId])
            .map(({ documentId, text }) => ({ party: this.name, block, slot, documentId, text, vector })),
        );
    } finally {
      store.close();
    }
  }

  makeIndex(): ScoringIndex {
    const { federation, layout } = this.#owner;
    return federation.terms.mode === "clear" ? new ClearScorer(layout) : encryptedIndex(layout, this.keys.hintKey);
  }

  /** Which coordinators list it; none while it is not started. */
  get coordinators(): PartyServer["coordinators"] {
    return this.#server?.server.coordinators ?? [];
  }

  /** Resolves once every coordinator lists the party. */
  async start(): Promise<void> {
    const { urls } = this.#owner;
    this.federation = this.#owner.copy();
    const options = this.#owner.hostOptions(this.name);
    const host: OpenHost | null = options && (await openHost(options, this.hostedFolder, this.keys.hintKey));
    const store = this.openStore();
    const server = new PartyServer({
      identity: this.identity,
      federation: this.federation,
      store,
      index: this.makeIndex(),
      handlers: [...(host ? [host.service] : []), ...this.#owner.handlers(this.name)],
      queryBudget: this.#owner.queryBudget(this.name),
      rights: this.#owner.rights(this.name),
      coordinatorUrls: urls,
      log: pino({ enabled: false }),
      onEvent: this.#owner.sink(this.name),
    });
    const ready = Promise.withResolvers<null>();
    const running = server.run(() => {
      if (server.coordinators.every(({ isListed }) => isListed)) ready.resolve(null);
    });
    this.ended = running;
    // Whoever waits for it is told; nobody has to.
    running.catch(() => undefined);
    this.#server = {
      server,
      stop: async () => {
        server.close();
        await running.catch(() => undefined);
        await host?.close();
        store.close();
      },
    };
    await Promise.race([ready.promise, running]);
  }

  /** Leaves the federation; start it again to return. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    await server?.stop();
  }
}

/** Encrypted scoring in this thread. */
function encryptedIndex(layout: RingLayout, hintKey: Uint8Array): ScoringIndex {
  return new RlweIndex(layout, { openShard: () => new LocalShard(layout, hintKey) });
}
