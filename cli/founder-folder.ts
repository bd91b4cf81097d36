import { InvalidArgumentError } from "commander";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { Fault } from "../crypto/index.ts";
import { writeFederationFile } from "../party-node/federation-file-sync.ts";
import { type IdentityKeyPair, loadKeyFile } from "../party-node/keys.ts";
import { readFederationFile } from "../party-node/node-folder.ts";
import {
  type FederationLog,
  type FounderAction,
  limits,
  readFederation,
  toBase64,
  withChanges,
} from "../protocol/index.ts";

export const FEDERATION_FILE = "federation.json";
export const ROOT_KEY = "federation-root.key";

/** Where a federation was founded: its root key and its log, as far as the founder has it. */
export class FounderFolder {
  readonly file: string;
  readonly #root: IdentityKeyPair;
  #log: FederationLog;

  /** @throws Fault NOT_THE_FOUNDER, and those of {@link readFederation}. */
  constructor(dir: string) {
    const keyPath = join(resolve(dir), ROOT_KEY);
    if (!existsSync(keyPath))
      throw new Fault(
        "NOT_THE_FOUNDER",
        `${keyPath} does not exist; members are added where \`sotto federation create\` was run: go there, or name that folder with --dir`,
      );
    this.file = join(resolve(dir), FEDERATION_FILE);
    this.#root = loadKeyFile(keyPath).identity;
    this.#log = readFederation(readFederationFile(this.file), toBase64(this.#root.publicKey));
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

  /** Signs changes and writes the file. @throws Fault FEDERATION_MALFORMED, LIMIT_EXCEEDED. */
  change(...actions: readonly FounderAction[]): void {
    this.#log = withChanges(this.#log, actions, this.#root.privateKey);
    writeFederationFile(this.file, this.#log);
  }
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
