import { Fault, hexOf } from "../../crypto/index.ts";
import type { Federation, Identity } from "../../protocol/index.ts";
import { type GrantFaultCode, type KeyringEntry, checkEntry, openGrant } from "../keyring/index.ts";
import type { EndToEndSession } from "../link/index.ts";

export interface GrantedCollections {
  /** As they go into the reader's keyring. */
  readonly entries: readonly KeyringEntry[];
  /** Why grants that the host keeps for this member are of no use. */
  readonly refused: readonly Fault[];
}

/**
 * What the owners of collections at this host have granted to a member. A reader's name for a collection is its owner's name, a dash, and the owner's
 * name for it: "clinic-notes".
 */
export async function grantedCollections(
  session: EndToEndSession,
  member: { readonly identity: Identity; readonly federation: Federation },
): Promise<GrantedCollections> {
  const { collections } = await session.ask({ type: "host-list" }, "host-collections");
  const entries: KeyringEntry[] = [];
  const refused: Fault[] = [];
  for (const { collection, grant } of collections) {
    if (grant.length === 0) continue;
    try {
      const { entry } = openGrant(grant, member);
      if (entry.host !== session.party) continue;
      if (entry.current.id !== hexOf(collection))
        throw new Fault<GrantFaultCode>(
          "GRANT_INVALID",
          `the grant of ${entry.owner} is for a key of another collection`,
        );
      const named = { ...entry, name: `${entry.owner}-${entry.name}` };
      checkEntry(named); // the two names may be too long together
      entries.push(named);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      refused.push(error);
    }
  }
  return { entries, refused };
}
