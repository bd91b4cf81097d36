import {
  Fault,
  type QuerySecrets,
  type RingLayout,
  SHARE_CHECKS,
  isOccupied,
  readResidues,
  residueBytes,
  shareChecks,
  sodium,
  subtractResidues,
  totalBounds,
} from "../../crypto/index.ts";
import { seedMask } from "../../crypto/secret/index.ts";
import {
  type DescribedBlock,
  type Federation,
  type HopMessage,
  type ShareNote,
  decodeValue,
  openSigned,
  shareBody,
  shareNote,
} from "../../protocol/index.ts";
import type { AnswerKeys } from "./answer-reader.ts";
import type { PartySession } from "./party-session.ts";
import { type Candidate, TopRows } from "./ranking.ts";

type Total = Extract<HopMessage, { type: "total" }>;

/**
 * - `SHARE_MALFORMED`: a party's share does not open, or is of another question.
 * - `ALIGNMENT_MISMATCH`: the parties' rows lie by different alignments.
 * - `TOTAL_ALTERED`: the sum is not that of the parties' shares.
 * - `TOTAL_IMPLAUSIBLE`: it is, and no vectors of the lengths allowed give it.
 */
export type TotalFaultCode = "SHARE_MALFORMED" | "ALIGNMENT_MISMATCH" | "TOTAL_ALTERED" | "TOTAL_IMPLAUSIBLE";

export interface TotalReaderOptions {
  readonly federation: Federation;
  readonly layout: RingLayout;
  /** In the order of their names. */
  readonly parties: readonly string[];
  readonly secrets: QuerySecrets;
  readonly queryId: Uint8Array;
  /** BLAKE2b-256 of the signed query. */
  readonly queryHash: Uint8Array;
  readonly answerKeys: AnswerKeys;
  /** 32 bytes, sealed to each party in the query. */
  readonly checkKey: Uint8Array;
  readonly session: (party: string) => Promise<PartySession>;
  readonly k: number;
}

export interface ReadTotal {
  /** Entities of which every party has something, best first; `party` is empty, for they are of all. */
  readonly best: readonly Candidate[];
  /** Party -> of how many entities it has something. */
  readonly scored: ReadonlyMap<string, number>;
  /** Party -> its blocks as it scored them, by number. */
  readonly blocks: ReadonlyMap<string, ReadonlyMap<number, DescribedBlock>>;
}

/** Checks and decrypts the one total of a vertical query. */
export class TotalReader {
  readonly #options: TotalReaderOptions;

  constructor(options: TotalReaderOptions) {
    this.#options = options;
  }

  /**
   * @param about - Called with the party that is looked at, or null for all of them together: whom a fault is about.
   * @throws Fault SHARE_MALFORMED, SIGNATURE_INVALID, ALIGNMENT_MISMATCH, TOTAL_ALTERED, TOTAL_IMPLAUSIBLE and those of a party's blocks.
   */
  async read({ residues, shares }: Total, about: (party: string | null) => void): Promise<ReadTotal> {
    const { parties, layout } = this.#options;
    const notes = new Map<string, ShareNote>();
    for (const party of parties) {
      about(party);
      notes.set(party, this.#open(party, shares.find((share) => share.party === party)?.body));
    }
    about(null);
    const positions = commonPositions([...notes.values()]);
    const blockCount = Math.ceil(positions / layout.rowsPerBlock);
    const totals = this.#unmask(residues, blockCount * layout.rowsPerBlock, [...notes.values()]);
    const blocksOf = new Map<string, ReadonlyMap<number, DescribedBlock>>();
    for (const [party, { blocks }] of notes) {
      about(party);
      const described = await (await this.#options.session(party)).blocksOf(blocks.slice());
      if (described.some(({ block }) => block >= blockCount))
        throw malformed(party, "scored rows beyond the alignment");
      blocksOf.set(party, new Map(described.map((block) => [block.block, block])));
    }
    about(null);
    return this.#rank(totals, blocksOf, positions);
  }

  /** Signature, seal and schema of what a party says of its share. */
  #open(party: string, body: Uint8Array | undefined): ShareNote {
    const { federation, queryId, queryHash, answerKeys } = this.#options;
    if (!body) throw malformed(party, "has no share in the total");
    const keyOf = (name: string): Uint8Array | null => (name === party ? federation.publicKeyOf(name) : null);
    const { value } = openSigned("share", federation.id, shareBody, body, keyOf);
    if (!sodium.memcmp(value.queryId, queryId) || !sodium.memcmp(value.queryHash, queryHash))
      throw malformed(party, "answered another question");
    let note: Uint8Array;
    try {
      note = sodium.crypto_box_seal_open(value.sealed, answerKeys.publicKey, answerKeys.privateKey);
    } catch (cause) {
      throw malformed(party, "sent a share that was not sealed to this query", cause);
    }
    return decodeValue(shareNote, note);
  }

  /** Takes the seeds' masks off; the pairwise ones have cancelled if the sum is of all shares. */
  #unmask(packed: Uint8Array, length: number, notes: readonly ShareNote[]): Uint32Array {
    const { queryHash, checkKey } = this.#options;
    const sum = readResidues(packed);
    if (sum?.length !== length + SHARE_CHECKS) throw altered();
    for (const { maskSeed } of notes) subtractResidues(sum, seedMask(maskSeed, queryHash, sum.length));
    const [totals, checks] = [sum.subarray(0, length), sum.subarray(length)];
    if (!sodium.memcmp(residueBytes(shareChecks(checkKey, totals)), residueBytes(checks))) throw altered();
    return totals;
  }

