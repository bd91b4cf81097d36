import { Command } from "commander";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { Fault } from "../crypto/index.ts";
import { writeFederationFile } from "../party-node/federation-file-sync.ts";
import { loadKeyFile } from "../party-node/keys.ts";
import {
  CONFIG_FILE,
  type NodeFolder,
  keepAuthority,
  openNodeFolder,
  readAuthority,
  readFederationFile,
  writeConfig,
} from "../party-node/node-folder.ts";
import { type FederationLog, type FederationTerms, mergeLogs, readFederation, toBase64 } from "../protocol/index.ts";
import { FounderFolder, addCoordinatorUrl, founderOf, isFounderFolder, parsePublicKey } from "./founder-folder.ts";
import { type JoinOptions, type Joined, invitationIn, joinInvited } from "./join-invited.ts";
import { dirAgain, dirOption } from "./options.ts";

export function joinCommand(): Command {
  return new Command("join")
    .description(
      "become a member by an invitation, or take a federation file into a node's folder and trust its root key",
    )
    .argument(
      "<invitation>",
      "an invitation, its file, - to read it from standard input, or the federation file that the founder sent",
    )
    .option("--root <key>", "with a file: the root key, as the founder told you over another channel", parsePublicKey)
    .addOption(dirOption())
    .option(
      "--coordinator-url <url>",
      "reach the coordinator here instead of where the founder says; given again, a standby",
      addCoordinatorUrl,
    )
    .option(
      "--ca <file>",
      "trust only the authorities in this file (PEM) for wss, which is copied into the folder; for a coordinator whose certificate is not from a public one",
    )
    .option("--encoder <spec>", "where this node has the federation's encoder, for example onnx:models/minilm")
    .addHelpText(
      "after",
      "\nAn invitation is a secret until it is used: other users of this machine see a command's arguments, and - or a file does without. With one, the node's folder is made if there is none.\nIn the founder's folder, with the coordinator's federation file, it brings the founder's own up to date.",
    )
    .action(async (what: string, options: JoinOptions) => {
      const invitation = await invitationIn(what);
      if (invitation === null && isFounderFolder(options.dir) && !existsSync(join(resolve(options.dir), CONFIG_FILE)))
        refreshFounder(what, options.dir);
      else if (invitation === null) joinByFile(what, options);
      else joinNode(await joinInvited(invitation, options), options);
    });
}

/** @returns All that is known now. */
function joinNode({ folder, log: joined }: Joined, { coordinatorUrl, ca, encoder }: JoinOptions): FederationLog {
  const { rootPublicKey } = joined.state.terms;
  const log = mergedWithHeld(folder, joined, rootPublicKey);
  const { terms } = log.state;
  const authority = ca === undefined ? undefined : readAuthority(resolve(ca));
  writeFederationFile(folder.federationPath, log);
  writeConfig(folder.path, {
    ...folder.config,
    rootPublicKey,
    ...(coordinatorUrl === undefined ? {} : { coordinatorUrl }),
    ...(authority === undefined ? {} : { ca: keepAuthority(folder, authority) }),
    ...(encoder === undefined ? {} : { encoder }),
  });
  process.stdout.write(`Joined "${terms.name}" (revision ${String(terms.revision)}). ${nextStep(terms, folder)}\n`);
  return log;
}

function joinByFile(file: string, options: JoinOptions): void {
  const { root, dir } = options;
  if (root === undefined)
    throw new Fault(
      "ROOT_KEY_MISSING",
      "say which root key to trust with --root KEY, as the founder told you over another channel than the file",
    );
  const folder = openNodeFolder(dir);
  const log = joinNode({ folder, log: readFederation(readFederationFile(resolve(file)), root) }, options);
  // Whoever joins where the founder's file lies may know of members and keys that it does not.
  const founder = founderOf(file);
  if (founder?.rootPublicKey === root) founder.takeUp(log);
}

/** In the founder's folder nobody joins: the file is taken into the founder's own. */
function refreshFounder(file: string, dir: string): void {
  const founder = new FounderFolder(dir);
  const isNewer = founder.takeUp(readFederation(readFederationFile(resolve(file)), founder.rootPublicKey));
  const revision = String(founder.log.state.terms.revision);
  process.stdout.write(
    isNewer
      ? `The founder's file, ${founder.file}, is at revision ${revision} now: it has what ${file} has.\n`
      : `The founder's file, ${founder.file}, has all of it already (revision ${revision}). To have a node join, name its folder with --dir.\n`,
  );
}

/** What a member that has just joined does next. */
function nextStep({ members, vertical }: FederationTerms, { config: { name }, keyPath, path }: NodeFolder): string {
  const member = members.find((one) => one.name === name);
  if (!member) return `"${name}" is not listed in it yet: the founder must add it and send the file again.`;
  const own = toBase64(loadKeyFile(keyPath).identity.publicKey);
  if (member.publicKey !== own)
    return `But "${name}" is listed with another key than this node's, which is ${own}: the founder must add it again.`;
  const { roles } = member;
  const dir = dirAgain(path);
  const steps = {
    coordinator: `\`sotto coordinator${dir}\``,
    party: vertical
      ? `\`sotto node --entities FILE --align-for QUERIER${dir}\`; when a querier has run \`sotto align\`, \`sotto ingest PATH --alignment ALIGNED${dir}\` with the file aligned.json of this node's folder, and \`sotto node${dir}\` again`
      : `\`sotto ingest PATH${dir}\`, then \`sotto node${dir}\``,
    querier: `\`sotto query "..."${dir}\``,
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
