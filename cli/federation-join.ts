import { Command } from "commander";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { Fault } from "../crypto/index.ts";
import { writeFederationFile } from "../party-node/federation-file-sync.ts";
import { joinByInvitation } from "../party-node/join-by-invitation.ts";
import { loadKeyFile } from "../party-node/keys.ts";
import {
  CONFIG_FILE,
  type NodeFolder,
  createNodeFolder,
  openNodeFolder,
  readAuthority,
  readFederationFile,
  writeConfig,
} from "../party-node/node-folder.ts";
import {
  type FederationLog,
  type FederationTerms,
  INVITATION_PREFIX,
  mergeLogs,
  readFederation,
  readInvitation,
  toBase64,
} from "../protocol/index.ts";
import { addCoordinatorUrl, parsePublicKey } from "./founder-folder.ts";
import { dirAgain, dirOption } from "./options.ts";

interface JoinOptions {
  readonly root?: string;
  readonly dir: string;
  readonly coordinatorUrl?: string[];
  readonly ca?: string;
  readonly encoder?: string;
}

export function joinCommand(): Command {
  return new Command("join")
    .description(
      "become a member by an invitation, or take a federation file into a node's folder and trust its root key",
    )
    .argument(
      "<invitation>",
      "an invitation, - to read it from standard input, or the federation file that the founder sent",
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
      "trust only the authorities in this file (PEM) for wss; for a coordinator whose certificate is not from a public one",
    )
    .option("--encoder <spec>", "where this node has the federation's encoder, for example onnx:models/minilm")
    .addHelpText(
      "after",
      "\nAn invitation is a secret until it is used: other users of this machine see a command's arguments, and - does without. With one, the node's folder is made if there is none.",
    )
    .action(async (what: string, options: JoinOptions) => {
      const { folder, log } = isInvitation(what) ? await joinInvited(what, options) : joinByFile(what, options);
      const { coordinatorUrl, ca, encoder } = options;
      const { terms } = log.state;
      writeFederationFile(folder.federationPath, log);
      writeConfig(folder.path, {
        ...folder.config,
        rootPublicKey: terms.rootPublicKey,
        ...(coordinatorUrl === undefined ? {} : { coordinatorUrl }),
        ...(ca === undefined ? {} : { ca: resolve(ca) }),
        ...(encoder === undefined ? {} : { encoder }),
      });
      process.stdout.write(`Joined "${terms.name}" (revision ${String(terms.revision)}). ${nextStep(terms, folder)}\n`);
    });
}

interface Joined {
  readonly folder: NodeFolder;
  readonly log: FederationLog;
}

const isInvitation = (what: string): boolean => what === "-" || what.startsWith(INVITATION_PREFIX);

function joinByFile(file: string, { root, dir, ca }: JoinOptions): Joined {
  if (root === undefined)
    throw new Fault(
      "ROOT_KEY_MISSING",
      "say which root key to trust with --root KEY, as the founder told you over another channel than the file",
    );
  const folder = openNodeFolder(dir);
  if (ca !== undefined) readAuthority(resolve(ca));
  return { folder, log: mergedWithHeld(folder, readFederation(readFederationFile(resolve(file)), root), root) };
}

async function joinInvited(word: string, { root, dir, coordinatorUrl, ca }: JoinOptions): Promise<Joined> {
  const invitation = readInvitation(word === "-" ? await text(process.stdin) : word);
  const rootPublicKey = toBase64(invitation.rootPublicKey);
  if (root !== undefined && root !== rootPublicKey)
    throw new Fault(
      "ROOT_KEY_OTHER",
      "the invitation is of a federation with another root key than --root; ask the founder which is right",
    );
  const folder = existsSync(join(resolve(dir), CONFIG_FILE))
    ? openNodeFolder(dir)
    : createNodeFolder(dir, invitation.name);
  const { name } = folder.config;
  if (name !== invitation.name)
    throw new Fault(
      "NAME_OTHER",
      `the invitation is for "${invitation.name}", and the node in ${folder.path} is "${name}"; choose another folder with --dir, or ask for an invitation of that name`,
    );
  const log = await joinByInvitation({
    invitation,
    identity: { name, secretKey: loadKeyFile(folder.keyPath).identity.privateKey },
    coordinatorUrls: coordinatorUrl,
    ca: ca === undefined ? undefined : readAuthority(resolve(ca)),
    wallClock: () => Date.now(),
  });
  return { folder, log: mergedWithHeld(folder, log, rootPublicKey) };
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
