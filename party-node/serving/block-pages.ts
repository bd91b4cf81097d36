import { type BlockDescription, sodium } from "../../crypto/index.ts";
import { type EndToEndMessage, limits } from "../../protocol/index.ts";

/** What a querier may learn of blocks; {@link Collection} implements it. */
export interface DescribedBlocks {
  /** Descriptions of all present blocks; hints are left out for versions held. */
  describe(held: ReadonlySet<string>): BlockDescription[];
  /** Descriptions of those of these versions that are present or recent. */
  describeVersions(wanted: ReadonlySet<string>): BlockDescription[];
}

/** The answer to a `sync` or `describe`, in as many messages as it takes. */
export function* blockPages(
  request: Extract<EndToEndMessage, { type: "sync" | "describe" }>,
  described: DescribedBlocks,
): Generator<EndToEndMessage> {
  const blocks =
    request.type === "sync"
      ? described.describe(versionSet(request.held))
      : described.describeVersions(versionSet(request.versions));
  for (let start = 0; start === 0 || start < blocks.length; start += limits.blocksPerMessageMax) {
    const page = blocks.slice(start, start + limits.blocksPerMessageMax);
    const last = start + page.length >= blocks.length;
    const entries = page.map(({ block, version, occupied, hint }) => ({
      block,
      version: sodium.from_hex(version),
      occupied,
      hint,
    }));
    yield { type: "blocks", id: request.id, last, blocks: entries };
  }
}

/** The 16-byte versions in a list of them, as hex. */
function versionSet(list: Uint8Array): Set<string> {
  const versions = new Set<string>();
  for (let at = 0; at < list.length; at += 16) versions.add(sodium.to_hex(list.subarray(at, at + 16)));
  return versions;
}
