import { Fault, type IndexAnswer, type ScoringIndex, deriveSeed, ringLayout, sodium } from "../../crypto/index.ts";
import { type DescribedBlock, type Handle, limits } from "../../protocol/index.ts";
import { openScoringIndex } from "../scoring/index.ts";
import type { SealedStore } from "../sealed-store/index.ts";
import { Collection, type ScoredSnapshot } from "../serving/collection.ts";
import { HostedBlocks } from "./hosted-blocks.ts";
import type { HostedCollection } from "./hosted-collections.ts";

/** Changes of a collection are taken up at most this often. */
const REFRESH_MS = 500;

export interface HostedScorersOptions {
  readonly store: SealedStore;
  readonly hintKey: Uint8Array;
  readonly threads?: number;
}

/** The encrypted scoring of all `double` collections of a host; one is loaded when it is first asked for. */
export class HostedScorers {
  readonly #options: HostedScorersOptions;
  readonly #scorers = new Map<string, HostedScorer>();

  constructor(options: HostedScorersOptions) {
    this.#options = options;
  }

  /** Up to date within half a second, and with all that was {@link changed} before. @throws Fault NOT_SCORED, and those of the store. */
  async of(collection: HostedCollection): Promise<HostedScorer> {
    let scorer = this.#scorers.get(collection.id);
    if (!scorer) this.#scorers.set(collection.id, (scorer = this.#open(collection)));
    await scorer.refresh();
    return scorer;
  }

  /** What readers are told of a collection has changed: whoever is told so must find it so. */
  changed(collectionId: string): void {
    this.#scorers.get(collectionId)?.changed();
  }

  async forget(collectionId: string): Promise<void> {
    const scorer = this.#scorers.get(collectionId);
    this.#scorers.delete(collectionId);
    await scorer?.close();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#scorers.keys()].map((id) => this.forget(id)));
  }

  #open({ id, dim, attachment: { scoring } }: HostedCollection): HostedScorer {
    if (!scoring)
      throw new Fault("NOT_SCORED", "the collection is searched by encrypted vectors; it is not one of mode double");
    const { store, hintKey, threads } = this.#options;
    const layout = ringLayout({ dim, ...scoring });
    const index = openScoringIndex({
      layout,
      hintKey: deriveSeed(hintKey, "sotto hosted hints", sodium.from_hex(id)),
      cachePath: null,
      ...(threads === undefined ? {} : { threads }),
    });
    return new HostedScorer(index, new HostedBlocks({ store, collectionId: id, rowsPerBlock: layout.rowsPerBlock }));
  }
}

/** One `double` collection as it is scored. */
class HostedScorer {
  readonly #index: ScoringIndex;
  readonly #blocks: HostedBlocks;
  readonly #collection: Collection;
  /** Session -> request -> which row was scored where; the oldest are forgotten first. */
  readonly #scored = new WeakMap<object, Map<number, ScoredSnapshot["rowAt"]>>();
  readonly #stop = new AbortController();
  #refreshed = -Infinity;
  #isLoaded = false;
  #refreshing: Promise<unknown> = Promise.resolve();
  #underWay = 0;

  constructor(index: ScoringIndex, blocks: HostedBlocks) {
    this.#index = index;
    this.#blocks = blocks;
    this.#collection = new Collection(blocks, index, () => performance.now());
  }

  /** What was loaded is served on while an owner changes it faster than it can be read. */
  async refresh(): Promise<void> {
    if (performance.now() - this.#refreshed >= REFRESH_MS) {
      this.#refreshed = performance.now();
      this.#refreshing = this.#refreshing.catch(() => undefined).then(() => this.#load());
    }
    await this.#refreshing;
  }

  changed(): void {
    this.#refreshed = -Infinity;
  }

  async #load(): Promise<void> {
    try {
      await this.#collection.refresh(this.#stop.signal);
      this.#isLoaded = true;
    } catch (error) {
      if (!this.#isLoaded || !(error instanceof Fault) || error.code !== "COLLECTION_CHANGED") throw error;
    }
  }

  describe(held: ReadonlySet<string>): DescribedBlock[] {
    return this.#collection.describe(held);
  }

  describeVersions(wanted: ReadonlySet<string>): DescribedBlock[] {
    return this.#collection.describeVersions(wanted);
  }

  /** @throws Fault QUERY_MALFORMED, BUSY. */
  async score(session: object, request: number, query: Uint8Array): Promise<IndexAnswer> {
    if (this.#underWay >= limits.queriesQueuedMax) throw new Fault("BUSY", "too many questions are waiting; ask again");
    this.#underWay++;
    try {
      const { answer, rowAt } = await this.#collection.score(query, this.#stop.signal);
      const scored = this.#scored.get(session) ?? new Map<number, ScoredSnapshot["rowAt"]>();
      this.#scored.set(session, scored.set(request, rowAt));
      for (const old of scored.keys()) if (scored.size > limits.hostedScoresKept) scored.delete(old);
      return answer;
    } finally {
      this.#underWay--;
    }
  }

  /** Ids of rows that this request has scored, once; those that are gone are left out. @throws Fault FETCH_EXPIRED. */
  takeScored(session: object, request: number, handles: readonly Handle[]): Uint8Array[] {
    const rowAt = this.#scored.get(session)?.get(request);
    if (!rowAt)
      throw new Fault("FETCH_EXPIRED", "the host does not know what was scored, or its rows were fetched already");
    this.#scored.get(session)?.delete(request);
    return handles.flatMap(({ block, slot }) => {
      const row = rowAt(block, slot);
      return row === null ? [] : (this.#blocks.rowIdOf(row)?.rowId ?? []);
    });
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#refreshing.catch(() => undefined);
    await this.#index.close();
  }
}
