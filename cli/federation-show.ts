import Table from "cli-table3";
import { Command } from "commander";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { Fault } from "../crypto/index.ts";
import { loadKeyFile } from "../party-node/keys.ts";
import { openNodeFolder, readFederationFile } from "../party-node/node-folder.ts";
import { readFederation, toBase64 } from "../protocol/index.ts";
import { FEDERATION_FILE, ROOT_KEY } from "./founder-folder.ts";
import { dirOption } from "./options.ts";

export function showCommand(): Command {
  return new Command("show")
    .description("check a federation's signature and show who is in it")
    .argument("[file]", "a federation file; default is the node's own")
    .option("--root <key>", "the root key to check against; default is the node's own")
    .addOption(dirOption())
    .action((file: string | undefined, { root, dir }: { root?: string; dir: string }) => {
      const { path, key } = whichFederation(file, root, dir);
      const { terms, invitations } = readFederation(readFederationFile(path), key).state;
      const table = new Table({ head: ["member", "roles", "public key"], style: { head: [], border: [] } });
      for (const member of terms.members) table.push([member.name, member.roles.join(", "), member.publicKey]);
      for (const { name, roles, expires } of invitations.values())
        table.push([name, roles.join(", "), `invited until ${expires}`]);
      const { scoring, encoder, vertical } = terms;
      const totals = vertical ? `; totals of ${String(vertical.parties)} parties` : "";
      process.stdout.write(
        `${terms.name} (revision ${String(terms.revision)}, signature valid)\n  root key     ${terms.rootPublicKey}\n  coordinator  ${terms.coordinatorUrls.join(", ")}\n  mode         ${terms.mode}\n` +
          `  encoder      ${encoder.spec} (${encoder.fingerprint.slice(0, 16)}…)\n  scoring      ${String(scoring.dim)} dimensions, chunk ${String(scoring.chunk)}, ${String(scoring.scoreBits)}-bit scores${totals}\n${table.toString()}\n`,
      );
    });
}

/** The federation file that a command is about, and the root key to check it against. @throws Fault NOT_JOINED. */
export function whichFederation(
  file: string | undefined,
  root: string | undefined,
  dir: string,
): { path: string; key: string } {
  if (file !== undefined && root !== undefined) return { path: resolve(file), key: root };
  const rootKey = join(resolve(dir), ROOT_KEY);
  if (existsSync(rootKey))
    return {
      path: resolve(file ?? join(dir, FEDERATION_FILE)),
      key: root ?? toBase64(loadKeyFile(rootKey).identity.publicKey),
    };
  const folder = openNodeFolder(dir);
  const key = root ?? folder.config.rootPublicKey;
  if (key === undefined)
    throw new Fault(
      "NOT_JOINED",
      "this node has not joined a federation; say which root key to check against with --root KEY",
    );
  return { path: file === undefined ? folder.federationPath : resolve(file), key };
}
