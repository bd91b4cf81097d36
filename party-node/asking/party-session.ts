import { Fault, type RingLayout } from "../../crypto/index.ts";
import {
  type DescribedBlock,
  type Federation,
  type Handle,
  type Identity,
  limits,
  packHandles,
  passageLimitOf,
} from "../../protocol/index.ts";
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
  #passagesMost: number = limits.fetchHandlesMax;

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

  /** How many passages of one question the party hands out, as far as it has said so. */
  get passagesMost(): number {
    return this.#passagesMost;
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
   * Passages for rows that this query has scored; those that are gone are left out, and the last ones where there are more than the party hands out. Only the
   * same rows can be fetched again.
   *
   * @param handles - Those that matter most first.
   * @param onSent - Called with how many of them are in a request, as it is sent: the party then knows which.
   * @throws Fault FETCH_EXPIRED, PARTY_OFFLINE, DEADLINE_EXCEEDED, and those of {@link openPassages}.
   */
  async fetch(
    query: ScoredQuery,
    handles: readonly Handle[],
    onSent: (count: number) => void = () => undefined,
  ): Promise<FetchedPassage[]> {
    const padded = await this.#ask(query.queryId, handles, onSent).catch((error: unknown) => {
      const most = error instanceof Fault ? passageLimitOf(error, this.#channel.party) : null;
      if (most === null) throw error;
      this.#passagesMost = most;
      return this.#ask(query.queryId, handles, onSent);
    });
    return openPassages(padded, query, { party: this.#channel.party, federation: this.#federation });
  }

  async #ask(queryId: Uint8Array, handles: readonly Handle[], onSent: (count: number) => void): Promise<Uint8Array> {
    const asked = handles.slice(0, this.#passagesMost);
    const request = { type: "fetch" as const, queryId, handles: packHandles(asked) };
    if (this.usable) onSent(asked.length);
    return (await this.#channel.ask(request, "passages")).padded;
  }

  close(): void {
    this.#channel.close();
  }
}
