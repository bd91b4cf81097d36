import { Command } from "commander";
import { loadKeyFile } from "../party-node/keys.ts";
import { createNodeFolder } from "../party-node/node-folder.ts";
import { toBase64 } from "../protocol/index.ts";
import { dirOption } from "./options.ts";

export function initCommand(): Command {
  return new Command("init")
    .description("make a node: a folder with a key file and a small configuration")
    .argument("<name>", "what the federation will call this node: lower-case letters, digits, dashes")
    .addOption(dirOption().default("", "a folder called like the node"))
    .action((name: string, { dir }: { dir: string }) => {
      const folder = createNodeFolder(dir || name, name);
      const publicKey = toBase64(loadKeyFile(folder.keyPath).identity.publicKey);
      process.stdout.write(
        `Made ${folder.path}\n\nSend this line to the federation's founder (it is public):\n\n  sotto federation add ${name} --key ${publicKey} --role party,querier\n\n` +
          `(A machine that only carries messages takes --role coordinator.) Then take in the file that the founder sends back:\n\n  sotto federation join FILE --root KEY --dir ${dir || name}\n\n` +
          `Keep ${folder.keyPath} to yourself and back it up: without it the store cannot be read.\n`,
      );
    });
}
