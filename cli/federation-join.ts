import { Command } from "commander";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { Fault } from "../crypto/index.ts";
import { writeFederationFile } from "../party-node/federation-file-sync.ts";
import { loadKeyFile } from "../party-node/keys.ts";
import {
  type NodeFolder,
  openNodeFolder,
  readAuthority,
  readFederationFile,
  writeConfig,
} from "../party-node/node-folder.ts";
import { type FederationLog, type FederationTerms, mergeLogs, readFederation, toBase64 } from "../protocol/index.ts";
import { parseCoordinatorUrl, parsePublicKey } from "./founder-folder.ts";
import { dirOption } from "./options.ts";

export function joinCommand(): Command {
  return new Command("join")
    .description("take a federation file into a node's folder, and trust its root key")
    .argument("<file>", "the federation file, as the founder sent it")
    .requiredOption("--root <key>", "the root key, as the founder told you over another channel", parsePublicKey)
    .addOption(dirOption())
    .option("--coordinator-url <url>", "reach the coordinator here instead of where the file says", parseCoordinatorUrl)
    .option(
      "--ca <file>",
      "trust only the authorities in this file (PEM) for wss; for a coordinator whose certificate is not from a public one",
    )
    .option("--encoder <spec>", "where this node has the federation's encoder, for example onnx:models/minilm")
    .action(
      (
        file: string,
        {
          root,
          dir,
          coordinatorUrl,
          ca,
          encoder,
        }: { root: string; dir: string; coordinatorUrl?: string; ca?: string; encoder?: string },
      ) => {
        const folder = openNodeFolder(dir);
        const log = mergedWithHeld(folder, readFederation(readFederationFile(resolve(file)), root), root);
        const { terms } = log.state;
        if (ca !== undefined) readAuthority(resolve(ca));
        writeFederationFile(folder.federationPath, log);
        writeConfig(folder.path, {
          ...folder.config,
          rootPublicKey: root,
          ...(coordinatorUrl === undefined ? {} : { coordinatorUrl }),
          ...(ca === undefined ? {} : { ca: resolve(ca) }),
          ...(encoder === undefined ? {} : { encoder }),
        });
        process.stdout.write(
          `Joined "${terms.name}" (revision ${String(terms.revision)}). ${nextStep(terms, folder)}\n`,
        );
      },
    );
}

/** What a member that has just joined does next. */
function nextStep({ members, vertical }: FederationTerms, { config: { name }, keyPath }: NodeFolder): string {
  const member = members.find((one) => one.name === name);
  if (!member) return `"${name}" is not listed in it yet: the founder must add it and send the file again.`;
  const own = toBase64(loadKeyFile(keyPath).identity.publicKey);
  if (member.publicKey !== own)
    return `But "${name}" is listed with another key than this node's, which is ${own}: the founder must add it again.`;
  const { roles } = member;
  const steps = {
    coordinator: "`sotto coordinator`",
    party: vertical
      ? "`sotto node --entities FILE --align-for QUERIER`; when a querier has run `sotto align`, `sotto ingest PATH --alignment aligned.json` with the file in this folder, and `sotto node` again"
      : "`sotto ingest PATH`, then `sotto node`",
    querier: '`sotto query "..."`',
  };
  return `Next: ${roles.map((role) => steps[role]).join("; ")}.`;
}

/** What is in the node's folder and the file, in one. A federation that was founded anew with the same root key takes the place of the one before. */
function mergedWithHeld({ federationPath: path, config }: NodeFolder, log: FederationLog, root: string): FederationLog {
  const held = config.rootPublicKey === root && existsSync(path) ? readHeld(path, root) : null;
  if (!held || held.founding.time < log.founding.time) return log;
  const merged = mergeLogs(held, log);
  const { revision } = log.state.terms;
  if (merged.state.terms.revision === held.state.terms.revision && revision < merged.state.terms.revision)
    throw new Fault(
      "FEDERATION_OLDER",
      `the file is revision ${String(revision)} and says nothing that this node's, ${String(held.state.terms.revision)}, does not; ask the founder for the newest`,
    );
  return merged;
}

/** Null for a file that is damaged, or of an earlier version: there is nothing to go back from. */
function readHeld(path: string, root: string): FederationLog | null {
  try {
    return readFederation(readFederationFile(path), root);
  } catch (error) {
    if (error instanceof Fault && error.code === "FEDERATION_MALFORMED") return null;
    throw error;
  }
}
