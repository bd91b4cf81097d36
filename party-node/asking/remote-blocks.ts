import { type BlockDescription, Fault, type RingLayout, type ScoringFaultCode, sodium } from "../../crypto/index.ts";
import { type EndToEndMessage, limits, unpackScoredBlocks } from "../../protocol/index.ts";
import { type EndToEndSession, unexpectedAnswer } from "../link/index.ts";
import { KnownBlocks } from "./known-blocks.ts";

export interface RemoteBlocksOptions {
  readonly party: string;
  readonly layout: RingLayout;
  /** Bytes of every hint: the layout's, or 0 in clear. */
  readonly hintBytes: number;
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
  get present(): readonly BlockDescription[] {
    return this.#known.present;
  }

  /**
   * Downloads the descriptions of all present blocks, and the hints of those that are not known.
   *
   * @param known - Blocks from an earlier session, at most `blocksPerPartyMax`: their hints are not downloaded again.
   * @throws Fault HINT_MALFORMED, MESSAGE_INVALID, and those of {@link EndToEndSession.request}.
   */
  async sync(session: EndToEndSession, known: readonly BlockDescription[]): Promise<void> {
    const { party, collection } = this.#options;
    const hints = new Map(known.filter((block) => this.#isComplete(block)).map(({ version, hint }) => [version, hint]));
    const synced = new Map<string, BlockDescription>();
    const held = versionList([...hints.keys()]);
    await session.request({ type: "sync", held, ...(collection ? { collection } : {}) }, (page) => {
      for (const block of this.#describedIn(page)) {
        if (synced.size >= limits.blocksPerPartyMax) throw unexpectedAnswer(party);
        const complete = this.#isComplete(block) ? block : { ...block, hint: hints.get(block.version) ?? block.hint };
        if (!this.#isComplete(complete)) throw this.#hintMissing();
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
  async blocksOf(session: EndToEndSession, list: Uint8Array): Promise<readonly BlockDescription[]> {
    if (this.#list && Buffer.compare(list, this.#list) === 0) return this.#known.present;
    const taken = this.#turn.then(() => this.#takeList(session, list));
    this.#turn = taken.catch(() => undefined);
    return taken;
  }

  async #takeList(session: EndToEndSession, list: Uint8Array): Promise<readonly BlockDescription[]> {
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

  async #describe(
    session: EndToEndSession,
    versions: readonly string[],
  ): Promise<ReadonlyMap<string, BlockDescription>> {
    const { party, collection } = this.#options;
    const wanted = new Set(versions);
    const described = new Map<string, BlockDescription>();
    if (wanted.size === 0) return described;
    const request = { type: "describe" as const, versions: versionList([...wanted]) };
    await session.request({ ...request, ...(collection ? { collection } : {}) }, (page) => {
      for (const block of this.#describedIn(page)) {
        if (!wanted.has(block.version)) throw unexpectedAnswer(party);
        if (!this.#isComplete(block)) throw this.#hintMissing();
        described.set(block.version, block);
      }
    });
    return described;
  }

  /** A block without its hint would be remembered, and named as held, for as long as its version lasts. */
  #isComplete({ hint }: BlockDescription): boolean {
    return hint.length === this.#options.hintBytes;
  }

  #hintMissing(): Fault {
    return new Fault<ScoringFaultCode>("HINT_MALFORMED", `${this.#options.party} described a block without its hint`);
  }

  #become(blocks: readonly BlockDescription[]): void {
    if (this.#known.replace(blocks)) this.#options.onBlocks();
  }

  /** Checks each page as it comes: what does not fit the layout is not kept. */
  #describedIn(page: EndToEndMessage): BlockDescription[] {
    const { party, layout } = this.#options;
    if (page.type !== "blocks") throw unexpectedAnswer(party);
    return page.blocks.map(({ block, version, occupied, hint }) => {
      if (occupied.length !== layout.rowsPerBlock / 8 || (hint.length !== 0 && hint.length !== layout.hintBytes))
        throw unexpectedAnswer(party);
      // The bytes are a view of the whole message; a copy lets the rest of it go.
      return { block, version: sodium.to_hex(version), occupied: occupied.slice(), hint: hint.slice() };
    });
  }
}

function versionList(versions: readonly string[]): Uint8Array {
  return new Uint8Array(Buffer.from(versions.join(""), "hex"));
}
