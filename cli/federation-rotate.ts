import { Command } from "commander";
import { Fault } from "../crypto/index.ts";
import { writeFederationFile } from "../party-node/federation-file-sync.ts";
import { loadKeyFile, prepareNextIdentity, takeNextIdentity } from "../party-node/keys.ts";
import { openNode } from "../party-node/node-folder.ts";
import { signClaim, toBase64, withClaim } from "../protocol/index.ts";
import { dirOption } from "./options.ts";

export function rotateKeyCommand(): Command {
  return new Command("rotate-key")
    .description(
      "replace the key by which the federation knows this node, without asking the founder; its processes run on",
    )
    .addOption(dirOption())
    .action(({ dir }: { dir: string }) => {
      const { revision, publicKey } = rotateKey(dir);
      process.stdout.write(
        `This node's key is ${publicKey} now; the federation file in its folder is at revision ${String(revision)}. A process that runs takes both up within a second and connects again; the others hear of it from there, or when this node connects next. The key before is gone.\nBack the key file up again. Whoever was granted a collection and has not run \`sotto collection accept\` is granted it again, by the other key; if the key before was stolen, have the founder remove and add this node as well.\n`,
      );
    });
}

/** The log is written before the key before is let go: whatever happens in between, the node has the key that the log names. */
function rotateKey(dir: string): { readonly revision: number; readonly publicKey: string } {
  const { folder, federation, identity } = openNode(dir);
  const { name } = identity;
  if (federation.terms.vertical && federation.hasRole(name, "party"))
    throw new Fault(
      "OPTION_UNFIT",
      "parties of a vertical federation mask for each other with their keys, and keep them; ask the founder to remove and add this one, and have all parties start again",
    );
  const { next } = loadKeyFile(folder.keyPath);
  // A rotation before this one was interrupted when all but the last step was done.
  if (next && toBase64(next.publicKey) === toBase64(identity.secretKey.subarray(32))) takeNextIdentity(folder.keyPath);
  const previous = federation.log.state.keyEntries.get(name) ?? "";
  const own = prepareNextIdentity(folder.keyPath);
  const keys = { entitled: identity.secretKey, own: own.privateKey };
  const claim = signClaim({ previous, name, type: "key-replaced" }, keys, federation.id, Date.now());
  const log = withClaim(federation.log, claim);
  writeFederationFile(folder.federationPath, log);
  takeNextIdentity(folder.keyPath);
  return { revision: log.state.terms.revision, publicKey: claim.action.publicKey };
}
