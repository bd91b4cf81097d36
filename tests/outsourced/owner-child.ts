import { setTimeout } from "node:timers/promises";
import { Keyring } from "../../party-node/keyring/index.ts";
import { loadKeyFile } from "../../party-node/keys.ts";
import { openFederation } from "../../protocol/index.ts";
import { OwnedCollection, keyringPath, steadyEncoder } from "../support/hosted.ts";

/** What the parent tells in JSON: node owner-child.ts ORDER. */
export interface ChildOrder {
  readonly federationFile: string;
  readonly rootPublicKey: string;
  readonly coordinatorUrls: readonly string[];
  readonly member: string;
  readonly keyPath: string;
  readonly folder: string;
  readonly collection: string;
  readonly what: "publish" | "rotate";
}

/** Acts as the owner of a collection, then waits to be killed. */
async function main(order: ChildOrder): Promise<void> {
  const { identity, storeKey } = loadKeyFile(order.keyPath);
  const federation = openFederation(order.federationFile, order.rootPublicKey);
  const keyring = await Keyring.open(keyringPath(order.folder));
  const owned = new OwnedCollection(keyring, steadyEncoder(), {
    ...order,
    federation,
    storeKey,
    identity: { name: order.member, secretKey: identity.privateKey },
  });
  process.stdout.write("begin\n");
  await owned.owner[order.what]();
  process.stdout.write("done\n");
  await setTimeout(60_000);
}

const [order] = process.argv.slice(2);
if (order !== undefined) await main(JSON.parse(order) as ChildOrder);
