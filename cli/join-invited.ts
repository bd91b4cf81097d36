import { existsSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { Fault } from "../crypto/index.ts";
import { joinByInvitation } from "../party-node/join-by-invitation.ts";
import { loadKeyFile } from "../party-node/keys.ts";
import {
  CONFIG_FILE,
  type NodeFolder,
  createNodeFolderOnTrial,
  openNodeFolder,
  readAuthority,
} from "../party-node/node-folder.ts";
import {
  type FederationLog,
  INVITATION_PREFIX,
  type InvitationToken,
  limits,
  readInvitation,
  toBase64,
} from "../protocol/index.ts";

export interface JoinOptions {
  readonly root?: string;
  readonly dir: string;
  readonly coordinatorUrl?: string[];
  readonly ca?: string;
  readonly encoder?: string;
}

/** A node that is about to join, and the log by which. */
export interface Joined {
  readonly folder: NodeFolder;
  readonly log: FederationLog;
}

/** Longer than what people call a file; what is damaged and as long is never printed as a path. */
const PATH_LENGTH_USUAL = 160;
/** A file that is larger holds no invitation. */
const FILE_BYTES_MAX = 4 * limits.invitationLengthMax;

/** The text of the invitation that an argument is, names or announces on standard input; null where it names another file. */
export async function invitationIn(what: string): Promise<string | null> {
  if (what === "-") {
    if (process.stdin.isTTY) process.stderr.write("Paste the invitation, then press Enter and Ctrl-D.\n");
    return text(process.stdin);
  }
  if (what.trimStart().startsWith(INVITATION_PREFIX)) return what;
  if (!existsSync(what)) return what.length > PATH_LENGTH_USUAL && what.includes("invitation-") ? what : null;
  const { size } = statSync(what);
  if (size > FILE_BYTES_MAX) return null;
  const content = readFileSync(what, "utf8");
  return content.trim() === "" || content.includes(INVITATION_PREFIX) ? content : null;
}

/**
 * Joins by an invitation. What is wrong with it is said before anything is made, and what was made is removed where the node is certain not to have joined.
 *
 * @throws Fault INVITATION_MALFORMED, INVITATION_EXPIRED, ROOT_KEY_OTHER, NAME_OTHER, those of {@link joinByInvitation} and of files.
 */
export async function joinInvited(words: string, options: JoinOptions): Promise<Joined> {
  const invitation = readInvitation(words);
  refuseExpired(invitation);
  const { root, dir, ca } = options;
  if (root !== undefined && root !== toBase64(invitation.rootPublicKey))
    throw new Fault(
      "ROOT_KEY_OTHER",
      "the invitation is of a federation with another root key than --root; ask the founder which is right",
    );
  const authority = ca === undefined ? undefined : readAuthority(resolve(ca));
  const { folder, undo } = existsSync(join(resolve(dir), CONFIG_FILE))
    ? { folder: openNodeFolder(dir), undo: null }
    : createNodeFolderOnTrial(dir, invitation.name);
  const { name } = folder.config;
  if (name !== invitation.name)
    throw new Fault(
      "NAME_OTHER",
      `the invitation is for "${invitation.name}", and the node in ${folder.path} is "${name}"; choose another folder with --dir, or ask for an invitation of that name`,
    );
  const attempt = { hasClaimed: false };
  try {
    const log = await claim(folder, { invitation, authority, options, attempt });
    return { folder, log };
  } catch (error) {
    if (attempt.hasClaimed && error instanceof Fault && UNCERTAIN.has(error.code))
      throw new Fault(
        error.code,
        `${error.message}. This node may have joined all the same: run the same command again; its key stays in ${folder.path}`,
        error,
      );
    undo?.();
    throw error;
  }
}

/** Ends after which the coordinator may have taken the claim. */
const UNCERTAIN: ReadonlySet<string> = new Set(["CONNECTION_LOST", "HANDSHAKE_TIMEOUT"]);

function claim(
  folder: NodeFolder,
  {
    invitation,
    authority,
    options: { coordinatorUrl: coordinatorUrls },
    attempt,
  }: {
    readonly invitation: InvitationToken;
    readonly authority: string | undefined;
    readonly options: JoinOptions;
    readonly attempt: { hasClaimed: boolean };
  },
): Promise<FederationLog> {
  const { name, ca } = folder.config;
  return joinByInvitation({
    invitation,
    identity: { name, secretKey: loadKeyFile(folder.keyPath).identity.privateKey },
    coordinatorUrls,
    ca: authority ?? (ca === undefined ? undefined : readAuthority(resolve(folder.path, ca))),
    wallClock: () => Date.now(),
    onClaim: () => {
      attempt.hasClaimed = true;
    },
  });
}

function refuseExpired({ name, expires }: InvitationToken): void {
  const now = new Date().toISOString();
  if (now > expires)
    throw new Fault(
      "INVITATION_EXPIRED",
      `the invitation of ${name} could be used until ${expires}, and by this machine's clock it is ${now}; if the clock is right, ask the founder for a new one`,
    );
}