  #rank(
    totals: Uint32Array,
    blocksOf: ReadonlyMap<string, ReadonlyMap<number, DescribedBlock>>,
    positions: number,
  ): ReadTotal {
    const { layout, secrets, k } = this.#options;
    const { rowsPerBlock } = layout;
    const { magnitudeMax } = totalBounds(layout);
    const top = new TopRows(k, "");
    const scored = new Map([...blocksOf.keys()].map((party) => [party, 0]));
    for (let start = 0; start < totals.length; start += rowsPerBlock) {
      const number = start / rowsPerBlock;
      const parts = [...blocksOf].flatMap(([party, blocks]) => {
        const block = blocks.get(number);
        return block ? [{ party, block }] : [];
      });
      const scores = secrets.readTotal(parts, totals.subarray(start, start + rowsPerBlock));
      for (const [slot, score] of scores.entries()) {
        const holders = parts.filter(({ block }) => isOccupied(block.occupied, slot));
        if (holders.length > 0 && start + slot >= positions) throw implausible();
        // Whoever lacks the entity has added a uniform residue in place of a score.
        if (holders.length < blocksOf.size) scores[slot] = NaN;
        else if (Math.abs(score) > magnitudeMax) throw implausible();
        for (const { party } of holders) scored.set(party, (scored.get(party) ?? 0) + 1);
      }
      top.offer(number, scores);
    }
    return { best: top.best, scored, blocks: blocksOf };
  }
}

/** @throws Fault ALIGNMENT_MISMATCH. */
function commonPositions(notes: readonly ShareNote[]): number {
  const [first] = notes;
  const same = ({ alignment, positions }: ShareNote): boolean =>
    first !== undefined && sodium.memcmp(alignment, first.alignment) && positions === first.positions;
  if (first && notes.every(same)) return first.positions;
  throw new Fault<TotalFaultCode>(
    "ALIGNMENT_MISMATCH",
    "the parties have ingested by different alignments, so their scores are of different entities; all ingest with the same file, and their nodes are started again",
  );
}

function malformed(party: string, what: string, cause?: unknown): Fault {
  return new Fault<TotalFaultCode>("SHARE_MALFORMED", `${party} ${what}`, cause);
}

function altered(): Fault {
  return new Fault<TotalFaultCode>(
    "TOTAL_ALTERED",
    "the total is not the sum of what the parties have signed: the coordinator or a party has changed or left out a share; ask again, and look at who runs the coordinator",
  );
}

function implausible(): Fault {
  return new Fault<TotalFaultCode>(
    "TOTAL_IMPLAUSIBLE",
    "the total is larger than vectors of the allowed length give: some party has not added its scores as the protocol says",
  );
}
