import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, rmdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { z } from "zod";
import { Fault } from "../crypto/index.ts";
import {
  type Federation,
  type Identity,
  checkAuthority,
  limits,
  memberName,
  openFederation,
} from "../protocol/index.ts";
import { keepFederationFile } from "./federation-file-sync.ts";
import { type NodeKeys, createKeyFile, loadKeyFile } from "./keys.ts";
import { NodeIdentity, listedIdentity } from "./node-identity.ts";
import { whereNodesAre } from "./nearby-nodes.ts";

export type NodeFolderFaultCode =
  | "CONFIG_MISSING"
  | "CONFIG_MALFORMED"
  | "CONFIG_EXISTS"
  | "NOT_JOINED"
  | "FEDERATION_MISSING"
  | "NOT_A_MEMBER"
  | "AUTHORITY_MISSING";

/** Everything a node keeps is in one folder; this is its one small configuration file. Paths are relative to the folder. */
const CACHE_FILE = "scoring.cache";
const AUTHORITY_FILE = "coordinator-ca.pem";

const address = z.url({ protocol: /^wss?$/ });

const configSchema = z.strictObject({
  name: memberName,
  key: z.string().default("node.key"),
  store: z
    .string()
    .refine((name) => name !== CACHE_FILE, `${CACHE_FILE} is the cache's name`)
    .default("store.db"),
  federation: z.string().default("federation.json"),
  /** The federation's root public key, base64; set by `sotto federation join` after a person has compared it. */
  rootPublicKey: z.string().optional(),
  /** Overrides the addresses in the federation file, for this node only: one, or several in their order. */
  coordinatorUrl: z.union([address, z.array(address).min(1).max(limits.coordinatorsMax)]).optional(),
  /** Certificates (PEM) of the only authorities to trust when the coordinator is reached by `wss`; default are the public ones. */
  ca: z.string().optional(),
  /** Where this node has the federation's encoder, when it is not where the federation file says: `onnx:DIR`. The fingerprint must be the same. */
  encoder: z.string().optional(),
});

export type NodeConfig = z.infer<typeof configSchema>;

export const CONFIG_FILE = "sotto.json";

/** A node's folder, its configuration read and checked. */
export interface NodeFolder {
  readonly path: string;
  readonly config: NodeConfig;
  readonly storePath: string;
  /** Encoded blocks, which the node can make again. */
  readonly cachePath: string;
  readonly federationPath: string;
  readonly keyPath: string;
  /** Ledgers of the collections that this node has at hosts. */
  readonly collectionsPath: string;
  /** Collections that this node keeps for others. */
  readonly hostedPath: string;
  /** Ids that this party and others have in common, as the last alignment found them. */
  readonly alignedPath: string;
  /** The last state that was seen of each hosted collection. */
  readonly seenPath: string;
  /** How many codes members have read. */
  readonly codesReadPath: string;
  /** Who may ask, how often, and for how many passages; there only once somebody has said so. */
  readonly rightsPath: string;
  /** How many questions queriers have asked lately. */
  readonly questionsPath: string;
  /** When the last answered query of each querier was signed, in a vertical federation. */
  readonly answeredPath: string;
  /** What was found of others' faults: a folder. */
  readonly evidencePath: string;
  /** The endpoints that may see questions and passages (`sotto ask`); there only once somebody has agreed to one. */
  readonly endpointsPath: string;
  /** The audit log: a folder. */
  readonly auditPath: string;
  /** What programs of this node's user show its local servers; there only once one was started. */
  readonly accessTokenPath: string;
  /** Keys of hosted collections; there only once the node has one. */
  readonly keyringPath: string;
}

