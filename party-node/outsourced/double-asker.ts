import { Fault, type RingLayout, hexOf } from "../../crypto/index.ts";
import { RlweAsker } from "../../crypto/secret/index.ts";
import type { PackedRow } from "../../protocol/index.ts";
import { throwIfAborted } from "../asking/aborted.ts";
import { TopRows } from "../asking/ranking.ts";
import { RemoteBlocks } from "../asking/remote-blocks.ts";
import type { EndToEndSession } from "../link/index.ts";
import type { FreshHeader, RemoteCollection } from "./remote-collection.ts";

export interface DoubleAskerOptions {
  readonly remote: RemoteCollection;
  readonly session: () => Promise<EndToEndSession>;
  readonly keyId: Uint8Array;
  /** Of the ciphertexts. */
  readonly layout: RingLayout;
}

/** One question to a collection. */
export interface DoubleAsking {
  /** How many of the best rows to fetch. */
  readonly candidates: number;
  /** The revision of the header that the reader has. */
  readonly known: number;
  /** Aborted: nothing more is sent. */
  readonly signal: AbortSignal | undefined;
}

/** Has an RLWE-encrypted question scored against the ciphertexts of a hosted collection, and fetches the best. */
export class DoubleAsker {
  readonly layout: RingLayout;
  readonly #options: DoubleAskerOptions;
  readonly #asker: RlweAsker;
  readonly #blocks: RemoteBlocks;
  readonly #name: string;
  #synced: EndToEndSession | null = null;

  constructor(options: DoubleAskerOptions) {
    this.#options = options;
    this.layout = options.layout;
    this.#name = hexOf(options.keyId);
    this.#asker = new RlweAsker(options.layout);
    this.#blocks = new RemoteBlocks({
      party: this.#name,
      layout: options.layout,
      hintBytes: options.layout.hintBytes,
      collection: options.keyId,
      onBlocks: () => {
        this.#asker.blocksChanged(new Map([[this.#name, this.#blocks.present]]));
      },
    });
  }

  /** Downloads the hints that are missing, once a session. */
  async prepare(): Promise<void> {
    const session = await this.#options.session();
    if (this.#synced === session) return;
    await this.#blocks.sync(session, this.#blocks.present);
    this.#synced = session;
  }

  /** Resolves when a query key is ready for every block known. */
  async warm(): Promise<void> {
    await this.#asker.ready();
  }

  /**
   * @param question - Shape [dim of the layout], norm at most 1.
   * @throws Fault ABORTED.
   */
  async ask(
    question: Float32Array,
    { candidates, known, signal }: DoubleAsking,
  ): Promise<{ readonly rows: readonly PackedRow[]; readonly fresh: FreshHeader; readonly listed: number }> {
    const { remote, session: open } = this.#options;
    const { query, secrets } = await this.#asker.ask(question);
    using _ = secrets;
    const session = await open();
    throwIfAborted(signal);
    const { scored, blocks: list, scores, fresh } = await remote.score(query, known);
    const blocks = await this.#blocks.blocksOf(session, list);
    const bytes = this.layout.scoreBytesPerBlock;
    if (scores.length !== blocks.length * bytes)
      throw new Fault("ANSWER_MALFORMED", "the host sent scores of another length than its blocks have");
    const top = new TopRows(candidates, this.#name);
    for (const [i, block] of blocks.entries())
      top.offer(block.block, secrets.read(this.#name, block, scores.subarray(i * bytes, (i + 1) * bytes)));
    throwIfAborted(signal);
    const rows = await remote.fetch(scored, top.best);
    this.#asker.refill();
    return { rows, fresh, listed: top.rowCount };
  }

  close(): void {
    this.#asker.close();
  }
}
