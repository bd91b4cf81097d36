import { Fault, type QuerySecrets, type RingLayout, sodium } from "../../crypto/index.ts";
import {
  type DescribedBlock,
  type Federation,
  answerBody,
  decodeValue,
  openSigned,
  scoreList,
} from "../../protocol/index.ts";
import type { PartySession } from "./party-session.ts";
import { type Candidate, TopRows } from "./ranking.ts";

/** X25519 key pair of one query. */
export interface AnswerKeys {
  readonly publicKey: Uint8Array;
  readonly privateKey: Uint8Array;
}

export interface AnswerReaderOptions {
  readonly federation: Federation;
  readonly layout: RingLayout;
  readonly secrets: QuerySecrets;
  readonly queryId: Uint8Array;
  /** BLAKE2b-256 of the signed query. */
  readonly queryHash: Uint8Array;
  /** To which the parties seal their scores. */
  readonly answerKeys: AnswerKeys;
  readonly session: (party: string) => Promise<PartySession>;
  readonly k: number;
}

/** What one party's answer comes to. */
export interface ReadAnswer {
  readonly best: readonly Candidate[];
  readonly passagesScored: number;
  /** The party's blocks as it scored them. */
  readonly blocks: readonly DescribedBlock[];
}

/** Checks and decrypts the parties' answers to one query. */
export class AnswerReader {
  readonly #options: AnswerReaderOptions;
  readonly #bytesPerBlock: number;

  constructor(options: AnswerReaderOptions) {
    const { federation, layout } = options;
    this.#options = options;
    this.#bytesPerBlock = federation.terms.mode === "clear" ? layout.rowsPerBlock * 4 : layout.scoreBytesPerBlock;
  }

  /** @throws Fault for whatever is wrong with the answer. */
  async read(party: string, body: Uint8Array): Promise<ReadAnswer> {
    const { list, scores } = this.#open(party, body);
    const session = await this.#options.session(party);
    const blocks = await session.blocksOf(list);
    if (scores.length !== blocks.length * this.#bytesPerBlock)
      throw malformed(party, `sent ${String(scores.length)} bytes of scores for ${String(blocks.length)} blocks`);
    const top = new TopRows(this.#options.k, party);
    for (const [i, block] of blocks.entries()) {
      const own = scores.subarray(i * this.#bytesPerBlock, (i + 1) * this.#bytesPerBlock);
      top.offer(block.block, this.#options.secrets.read(party, block, own));
    }
    return { best: top.best, passagesScored: top.rowCount, blocks };
  }

  /** Signature, seal and schema of an answer. @returns The packed list of its blocks, and their scores. */
  #open(party: string, body: Uint8Array): { list: Uint8Array; scores: Uint8Array } {
    const { federation, queryId, queryHash, answerKeys } = this.#options;
    const partyKey = (name: string): Uint8Array | null => (name === party ? federation.publicKeyOf(name) : null);
    const { value } = openSigned("answer", federation.id, answerBody, body, partyKey);
    if (!sodium.memcmp(value.queryId, queryId) || !sodium.memcmp(value.queryHash, queryHash))
      throw malformed(party, "answered another question");
    const { blocks, scores } = decodeValue(scoreList, unseal(party, value.sealed, answerKeys));
    // The list may be kept, the scores are not.
    return { list: blocks.slice(), scores };
  }
}

function unseal(party: string, sealed: Uint8Array, keys: AnswerKeys): Uint8Array {
  try {
    return sodium.crypto_box_seal_open(sealed, keys.publicKey, keys.privateKey);
  } catch (cause) {
    throw malformed(party, "sent scores that were not sealed to this query", cause);
  }
}

function malformed(party: string, what: string, cause?: unknown): Fault {
  return new Fault("ANSWER_MALFORMED", `${party} ${what}`, cause);
}