function folderOf(directory: string, config: NodeConfig): NodeFolder {
  const path = resolve(directory);
  return {
    path,
    config,
    storePath: resolve(path, config.store),
    cachePath: resolve(path, CACHE_FILE),
    federationPath: resolve(path, config.federation),
    keyPath: resolve(path, config.key),
    collectionsPath: resolve(path, "collections"),
    hostedPath: resolve(path, "hosted"),
    alignedPath: resolve(path, "aligned.json"),
    seenPath: resolve(path, "collections-seen.json"),
    codesReadPath: resolve(path, "codes-read.json"),
    rightsPath: resolve(path, "rights.json"),
    questionsPath: resolve(path, "questions-asked.json"),
    answeredPath: resolve(path, "answered.json"),
    evidencePath: resolve(path, "evidence"),
    endpointsPath: resolve(path, "endpoints-agreed.json"),
    auditPath: resolve(path, "audit"),
    accessTokenPath: resolve(path, "access.token"),
    keyringPath: resolve(path, "keyring.json"),
  };
}

/**
 * Makes a node's folder with a new key.
 *
 * @throws Fault CONFIG_EXISTS, CONFIG_MALFORMED (a name that cannot be one), KEY_FILE_EXISTS.
 */
export function createNodeFolder(directory: string, name: string): NodeFolder {
  const parsed = configSchema.safeParse({ name });
  if (!parsed.success)
    throw new Fault<NodeFolderFaultCode>(
      "CONFIG_MALFORMED",
      `"${name}" cannot be a node's name: use lower-case letters, digits and dashes, at most 63`,
    );
  const folder = folderOf(directory, parsed.data);
  const file = join(folder.path, CONFIG_FILE);
  if (existsSync(file))
    throw new Fault<NodeFolderFaultCode>("CONFIG_EXISTS", `${file} exists already; choose another folder with --dir`);
  mkdirSync(folder.path, { recursive: true });
  createKeyFile(folder.keyPath);
  writeConfig(folder.path, { name });
  return folder;
}

/**
 * Makes a node's folder for something that may fail.
 *
 * @returns The folder, and what removes it again, key and all, with the folders around it that were made for it.
 * @throws Fault as {@link createNodeFolder}.
 */
export function createNodeFolderOnTrial(
  directory: string,
  name: string,
): { readonly folder: NodeFolder; readonly undo: () => void } {
  const path = resolve(directory);
  const made = newFoldersAt(path);
  const folder = createNodeFolder(path, name);
  const undo = (): void => {
    for (const file of [folder.keyPath, join(path, CONFIG_FILE)]) rmSync(file, { force: true });
    for (const empty of made) rmdirSync(empty);
  };
  return { folder, undo };
}

/** The folders that making this one makes, the innermost first. */
function newFoldersAt(path: string): string[] {
  return existsSync(path) ? [] : [path, ...newFoldersAt(dirname(path))];
}

/** @throws Fault CONFIG_MISSING, CONFIG_MALFORMED. */
export function openNodeFolder(directory: string): NodeFolder {
  const file = join(resolve(directory), CONFIG_FILE);
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new Fault<NodeFolderFaultCode>(
      "CONFIG_MISSING",
      `${file} does not exist; ${whereNodesAre(resolve(directory), CONFIG_FILE)}`,
      cause,
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new Fault<NodeFolderFaultCode>("CONFIG_MALFORMED", `${file} is not JSON`, cause);
  }
  const parsed = configSchema.safeParse(json);
  if (parsed.success) return folderOf(directory, parsed.data);
  const issue = parsed.error.issues[0];
  throw new Fault<NodeFolderFaultCode>(
    "CONFIG_MALFORMED",
    `${file}: ${issue?.path.join(".") ?? ""} ${issue?.message ?? "is not as expected"}`,
  );
}

/** Writes the configuration, whole or not at all. */
export function writeConfig(directory: string, config: z.input<typeof configSchema>): void {
  const file = join(resolve(directory), CONFIG_FILE);
  writeFileSync(`${file}.new`, `${JSON.stringify(config, null, 2)}\n`);
  renameSync(`${file}.new`, file);
}

