import {
  Fault,
  type IndexAnswer,
  type RingLayout,
  SHARE_CHECKS,
  WasmKernels,
  residueBytes,
  ringLayout,
  shareChecks,
  sodium,
  uniformResidues,
} from "../../crypto/index.ts";
import { type PairwiseKey, maskShare, pairwiseKey } from "../../crypto/secret/index.ts";
import {
  CHECK_KEY_BOX_BYTES,
  type Federation,
  type Identity,
  type QueryBody,
  type ShareNote,
  encodeValue,
  packScoredBlocks,
  seal,
  verticalParties,
} from "../../protocol/index.ts";
import type { PassageStore } from "../store/index.ts";
import { type AlignmentFaultCode, type AlignmentName, alignmentOf } from "./alignment.ts";

export interface ShareMakerOptions {
  readonly identity: Identity;
  readonly federation: Federation;
  readonly store: Pick<PassageStore, "readValue">;
  /** Keys with the other parties; derived from the identity unless a test leaves them out. */
  readonly pairwise?: readonly PairwiseKey[];
}

/** A query whose signature has been checked. */
export interface SharedQueryBody extends Pick<QueryBody, "queryId" | "answerKey" | "checkKeys"> {
  /** BLAKE2b-256 of the signed query. */
  readonly queryHash: Uint8Array;
}

/** Row id at a place, or null. */
type RowAt = (block: number, slot: number) => number | null;

/** What a party sends in place of an answer. */
export interface Share {
  /** Signed, for the querier. */
  readonly body: Uint8Array;
  /** Masked scores of every position, block by block, then the checks; little-endian words. */
  readonly residues: Uint8Array;
}

/**
 * A party's side of a vertical federation: turns its scores into a share that only the sum of all parties' shares gives a meaning.
 *
 * A share is made of the same p-bit scores that a party of a horizontal federation gives its querier, as multiples of 2^(31-p) modulo q. Their sum is
 * therefore a function of what such a querier would be told, also for one who has all other parties on its side.
 */
export class ShareMaker {
  readonly #options: ShareMakerOptions;
  readonly #layout: RingLayout;
  /** Null until the first ingest by one: the node has to run before, for the parties to align. */
  readonly #alignment: AlignmentName | null;
  readonly #parties: readonly string[];
  readonly #pairwise: readonly PairwiseKey[];
  readonly #boxKeys: { readonly publicKey: Uint8Array; readonly privateKey: Uint8Array };
  readonly #kernels = new WasmKernels({ chunks: 1 });

  /** @throws Fault VERTICAL_INCOMPLETE. */
  constructor(options: ShareMakerOptions) {
    const { federation, identity, store } = options;
    const { scoring } = federation.terms;
    this.#options = options;
    this.#layout = ringLayout({ ...scoring, seed: Buffer.from(scoring.seed, "base64") });
    this.#alignment = alignmentOf(store);
    this.#parties = verticalParties(federation);
    this.#pairwise = options.pairwise ?? pairwiseKeys(identity, federation, this.#parties);
    const privateKey = sodium.crypto_sign_ed25519_sk_to_curve25519(identity.secretKey);
    this.#boxKeys = { privateKey, publicKey: sodium.crypto_scalarmult_base(privateKey) };
  }

  /**
   * @param answer - All blocks of the party.
   * @param rowAt - Of the state that was scored: whether the party has a row there.
   * @throws Fault QUERY_MALFORMED when the query was not made for a vertical federation; NOT_ALIGNED, ALIGNMENT_CHANGED.
   */
  make(query: SharedQueryBody, answer: IndexAnswer, rowAt: RowAt): Share {
    const { identity, federation } = this.#options;
    const { queryId, queryHash, answerKey } = query;
    const { digest: alignment, count: positions } = this.#unchanged();
    const checkKey = this.#checkKey(query);
    const scores = this.#scoresByPosition(answer, positions, rowAt);
    const share = new Uint32Array(scores.length + SHARE_CHECKS);
    share.set(scores);
    share.set(shareChecks(checkKey, scores), scores.length);
    const maskSeed = sodium.randombytes_buf(32);
    maskShare(share, { pairwise: this.#pairwise, maskSeed, queryHash });
    const residues = residueBytes(share);
    const blocks = packScoredBlocks(answer.blocks.toSorted((a, b) => a.block - b.block));
    const note: ShareNote = { blocks, maskSeed, alignment, positions };
    const sealed = sodium.crypto_box_seal(encodeValue(note), answerKey);
    const residuesHash = sodium.crypto_generichash(32, residues, null);
    return { body: seal("share", federation.id, { queryId, queryHash, residuesHash, sealed }, identity), residues };
  }

  /** What was scored may lie by another alignment since. */
  #unchanged(): AlignmentName {
    if (!this.#alignment)
      throw new Fault<AlignmentFaultCode>(
        "NOT_ALIGNED",
        "when it was started the party had ingested nothing by the federation's alignment; its operator runs `sotto ingest PATH --alignment FILE` and starts the node again",
      );
    const now = alignmentOf(this.#options.store);
    if (now && sodium.memcmp(now.digest, this.#alignment.digest)) return this.#alignment;
    throw alignmentChanged();
  }

  #checkKey({ checkKeys }: SharedQueryBody): Uint8Array {
    const { publicKey, privateKey } = this.#boxKeys;
    const start = CHECK_KEY_BOX_BYTES * this.#parties.indexOf(this.#options.identity.name);
    try {
      const box = checkKeys?.subarray(start, start + CHECK_KEY_BOX_BYTES) ?? new Uint8Array(0);
      return sodium.crypto_box_seal_open(box, publicKey, privateKey);
    } catch (cause) {
      throw new Fault("QUERY_MALFORMED", "the query has no key for the checks of this party's share", cause);
    }
  }

  /**
   * Uniform where the party has no row: a zero would leave the sum to the other parties, and with two of them show one's score. Blocks come in the order of
   * the scoring threads.
   */
  #scoresByPosition({ blocks, scores }: IndexAnswer, positions: number, rowAt: RowAt): Uint32Array {
    const { rowsPerBlock, scoreBits } = this.#layout;
    const cut = this.#kernels.unpackBits(scores, { count: blocks.length * rowsPerBlock, bits: scoreBits });
    const placed = uniformResidues(sodium.randombytes_buf(32), Math.ceil(positions / rowsPerBlock) * rowsPerBlock);
    for (const [i, { block }] of blocks.entries()) {
      if ((block + 1) * rowsPerBlock > placed.length) throw alignmentChanged();
      for (let slot = 0; slot < rowsPerBlock; slot++)
        if (rowAt(block, slot) !== null) placed[block * rowsPerBlock + slot] = cut[i * rowsPerBlock + slot]!;
    }
    this.#kernels.wipe();
    return placed;
  }
}

function alignmentChanged(): Fault {
  return new Fault<AlignmentFaultCode>(
    "ALIGNMENT_CHANGED",
    "the party has ingested by another alignment; its operator starts the node again when all parties have",
  );
}

function pairwiseKeys(
  identity: Identity,
  { id: federationId, publicKeyOf }: Federation,
  parties: readonly string[],
): PairwiseKey[] {
  return parties
    .filter((name) => name !== identity.name)
    .map((name) => {
      const publicKey = publicKeyOf(name);
      if (!publicKey) throw new TypeError("a party has no key");
      return pairwiseKey({ federationId, identity, peer: { name, publicKey } });
    });
}
