import { Fault, sodium, hexOf } from "../../crypto/index.ts";
import {
  type DescribedBlock,
  type Federation,
  HASH_BYTES,
  type OpenedPassage,
  type PassageStatement,
  type ProtocolFaultCode,
  decodeValue,
  descriptionHash,
  limits,
  openSigned,
  passageDelivery,
  passageLeaf,
  passageStatement,
  rootOfPath,
} from "../../protocol/index.ts";
import { ProvenFault } from "../evidence/index.ts";

/** PASSAGE_FOREIGN: a party handed out a passage that is not in the blocks as it had them when it was asked. */
export type FetchFaultCode = "PASSAGE_FOREIGN";

/** What a fetch is about. */
export interface ScoredQuery {
  readonly queryId: Uint8Array;
  /** BLAKE2b-256 of the signed query. */
  readonly queryHash: Uint8Array;
  /** By number: the party's blocks as it scored them. */
  readonly blocks: ReadonlyMap<number, DescribedBlock>;
}

/** A passage that its party has signed for. */
export interface FetchedPassage extends OpenedPassage {
  readonly block: number;
  readonly slot: number;
  /** Signed {@link passageStatement}, and which of its rows this is. */
  readonly statement: Uint8Array;
  readonly row: number;
}

/**
 * Opens what a party sent for a fetch: every passage has the words that the party signed for, and was in the very block that it scored.
 *
 * @throws Fault MESSAGE_INVALID, FRAME_MALFORMED, FRAME_TOO_LARGE, SIGNATURE_INVALID; PASSAGE_FOREIGN, with evidence where the party has signed it.
 */
export function openPassages(
  padded: Uint8Array,
  query: ScoredQuery,
  { party, federation }: { readonly party: string; readonly federation: Federation },
): FetchedPassage[] {
  const { statement, passages } = decodeValue(passageDelivery, unpad(party, padded));
  const keyOf = (name: string): Uint8Array | null => (name === party ? federation.publicKeyOf(name) : null);
  const { queryId, queryHash, rows } = openSigned("passages", federation.id, passageStatement, statement, keyOf).value;
  if (!sodium.memcmp(queryId, query.queryId) || !sodium.memcmp(queryHash, query.queryHash))
    throw foreign(party, "of another question");
  if (rows.length !== passages.length) throw foreign(party, "that it did not sign for");
  return rows.map((signed, row) => {
    const block = query.blocks.get(signed.block);
    const passage = passages[row]!;
    if (block?.version !== hexOf(signed.version)) throw foreign(party, "of a block that it did not score");
    if (!sodium.memcmp(passageLeaf(passage), signed.leaf)) throw foreign(party, "with other words than it signed for");
    if (!isInBlock(signed, block)) throw foreign(party, "that its block does not hold", { statement, row, block });
    return { ...passage, block: signed.block, slot: signed.slot, statement, row };
  });
}

/** Whether a row's leaf is in the block, at its slot. */
function isInBlock(
  { slot, leaf, path }: PassageStatement["rows"][number],
  { occupied, passages }: DescribedBlock,
): boolean {
  const slots = 8 * occupied.length;
  return (
    slot < slots &&
    path.length === HASH_BYTES * Math.log2(slots) &&
    sodium.memcmp(rootOfPath(leaf, slot, path), passages)
  );
}

function unpad(party: string, padded: Uint8Array): Uint8Array {
  try {
    return sodium.unpad(padded, limits.passagePadBytes);
  } catch (cause) {
    throw new Fault<ProtocolFaultCode>("MESSAGE_INVALID", `${party} sent passages without padding`, cause);
  }
}

function foreign(
  party: string,
  which: string,
  signed?: { readonly statement: Uint8Array; readonly row: number; readonly block: DescribedBlock },
): Fault {
  const code: FetchFaultCode = "PASSAGE_FOREIGN";
  const message = `${party} handed out a passage ${which}; none of its passages are shown`;
  if (!signed) return new Fault<FetchFaultCode>(code, message);
  const { statement, row, block } = signed;
  const { passages } = block;
  const claim = { kind: "passage-foreign", statement, row, description: descriptionHash(block), passages } as const;
  return new ProvenFault(code, message, { party, claim });
}
