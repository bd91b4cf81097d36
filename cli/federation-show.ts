import Table from "cli-table3";
import { Command } from "commander";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { Fault } from "../crypto/index.ts";
import { loadKeyFile } from "../party-node/keys.ts";
import { openNodeFolder, readFederationFile } from "../party-node/node-folder.ts";
import { type FederationLog, readFederation, toBase64 } from "../protocol/index.ts";
import { FEDERATION_FILE, ROOT_KEY, founderOf } from "./founder-folder.ts";
import { dirOption } from "./options.ts";

export function showCommand(): Command {
  return new Command("show")
    .description("check a federation's signature and show who is in it")
    .argument("[file]", "a federation file; default is the node's own")
    .option("--root <key>", "the root key to check against; default is the node's own")
    .addOption(dirOption())
    .action((file: string | undefined, { root, dir }: { root?: string; dir: string }) => {
      const { path, key } = whichFederation(file, root, dir);
      const log = readFederation(readFederationFile(path), key);
      const { terms, invitations } = log.state;
      const table = new Table({ head: ["member", "roles", "public key"], style: { head: [], border: [] } });
      for (const member of terms.members) table.push([member.name, member.roles.join(", "), member.publicKey]);
      for (const { name, roles, expires } of invitations.values())
        table.push([name, roles.join(", "), `invited until ${expires}`]);
      const { scoring, encoder, vertical } = terms;
      const totals = vertical ? `; totals of ${String(vertical.parties)} parties` : "";
      process.stdout.write(
        `${terms.name} (revision ${String(terms.revision)}, signature valid)\n  newest entry ${newestTime(log)}\n  root key     ${terms.rootPublicKey}\n  coordinator  ${terms.coordinatorUrls.join(", ")}\n  mode         ${terms.mode}\n` +
          `  encoder      ${encoder.spec} (${encoder.fingerprint.slice(0, 16)}…)\n  scoring      ${String(scoring.dim)} dimensions, chunk ${String(scoring.chunk)}, ${String(scoring.scoreBits)}-bit scores${totals}\n${table.toString()}\n`,
      );
      if (founderOf(path)) process.stderr.write(`${founderNote(path)}\n`);
    });
}

/** When the newest entry was made, as its author says. */
function newestTime({ founding, changes, claims }: FederationLog): string {
  return [founding, ...changes, ...claims].map(({ time }) => time).reduce((a, b) => (a > b ? a : b));
}

/** The founder's file has what the founder changed; members join and replace keys at the coordinator. */
function founderNote(file: string): string {
  const newer = founderOf(file)?.newer ?? [];
  const where = newer.length === 0 ? "the coordinator's folder" : newer.join(", ");
  return newer.length === 0
    ? `This is the founder's file. Who has joined or replaced a key since is in the file in ${where}: \`sotto federation show --dir COORDINATOR\`.`
    : `The founder's file is behind ${where}: \`sotto federation join ${newer[0] ?? ""}\` here brings it up to date.`;
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
