import { InvalidArgumentError } from "commander";
import { existsSync, readdirSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { Fault } from "../crypto/index.ts";
import { writeFederationFile } from "../party-node/federation-file-sync.ts";
import { type IdentityKeyPair, loadKeyFile } from "../party-node/keys.ts";
import { CONFIG_FILE, openNodeFolder, readFederationFile } from "../party-node/node-folder.ts";
import {
  type FederationLog,
  type FounderAction,
  limits,
  mergeLogs,
  readFederation,
  toBase64,
  withChanges,
} from "../protocol/index.ts";

export const FEDERATION_FILE = "federation.json";
export const ROOT_KEY = "federation-root.key";

/** Whether a federation was founded in this folder. */
export const isFounderFolder = (dir: string): boolean => existsSync(join(resolve(dir), ROOT_KEY));

/**
 * Where a federation was founded: its root key and its log, as far as the founder has it. Members join and replace keys where the founder is not; what nodes in this
 * folder, or in folders within it, know of that is taken up, so that a coordinator's newest key is in the next invitation.
 */
export class FounderFolder {
  readonly file: string;
  /** Files within the folder, relative to it, that knew more than the founder's own. */
  readonly newer: readonly string[];
  readonly #root: IdentityKeyPair;
  #log: FederationLog;
  #revisionWritten: number;

  /** @throws Fault NOT_THE_FOUNDER, and those of {@link readFederation}. */
  constructor(dir: string) {
    const path = resolve(dir);
    if (!isFounderFolder(path))
      throw new Fault(
        "NOT_THE_FOUNDER",
        `${join(path, ROOT_KEY)} does not exist; members are added where \`sotto federation create\` was run: go there, or name that folder with --dir`,
      );
    this.file = join(path, FEDERATION_FILE);
    this.#root = loadKeyFile(join(path, ROOT_KEY)).identity;
    this.#log = readFederation(readFederationFile(this.file), this.rootPublicKey);
    this.#revisionWritten = this.#log.state.terms.revision;
    this.newer = nodesIn(path)
      .filter((file) => this.#takeUpIfFit(file))
      .map((file) => relative(path, file));
  }

  /** Base64. */
  get rootPublicKey(): string {
    return toBase64(this.#root.publicKey);
  }

  get log(): FederationLog {
    return this.#log;
  }

  /** Whether the name is one that was given away by an invitation, used or not. */
  wasInvited(name: string): boolean {
    const last = this.#log.changes.findLast(
      ({ action }) => "name" in action && action.name === name && action.type !== "roles-changed",
    );
    return last?.action.type === "invitation-made";
  }

  /**
   * Writes the file with what another of this federation has more.
   *
   * @returns Whether the file has changed.
   * @throws Fault of {@link readFederation} and {@link mergeLogs}.
   */
  takeUp(other: FederationLog): boolean {
    this.#merge(other);
    const isNewer = this.#log.state.terms.revision > this.#revisionWritten;
    if (isNewer) this.#write();
    return isNewer;
  }

  #write(): void {
    writeFederationFile(this.file, this.#log);
    this.#revisionWritten = this.#log.state.terms.revision;
  }

  #merge(other: FederationLog): boolean {
    const { revision } = this.#log.state.terms;
    this.#log = mergeLogs(this.#log, other);
    return this.#log.state.terms.revision > revision;
  }

  /** What is damaged, of another federation, or of a history that is not this one, is for its node's operator to see to. */
  #takeUpIfFit(file: string): boolean {
    try {
      return this.#merge(readFederation(readFederationFile(file), this.rootPublicKey, this.#log));
    } catch (error) {
      if (error instanceof Fault) return false;
      throw error;
    }
  }

  /** Signs changes and writes the file. @throws Fault FEDERATION_MALFORMED, LIMIT_EXCEEDED. */
  change(...actions: readonly FounderAction[]): void {
    this.#log = withChanges(this.#log, actions, this.#root.privateKey);
    this.#write();
  }
}

/** Federation files of the nodes in this folder and in those directly within it, the founder's own left out. */
function nodesIn(path: string): string[] {
  const within = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return [path, ...within.map(({ name }) => join(path, name))]
    .filter((dir) => existsSync(join(dir, CONFIG_FILE)))
    .flatMap(federationFileOf)
    .filter((file) => file !== join(path, FEDERATION_FILE) && existsSync(file));
}

function federationFileOf(dir: string): string[] {
  try {
    return [openNodeFolder(dir).federationPath];
  } catch (error) {
    if (error instanceof Fault) return [];
    throw error;
  }
}

/** The founder's folder that a federation file is the founder's own of; null for any other file. */
export function founderOf(file: string): FounderFolder | null {
  const dir = dirname(resolve(file));
  return isFounderFolder(dir) && resolve(file) === join(dir, FEDERATION_FILE) ? new FounderFolder(dir) : null;
}

/** Of an option or argument that is given once for each coordinator. */
export function addCoordinatorUrl(text: string, before: readonly string[] = []): string[] {
  if (!/^wss?:$/.test(URL.parse(text)?.protocol ?? ""))
    throw new InvalidArgumentError("expected ws://HOST:PORT, or wss://HOST:PORT with TLS");
  if (before.includes(text)) throw new InvalidArgumentError("this address was given before");
  if (before.length >= limits.coordinatorsMax)
    throw new InvalidArgumentError(`at most ${String(limits.coordinatorsMax)} coordinators`);
  return [...before, text];
}

export function parsePublicKey(text: string): string {
  const key = Buffer.from(text, "base64");
  if (key.length !== 32 || toBase64(key) !== text)
    throw new InvalidArgumentError("expected a key of 44 characters, as it was printed");
  return text;
}
