import { Fault, type RingLayout, type ScoringFaultCode, sodium, hexOf } from "../../crypto/index.ts";
import {
  type DescribedBlock,
  type EndToEndMessage,
  type Federation,
  HASH_BYTES,
  blockManifest,
  blockVersion,
  descriptionHash,
  manifestRecords,
  openSigned,
} from "../../protocol/index.ts";
import { ProvenFault } from "../evidence/index.ts";
import { unexpectedAnswer } from "../link/index.ts";

/** BLOCK_MISDESCRIBED: a block's hint, slots or passages are not those that its version names. */
export type DescriptionFaultCode = "BLOCK_MISDESCRIBED";

export interface DescriptionOptions {
  readonly party: string;
  readonly layout: RingLayout;
  /** Bytes of every hint: the layout's, or 0 in clear. */
  readonly hintBytes: number;
  /** Where the party signs what it describes; left out for a collection that it keeps for somebody else. */
  readonly federation?: Federation;
}

type Page = Extract<EndToEndMessage, { type: "blocks" }>;

/**
 * The blocks of one page as a party describes them, copied out of it. Each that is described in full is what its version names; of the others, which the
 * querier said it holds, `hint` and `passages` are empty.
 *
 * @throws Fault MESSAGE_INVALID, HINT_MALFORMED, SIGNATURE_INVALID; BLOCK_MISDESCRIBED, with evidence where the party has signed it.
 */
export function describedBlocks(page: Page, options: DescriptionOptions): DescribedBlock[] {
  const { party, federation } = options;
  const blocks = page.blocks.map((block) => copied(block, options));
  const full = blocks.filter(isFull);
  const descriptions = full.map(descriptionHash);
  if (federation) checkManifest(page.manifest, { party, federation }, full, descriptions);
  else if (full.some((block, i) => blockVersion({ ...block, description: descriptions[i]! }) !== block.version))
    throw new Fault<DescriptionFaultCode>("BLOCK_MISDESCRIBED", misdescribed(party));
  return blocks;
}

/** Whether a block was described, and not only named as one that the querier holds. */
export function isFull({ passages }: DescribedBlock): boolean {
  return passages.length > 0;
}

/** The bytes of a page are views of the whole message; a copy lets the rest of it go. */
function copied(
  { block, version, occupied, hint, passages }: Page["blocks"][number],
  { party, layout, hintBytes }: DescriptionOptions,
): DescribedBlock {
  const [hintFits, rootFits] = [
    [0, layout.hintBytes],
    [0, HASH_BYTES],
  ].map((sizes, i) => sizes.includes([hint, passages][i]!.length));
  if (occupied.length !== layout.rowsPerBlock / 8 || !hintFits || !rootFits) throw unexpectedAnswer(party);
  // A block without its hint would be remembered, and named as held, for as long as its version lasts.
  if (passages.length > 0 && hint.length !== hintBytes)
    throw new Fault<ScoringFaultCode>("HINT_MALFORMED", `${party} described a block without its hint`);
  const copies = { occupied: occupied.slice(), hint: hint.slice(), passages: passages.slice() };
  return { block, version: hexOf(version), ...copies };
}

/** The party signs what it says, so that a description which its own version belies convicts it. */
function checkManifest(
  manifest: Uint8Array | undefined,
  { party, federation }: { readonly party: string; readonly federation: Federation },
  blocks: readonly DescribedBlock[],
  descriptions: readonly Uint8Array[],
): void {
  if (!manifest) throw unexpectedAnswer(party);
  const keyOf = (name: string): Uint8Array | null => (name === party ? federation.publicKeyOf(name) : null);
  const records = manifestRecords(openSigned("blocks", federation.id, blockManifest, manifest, keyOf).value);
  if (records.some((record) => blockVersion(record) !== record.version))
    throw new ProvenFault("BLOCK_MISDESCRIBED", misdescribed(party), {
      party,
      claim: { kind: "block-misdescribed", manifest: manifest.slice() },
    });
  const isSigned = blocks.every(({ block, version, passages }, i) => {
    const record = records[i];
    return (
      record?.block === block &&
      record.version === version &&
      sodium.memcmp(record.passages, passages) &&
      sodium.memcmp(record.description, descriptions[i]!)
    );
  });
  if (!isSigned || records.length !== blocks.length)
    throw new Fault<DescriptionFaultCode>("BLOCK_MISDESCRIBED", `${party} described other blocks than it signed`);
}

function misdescribed(party: string): string {
  return `${party} described a block by a hint, or by passages, that its version does not name; its scores are not read`;
}
