import { Fault } from "../../crypto/index.ts";
import { type DescribedBlock, type EndToEndMessage, limits, unpackScoredBlocks } from "../../protocol/index.ts";
import { type EndToEndSession, unexpectedAnswer } from "../link/index.ts";
import { type DescriptionOptions, describedBlocks, isFull } from "./described-blocks.ts";
import { KnownBlocks } from "./known-blocks.ts";

export interface RemoteBlocksOptions extends DescriptionOptions {
  /** Key id of a hosted collection; left out for the party's own passages. */
  readonly collection?: Uint8Array;
  /** Called when the present blocks have changed. */
  readonly onBlocks: () => void;
}

/** The blocks of one party, or of one collection that it keeps for somebody, as the querier knows them. */
export class RemoteBlocks {
  readonly #options: RemoteBlocksOptions;
  readonly #known = new KnownBlocks();
  /** The present blocks as the latest answer listed them. */
  #list: Uint8Array | null = null;
  /** Ends when all lists of blocks so far are taken in. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: RemoteBlocksOptions) {
    this.#options = options;
  }

  /** The blocks as they were listed last; another array when they have changed. */
  get present(): readonly DescribedBlock[] {
    return this.#known.present;
  }

  /**
   * Downloads the descriptions of all present blocks, and the hints of those that are not known.
   *
   * @param known - Blocks from an earlier session, at most `blocksPerPartyMax`: their hints are not downloaded again.
   * @throws Fault HINT_MALFORMED, and those of {@link describedBlocks} and {@link EndToEndSession.request}.
   */
  async sync(session: EndToEndSession, known: readonly DescribedBlock[]): Promise<void> {
    const { party, collection } = this.#options;
    const holds = new Map(known.map((block) => [block.version, block]));
    const synced = new Map<string, DescribedBlock>();
    const held = versionList([...holds.keys()]);
    await session.request({ type: "sync", held, ...(collection ? { collection } : {}) }, (page) => {
      for (const block of this.#describedIn(page)) {
        if (synced.size >= limits.blocksPerPartyMax) throw unexpectedAnswer(party);
        const complete = isFull(block) ? block : holds.get(block.version);
        if (complete?.block !== block.block) throw unexpectedAnswer(party);
        synced.set(block.version, complete);
      }
    });
    this.#list = null;
    this.#become([...synced.values()]);
  }

  /** {@link sync} again, after all lists so far. */
  async refresh(session: EndToEndSession): Promise<void> {
    const refreshed = this.#turn.then(() => this.sync(session, this.#known.present));
    this.#turn = refreshed.catch(() => undefined);
    await refreshed;
  }

  /**
   * The blocks that an answer lists, in its order. Descriptions of versions not known are downloaded, all of them, whatever the question was; and since
   * an answer lists every block there is, the others are no longer present.
   *
   * @param list - As {@link unpackScoredBlocks} takes it; kept.
   * @throws Fault ANSWER_MALFORMED when a block is listed twice, or as the party does not describe it.
   */
  async blocksOf(session: EndToEndSession, list: Uint8Array): Promise<readonly DescribedBlock[]> {
    if (this.#list && Buffer.compare(list, this.#list) === 0) return this.#known.present;
    const taken = this.#turn.then(() => this.#takeList(session, list));
    this.#turn = taken.catch(() => undefined);
    return taken;
  }

  async #takeList(session: EndToEndSession, list: Uint8Array): Promise<readonly DescribedBlock[]> {
    const { party } = this.#options;
    const listed = unpackScoredBlocks(list);
    if (new Set(listed.map(({ block }) => block)).size !== listed.length)
      throw new Fault("ANSWER_MALFORMED", `${party} scored a block twice`);
    const unknown = listed.filter(({ version }) => !this.#known.get(version));
    const downloaded = await this.#describe(
      session,
      unknown.map(({ version }) => version),
    );
    const blocks = listed.map(({ block, version }) => {
      const described = this.#known.get(version) ?? downloaded.get(version);
      if (described?.block !== block)
        throw new Fault("ANSWER_MALFORMED", `${party} scored a block that it does not describe`);
      return described;
    });
    this.#become(blocks);
    this.#list = list;
    return blocks;
  }

  async #describe(session: EndToEndSession, versions: readonly string[]): Promise<ReadonlyMap<string, DescribedBlock>> {
    const { party, collection } = this.#options;
    const wanted = new Set(versions);
    const described = new Map<string, DescribedBlock>();
    if (wanted.size === 0) return described;
    const request = { type: "describe" as const, versions: versionList([...wanted]) };
    await session.request({ ...request, ...(collection ? { collection } : {}) }, (page) => {
      for (const block of this.#describedIn(page)) {
        if (!wanted.has(block.version) || !isFull(block)) throw unexpectedAnswer(party);
        described.set(block.version, block);
      }
    });
    return described;
  }

  #become(blocks: readonly DescribedBlock[]): void {
    if (this.#known.replace(blocks)) this.#options.onBlocks();
  }

  /** Checks each page as it comes: what does not fit is not kept. */
  #describedIn(page: EndToEndMessage): DescribedBlock[] {
    if (page.type !== "blocks") throw unexpectedAnswer(this.#options.party);
    return describedBlocks(page, this.#options);
  }
}

function versionList(versions: readonly string[]): Uint8Array {
  return new Uint8Array(Buffer.from(versions.join(""), "hex"));
}
