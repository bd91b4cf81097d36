import { Command, InvalidArgumentError, Option } from "commander";
import { copyFileSync, existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import Table from "cli-table3";
import { Fault, sodium } from "../crypto/index.ts";
import { openEncoder } from "../party-node/encoders/index.ts";
import { createKeyFile, loadKeyFile } from "../party-node/keys.ts";
import {
  type NodeConfig,
  type NodeFolder,
  openNodeFolder,
  readAuthority,
  readFederationFile,
  writeConfig,
} from "../party-node/node-folder.ts";
import {
  type FederationTerms,
  type Role,
  limits,
  openFederation,
  roleNames,
  signFederation,
  toBase64,
} from "../protocol/index.ts";
import { defaultChunk } from "./default-chunk.ts";
import { dirOption, wholeNumber } from "./options.ts";

const FILE = "federation.json";
const ROOT_KEY = "federation-root.key";

export function federationCommand(): Command {
  return new Command("federation")
    .description("found a federation, add members, join one")
    .addCommand(createCommand())
    .addCommand(addCommand())
    .addCommand(removeCommand())
    .addCommand(coordinatorsCommand())
    .addCommand(showCommand())
    .addCommand(joinCommand());
}

interface CreateOptions {
  readonly dir: string;
  readonly coordinatorUrl: string[];
  readonly encoder: string;
  readonly scoreBits: number;
  readonly mode: "private" | "clear";
  readonly vertical?: number;
  readonly acceptFewDimensions: boolean;
}

/** In a vertical federation of fewer, lattice reduction reads single rows off the hints (`hint-difference` in docs/security-evaluation.md). */
const VERTICAL_DIM_MIN = 384;

function createCommand(): Command {
  return new Command("create")
    .description("found a federation: writes its root key and its signed file")
    .argument("<name>", 'for people, for example "Northern hospitals"')
    .requiredOption(
      "--coordinator-url <url>",
      "where members reach the coordinator, for example ws://coordinator.example:7400; given again, a standby's, in the order in which queriers try them",
      addCoordinatorUrl,
    )
    .addOption(dirOption())
    .option("--encoder <spec>", "lexical, lexical:D, onnx:DIR or hybrid(...); all members use the same", "lexical")
    .option("--score-bits <bits>", "bits of each score that a querier receives", wholeNumber(8, 16), 14)
    .addOption(
      new Option("--mode <mode>", "clear is for baselines only: everybody sees the questions")
        .choices(["private", "clear"])
        .default("private"),
    )
    .option(
      "--vertical <parties>",
      "so many parties hold different features of the same entities; their scores are added under encryption",
      wholeNumber(2, limits.verticalPartiesMax),
    )
    .option(
      "--accept-few-dimensions",
      `allow --vertical with an encoder of fewer than ${String(VERTICAL_DIM_MIN)} dimensions, whose hints give single rows away to queriers`,
      false,
    )
    .action(async (name: string, options: CreateOptions) => {
      const file = join(resolve(options.dir), FILE);
      if (existsSync(file))
        throw new Fault("FEDERATION_EXISTS", `${file} exists already; choose another folder with --dir`);
      const terms = await draftTerms(name, options);
      mkdirSync(resolve(options.dir), { recursive: true });
      const keyPath = join(resolve(options.dir), ROOT_KEY);
      createKeyFile(keyPath);
      const { identity } = loadKeyFile(keyPath);
      const rootPublicKey = toBase64(identity.publicKey);
      writeFileSync(file, signFederation({ ...terms, rootPublicKey }, identity.privateKey));
      process.stdout.write(
        `Made ${file} (to send to every member) and ${keyPath} (the root key: keep it to yourself, off line if you can).\n\n` +
          `Root key, to tell members over another channel than the file:\n\n  ${rootPublicKey}\n\nNext: sotto federation add NAME --key KEY --role ${roleNames.join("|")}\n`,
      );
    });
}

async function draftTerms(
  name: string,
  { coordinatorUrl: coordinatorUrls, encoder: spec, scoreBits, mode, vertical, acceptFewDimensions }: CreateOptions,
): Promise<Omit<FederationTerms, "rootPublicKey">> {
  const encoder = await openEncoder(spec);
  try {
    if (vertical !== undefined && encoder.dim < VERTICAL_DIM_MIN && !acceptFewDimensions)
      throw new Fault(
        "DIMENSIONS_FEW",
        `this encoder has ${String(encoder.dim)} dimensions; in a vertical federation of fewer than ${String(VERTICAL_DIM_MIN)} a querier can compute single rows of a party from its hints. Take another --encoder, or accept it with --accept-few-dimensions`,
      );
    const scoring = {
      dim: encoder.dim,
      chunk: defaultChunk(encoder.dim),
      // A total is a sum of this many inner products.
      normMax: encoder.normMax * (vertical ?? 1),
      scoreBits,
      seed: toBase64(sodium.randombytes_buf(32)),
    };
    return {
      version: 2,
      name,
      revision: 1,
      coordinatorUrls,
      mode,
      encoder: { spec: encoder.spec, fingerprint: encoder.fingerprint },
      scoring,
      ...(vertical === undefined ? {} : { vertical: { parties: vertical } }),
      members: [],
    };
  } finally {
    await encoder.close();
  }
}

/** Of an option that is given once for each coordinator. */
function addCoordinatorUrl(text: string, before: readonly string[] = []): string[] {
  if (!/^wss?:$/.test(URL.parse(text)?.protocol ?? ""))
    throw new InvalidArgumentError("expected ws://HOST:PORT, or wss://HOST:PORT with TLS");
  if (before.includes(text)) throw new InvalidArgumentError("this address was given before");
  if (before.length >= limits.coordinatorsMax)
    throw new InvalidArgumentError(`at most ${String(limits.coordinatorsMax)} coordinators`);
  return [...before, text];
}

function parsePublicKey(text: string): string {
  const key = Buffer.from(text, "base64");
  if (key.length !== 32 || toBase64(key) !== text)
    throw new InvalidArgumentError("expected a key of 44 characters, as it was printed");
  return text;
}

function parseRoles(text: string): Role[] {
  const roles = text.split(",").map((role) => role.trim());
  const unknown = roles.find((role) => !(roleNames as readonly string[]).includes(role));
  if (unknown !== undefined)
    throw new Fault(
      "ROLE_UNKNOWN",
      `"${unknown}" is not a role; roles are ${roleNames.join(", ")}, several joined by commas`,
    );
  return roles as Role[];
}

function addCommand(): Command {
  return new Command("add")
    .description("add a member, or change its key and roles, and sign the file again")
    .argument("<name>", "the member's name, as it was given to sotto init")
    .requiredOption("--key <key>", "the member's public key, as sotto init printed it", parsePublicKey)
    .requiredOption("--role <roles>", `${roleNames.join(", ")}; several joined by commas`)
    .addOption(dirOption())
    .action((name: string, { key, role, dir }: { key: string; role: string; dir: string }) => {
      const file = join(resolve(dir), FILE);
      const { identity } = loadKeyFile(founderKey(dir));
      const { terms } = openFederation(readFederationFile(file), toBase64(identity.publicKey));
      const twin = terms.members.find((member) => member.publicKey === key && member.name !== name);
      if (twin) throw new Fault("KEY_TAKEN", `that is the key of "${twin.name}"; every member has its own`);
      const had = terms.members.find((member) => member.name === name);
      const members = [
        ...terms.members.filter((member) => member.name !== name),
        { name, roles: parseRoles(role), publicKey: key },
      ];
      writeSigned(file, { ...terms, revision: terms.revision + 1, members }, identity.privateKey);
      process.stdout.write(
        `${name} is a member (${role})${had && had.publicKey !== key ? ", its key was changed" : ""}; the file is at revision ${String(terms.revision + 1)}.\nWhen all are added, send ${file} to every new member, tell them the root key another way, and have them run:\n\n  sotto federation join ${FILE} --root ${terms.rootPublicKey} --dir THEIR-NODE\n\n${TAKEN_UP}`,
      );
    });
}

const TAKEN_UP =
  "A coordinator that runs takes the file up within a second of `sotto federation join` in its folder; members that are connected, or connect later, get it from there.\n";

function removeCommand(): Command {
  return new Command("remove")
    .description("remove a member, and sign the file again")
    .argument("<name>", "the member's name")
    .addOption(dirOption())
    .action((name: string, { dir }: { dir: string }) => {
      const file = join(resolve(dir), FILE);
      const { identity } = loadKeyFile(founderKey(dir));
      const { terms } = openFederation(readFederationFile(file), toBase64(identity.publicKey));
      const members = terms.members.filter((member) => member.name !== name);
      if (members.length === terms.members.length)
        throw new Fault(
          "MEMBER_UNKNOWN",
          `"${name}" is no member of "${terms.name}"; \`sotto federation show\` lists them`,
        );
      writeSigned(file, { ...terms, revision: terms.revision + 1, members }, identity.privateKey);
      process.stdout.write(
        `${name} is a member no more; the file is at revision ${String(terms.revision + 1)}. Have the coordinator's node join with it:\n\n  sotto federation join ${FILE} --root ${terms.rootPublicKey} --dir COORDINATOR\n\n${TAKEN_UP}`,
      );
    });
}

function coordinatorsCommand(): Command {
  return new Command("coordinators")
    .description("say anew where members reach the coordinators, and sign the file again")
    .argument("<urls...>", "all of them, in the order in which queriers try them", addCoordinatorUrl)
    .addOption(dirOption())
    .action((coordinatorUrls: string[], { dir }: { dir: string }) => {
      const file = join(resolve(dir), FILE);
      const { identity } = loadKeyFile(founderKey(dir));
      const { terms } = openFederation(readFederationFile(file), toBase64(identity.publicKey));
      writeSigned(file, { ...terms, revision: terms.revision + 1, coordinatorUrls }, identity.privateKey);
      process.stdout.write(
        `Coordinators are at ${coordinatorUrls.join(", ")}; the file is at revision ${String(terms.revision + 1)}. ${TAKEN_UP}A node that runs goes on with the addresses it was started with: start it again.\n`,
      );
    });
}

/** Whole or not at all. */
function writeSigned(file: string, terms: FederationTerms, rootSecretKey: Uint8Array): void {
  writeFileSync(`${file}.new`, signFederation(terms, rootSecretKey));
  renameSync(`${file}.new`, file);
}

/** @throws Fault NOT_THE_FOUNDER. */
function founderKey(dir: string): string {
  const path = join(resolve(dir), ROOT_KEY);
  if (existsSync(path)) return path;
  throw new Fault(
    "NOT_THE_FOUNDER",
    `${path} does not exist; members are added where \`sotto federation create\` was run: go there, or name that folder with --dir`,
  );
}

function showCommand(): Command {
  return new Command("show")
    .description("check a federation's signature and show who is in it")
    .argument("[file]", "a federation file; default is the node's own")
    .option("--root <key>", "the root key to check against; default is the node's own")
    .addOption(dirOption())
    .action((file: string | undefined, { root, dir }: { root?: string; dir: string }) => {
      const { path, key } = whatToShow(file, root, dir);
      const { terms } = openFederation(readFederationFile(path), key);
      const table = new Table({ head: ["member", "roles", "public key"], style: { head: [], border: [] } });
      for (const member of terms.members) table.push([member.name, member.roles.join(", "), member.publicKey]);
      const { scoring, encoder, vertical } = terms;
      const totals = vertical ? `; totals of ${String(vertical.parties)} parties` : "";
      process.stdout.write(
        `${terms.name} (revision ${String(terms.revision)}, signature valid)\n  root key     ${terms.rootPublicKey}\n  coordinator  ${terms.coordinatorUrls.join(", ")}\n  mode         ${terms.mode}\n` +
          `  encoder      ${encoder.spec} (${encoder.fingerprint.slice(0, 16)}…)\n  scoring      ${String(scoring.dim)} dimensions, chunk ${String(scoring.chunk)}, ${String(scoring.scoreBits)}-bit scores${totals}\n${table.toString()}\n`,
      );
    });
}

function whatToShow(file: string | undefined, root: string | undefined, dir: string): { path: string; key: string } {
  if (file !== undefined && root !== undefined) return { path: resolve(file), key: root };
  const rootKey = join(resolve(dir), ROOT_KEY);
  if (existsSync(rootKey))
    return { path: resolve(file ?? join(dir, FILE)), key: root ?? toBase64(loadKeyFile(rootKey).identity.publicKey) };
  const folder = openNodeFolder(dir);
  const key = root ?? folder.config.rootPublicKey;
  if (key === undefined)
    throw new Fault(
      "NOT_JOINED",
      "this node has not joined a federation; say which root key to check against with --root KEY",
    );
  return { path: file === undefined ? folder.federationPath : resolve(file), key };
}

function joinCommand(): Command {
  return new Command("join")
    .description("take a federation file into a node's folder, and trust its root key")
    .argument("<file>", "the federation file, as the founder sent it")
    .requiredOption("--root <key>", "the root key, as the founder told you over another channel", parsePublicKey)
    .addOption(dirOption())
    .option(
      "--coordinator-url <url>",
      "reach the coordinator here instead of where the file says; given again, a standby",
      addCoordinatorUrl,
    )
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
        }: { root: string; dir: string; coordinatorUrl?: string[]; ca?: string; encoder?: string },
      ) => {
        const folder = openNodeFolder(dir);
        const { terms } = openFederation(readFederationFile(resolve(file)), root);
        if (ca !== undefined) readAuthority(resolve(ca));
        refuseOlder(folder.federationPath, folder.config, root, terms.revision);
        if (resolve(file) !== folder.federationPath) {
          // A process that runs by it never sees half of it.
          copyFileSync(resolve(file), `${folder.federationPath}.new`);
          renameSync(`${folder.federationPath}.new`, folder.federationPath);
        }
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

function refuseOlder(path: string, config: NodeConfig, root: string, revision: number): void {
  if (config.rootPublicKey !== root || !existsSync(path)) return;
  const held = openFederation(readFederationFile(path), root).terms.revision;
  if (revision < held)
    throw new Fault(
      "FEDERATION_OLDER",
      `the file is revision ${String(revision)}, this node holds ${String(held)}; ask the founder for the newest`,
    );
}
