import { sodium, hexOf } from "../../crypto/index.ts";
import {
  type BlockManifest,
  type DescribedBlock,
  type EndToEndMessage,
  descriptionHash,
  limits,
  packScoredBlocks,
} from "../../protocol/index.ts";

/** What a querier may learn of blocks; {@link Collection} implements it. */
export interface DescribedBlocks {
  /** Descriptions of all present blocks; hints and roots are left out for versions held. */
  describe(held: ReadonlySet<string>): DescribedBlock[];
  /** Descriptions of those of these versions that are present or recent. */
  describeVersions(wanted: ReadonlySet<string>): DescribedBlock[];
}

/**
 * The answer to a `sync` or `describe`, in as many messages as it takes.
 *
 * @param sign - Signs what is said of the blocks; left out for a collection that is not the party's own.
 */
export function* blockPages(
  request: Extract<EndToEndMessage, { type: "sync" | "describe" }>,
  described: DescribedBlocks,
  sign?: (manifest: BlockManifest) => Uint8Array,
): Generator<EndToEndMessage> {
  const blocks =
    request.type === "sync"
      ? described.describe(versionSet(request.held))
      : described.describeVersions(versionSet(request.versions));
  for (let start = 0; start === 0 || start < blocks.length; start += limits.blocksPerMessageMax) {
    const page = blocks.slice(start, start + limits.blocksPerMessageMax);
    const last = start + page.length >= blocks.length;
    const entries = page.map((block) => ({ ...block, version: sodium.from_hex(block.version) }));
    const signed = sign ? { manifest: sign(manifestOf(page)) } : {};
    yield { type: "blocks", id: request.id, last, blocks: entries, ...signed };
  }
}

function manifestOf(page: readonly DescribedBlock[]): BlockManifest {
  const blocks = page.filter(({ passages }) => passages.length > 0);
  return {
    blocks: packScoredBlocks(blocks),
    descriptions: Uint8Array.from(Buffer.concat(blocks.map(descriptionHash))),
    passages: Uint8Array.from(Buffer.concat(blocks.map(({ passages }) => passages))),
  };
}

/** The 16-byte versions in a list of them, as hex. */
function versionSet(list: Uint8Array): Set<string> {
  const versions = new Set<string>();
  for (let at = 0; at < list.length; at += 16) versions.add(hexOf(list.subarray(at, at + 16)));
  return versions;
}
