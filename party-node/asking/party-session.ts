import type { RingLayout } from "../../crypto/index.ts";
import { type DescribedBlock, type Federation, type Handle, type Identity, packHandles } from "../../protocol/index.ts";
import { type CoordinatorLink, EndToEndSession } from "../link/index.ts";
import { type FetchedPassage, type ScoredQuery, openPassages } from "./fetched-passages.ts";
import { RemoteBlocks } from "./remote-blocks.ts";

export interface PartySessionOptions {
  readonly link: CoordinatorLink;
  readonly party: string;
  readonly identity: Identity;
  readonly federation: Federation;
  readonly layout: RingLayout;
  /** Called when the party's present blocks have changed. */
  readonly onBlocks: () => void;
}

/**
 * The querier's session with one party, and what the querier knows of the party's blocks. When it breaks, its owner opens another and hands the
 * known blocks on.
 */
export class PartySession {
  readonly #channel: EndToEndSession;
  readonly #blocks: RemoteBlocks;
  readonly #federation: Federation;

  private constructor(channel: EndToEndSession, blocks: RemoteBlocks, federation: Federation) {
    this.#channel = channel;
    this.#blocks = blocks;
    this.#federation = federation;
  }

  /**
   * @param known - Blocks of the same party from an earlier session, at most `blocksPerPartyMax`: their hints are not downloaded again.
   * @throws Fault HANDSHAKE_FAILED, PARTY_OFFLINE, CONNECTION_LOST, DEADLINE_EXCEEDED, and those of {@link RemoteBlocks.sync}.
   */
  static async open(options: PartySessionOptions, known: readonly DescribedBlock[]): Promise<PartySession> {
    const { party, layout, federation, onBlocks } = options;
    const channel = await EndToEndSession.open(options);
    const hintBytes = federation.terms.mode === "clear" ? 0 : layout.hintBytes;
    const blocks = new RemoteBlocks({ party, layout, hintBytes, federation, onBlocks });
    try {
      await blocks.sync(channel, known);
    } catch (error) {
      channel.close();
      throw error;
    }
    return new PartySession(channel, blocks, federation);
  }

  get usable(): boolean {
    return this.#channel.usable;
  }

  /** For what is not about the party's own passages. */
  get channel(): EndToEndSession {
    return this.#channel;
  }

  /** The party's blocks as it listed them last; another array when they have changed. */
  get blocks(): readonly DescribedBlock[] {
    return this.#blocks.present;
  }

  /** Asks the party for its blocks again. */
  refresh(): Promise<void> {
    return this.#blocks.refresh(this.#channel);
  }

  /** As {@link RemoteBlocks.blocksOf}. */
  blocksOf(list: Uint8Array): Promise<readonly DescribedBlock[]> {
    return this.#blocks.blocksOf(this.#channel, list);
  }

  /**
   * Passages for rows that this query has scored; those that are gone are left out. Only the same rows can be fetched again.
   *
   * @throws Fault FETCH_EXPIRED, PARTY_OFFLINE, DEADLINE_EXCEEDED, and those of {@link openPassages}.
   */
  async fetch(query: ScoredQuery, handles: readonly Handle[]): Promise<FetchedPassage[]> {
    const request = { type: "fetch" as const, queryId: query.queryId, handles: packHandles(handles) };
    const { padded } = await this.#channel.ask(request, "passages");
    return openPassages(padded, query, { party: this.#channel.party, federation: this.#federation });
  }

  close(): void {
    this.#channel.close();
  }
}
