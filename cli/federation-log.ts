import Table from "cli-table3";
import { Command } from "commander";
import { type Change, type Claim, hashOf, readFederation } from "../protocol/index.ts";
import { readFederationFile } from "../party-node/node-folder.ts";
import { whichFederation } from "./federation-show.ts";
import { dirOption } from "./options.ts";
import { jsonLine, printable } from "./printable.ts";

export function logCommand(): Command {
  return new Command("log")
    .description("check a federation's log, and print who changed what and when")
    .argument("[file]", "a federation file; default is the node's own")
    .option("--root <key>", "the root key to check against; default is the node's own")
    .option("--json", "print entries as JSON lines, with hashes and signatures", false)
    .addOption(dirOption())
    .action((file: string | undefined, { root, dir, json }: { root?: string; dir: string; json: boolean }) => {
      const { path, key } = whichFederation(file, root, dir);
      const { founding, changes, claims } = readFederation(readFederationFile(path), key);
      const entries = [...changes, ...claims].sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
      if (json) process.stdout.write(entries.map((entry) => jsonLine({ ...entry, hash: hashOf(entry) })).join(""));
      else process.stdout.write(`${printable(founding.name)}, founded ${shown(founding.time)}\n${tableOf(entries)}\n`);
    });
}

const shown = (time: string): string => time.replace("T", " ").slice(0, 19);

function tableOf(entries: readonly (Change | Claim)[]): string {
  const table = new Table({ head: ["time", "by", "what"], style: { head: [], border: [] } });
  for (const entry of entries)
    table.push([shown(entry.time), "sequence" in entry ? "founder" : entry.action.name, inWords(entry.action)]);
  return table.toString();
}

function inWords(action: (Change | Claim)["action"]): string {
  switch (action.type) {
    case "member-added":
      return `added ${action.name} (${action.roles.join(", ")})`;
    case "member-removed":
      return `removed ${action.name}`;
    case "roles-changed":
      return `${action.name} is ${action.roles.join(", ")} now`;
    case "coordinators-moved":
      return `coordinators are at ${action.coordinatorUrls.join(", ")} now`;
    case "invitation-made":
      return `invited ${action.name} (${action.roles.join(", ")}) until ${shown(action.expires)}`;
    case "invitation-withdrawn":
      return `withdrew the invitation of ${action.name}`;
    case "joined":
      return "joined by invitation";
    case "key-replaced":
      return "replaced its key";
  }
}