/** @throws Fault NOT_JOINED, FEDERATION_MISSING, FEDERATION_MALFORMED, FEDERATION_TAMPERED. */
export function openNodeFederation({ config, federationPath }: NodeFolder): Federation {
  if (config.rootPublicKey === undefined) {
    throw new Fault<NodeFolderFaultCode>(
      "NOT_JOINED",
      "this node has not joined a federation; get its federation.json and root key, then run `sotto federation join FILE --root KEY`",
    );
  }
  return openFederation(readFederationFile(federationPath), config.rootPublicKey);
}

/** @throws Fault FEDERATION_MISSING. */
export function readFederationFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new Fault<NodeFolderFaultCode>(
      "FEDERATION_MISSING",
      `the federation file ${path} cannot be read; ask the federation's founder for it`,
      cause,
    );
  }
}

/** What a process needs to act as this node. */
export interface OpenedNode {
  readonly folder: NodeFolder;
  readonly federation: Federation;
  readonly keys: NodeKeys;
  readonly identity: Identity;
  /** In the order in which queriers try them. */
  readonly coordinatorUrls: readonly string[];
  /** As {@link DialOptions.ca}. */
  readonly ca: string | undefined;
  readonly encoderSpec: string;
}

/** @returns The authorities' certificates. @throws Fault AUTHORITY_MISSING, CERTIFICATE_MALFORMED. */
export function readAuthority(path: string): string {
  let pem: string;
  try {
    pem = readFileSync(path, "utf8");
  } catch (cause) {
    throw new Fault<NodeFolderFaultCode>(
      "AUTHORITY_MISSING",
      `${path} cannot be read; it should hold the authority's certificate (PEM), from whoever runs the coordinator: put it there, or join again with --ca FILE`,
      cause,
    );
  }
  checkAuthority(pem, path);
  return pem;
}

/** Keeps the authorities in the node's folder, which then needs no other file. @returns The file, relative to the folder. */
export function keepAuthority({ path }: NodeFolder, pem: string): string {
  writeFileSync(join(path, AUTHORITY_FILE), pem);
  return AUTHORITY_FILE;
}

/** Opens folder, federation and keys, and checks that they belong together. @throws Fault of each, NOT_A_MEMBER, CERTIFICATE_MALFORMED. */
export function openNode(directory: string): OpenedNode {
  const folder = openNodeFolder(directory);
  const federation = openNodeFederation(folder);
  keepFederationFile(federation, folder.federationPath);
  const keys = loadKeyFile(folder.keyPath);
  const { name } = folder.config;
  const own = listedIdentity(keys, federation, name);
  if (!own) throw notListed(federation, name);
  const { coordinatorUrl = federation.terms.coordinatorUrls, encoder: encoderSpec = federation.terms.encoder.spec } =
    folder.config;
  return {
    folder,
    federation,
    keys,
    identity: new NodeIdentity(name, own.privateKey, federation, folder.keyPath),
    coordinatorUrls: [coordinatorUrl].flat(),
    ca: folder.config.ca === undefined ? undefined : readAuthority(resolve(folder.path, folder.config.ca)),
    encoderSpec,
  };
}

/** Why this node cannot act in its federation, and what its operator can do. */
function notListed({ log, terms, publicKeyOf }: Federation, name: string): Fault {
  const wasRemoved =
    !publicKeyOf(name) && log.changes.some(({ action }) => action.type === "member-removed" && action.name === name);
  return new Fault<NodeFolderFaultCode>(
    "NOT_A_MEMBER",
    wasRemoved
      ? `the founder has removed "${name}" from "${terms.name}" (revision ${String(terms.revision)}); stop its service, or ask the founder for a new invitation of that name, or the newest file where it was added again, and join by it in this folder: documents and keys stay`
      : `the federation does not list "${name}" with this node's key; send the founder the line that \`sotto init\` printed, and join again with the new federation file`,
  );
}
