import { Command, Option } from "commander";
import Table from "cli-table3";
import { Fault, capriseLayout, sodium } from "../crypto/index.ts";
import { type KeyringEntry, betaShare, newCollectionKey } from "../party-node/keyring/index.ts";
import { openNode } from "../party-node/node-folder.ts";
import { HostConnection, SeenSequences, grantedCollections } from "../party-node/outsourced/index.ts";
import { toBase64 } from "../protocol/index.ts";
import { publishWithProgress } from "./collection-progress.ts";
import { defaultChunk } from "./default-chunk.ts";
import { dirAgain, dirOption, epsilonPerDistance, memberNameArgument, parseBeta } from "./options.ts";
import { OwnedCollection, removeLedger } from "./owned-collection.ts";
import { openNodeKeyring } from "./passphrase.ts";
import { jsonLine, printable } from "./printable.ts";

/** See docs/sealing.md for what these cost and what they leave visible. */
const BETA_DEFAULT = 1;
const SCORE_BITS = 14;

export function collectionCommand(): Command {
  return new Command("collection")
    .description("keep a collection, sealed, at a host that you do not trust")
    .addCommand(createCommand())
    .addCommand(listCommand())
    .addCommand(grantCommand())
    .addCommand(revokeCommand())
    .addCommand(acceptCommand())
    .addCommand(rotateCommand())
    .addCommand(checkCommand())
    .addCommand(eraseCommand())
    .addCommand(forgetCommand())
    .addHelpText(
      "after",
      '\nThe owner:   sotto collection create NAME --mode outsourced --host HOST\n             sotto ingest PATH --collection NAME\n             sotto collection grant NAME MEMBER\nThe reader:  sotto collection accept --host HOST\n             sotto query "..."     asks it together with all parties\nThe host:    sotto node --host-for OWNER',
    );
}

interface CreateOptions {
  readonly dir: string;
  readonly mode: KeyringEntry["mode"];
  readonly host: string;
  readonly beta: number;
  readonly epsilon?: number;
  readonly rotation: boolean;
}

function createCommand(): Command {
  return new Command("create")
    .description("make a key and an empty collection at a host")
    .argument("<name>", "what you call it: lower-case letters, digits and dashes", memberNameArgument)
    .addOption(
      new Option(
        "--mode <mode>",
        "outsourced: questions reach the host perturbed; double: they reach it RLWE-encrypted",
      )
        .choices(["outsourced", "double"])
        .makeOptionMandatory(),
    )
    .requiredOption("--host <member>", "the member that keeps it; runs `sotto node --host-for` you")
    .option(
      "--beta <distance>",
      "noise on vectors, as a share of the encoder's largest norm; `sotto seal tune` finds one for your documents",
      parseBeta,
      BETA_DEFAULT,
    )
    .option(
      "--epsilon <per-distance>",
      "DistanceDP on questions of mode outsourced, per unit of distance between questions of norm 1; default: none",
      epsilonPerDistance,
    )
    .option("--no-rotation", "do not rotate vectors by a secret map before the noise")
    .addOption(dirOption())
    .action(runCreate);
}

async function runCreate(name: string, { dir, mode, host, beta, epsilon, rotation }: CreateOptions): Promise<void> {
  const node = openNode(dir);
  const { federation, identity } = node;
  const { scoring, encoder } = federation.terms;
  if (!federation.hasRole(host, "party"))
    throw new Fault("HOST_UNKNOWN", `"${host}" is not a party of this federation; see \`sotto federation show\``);
  if (!federation.hasRole(identity.name, "querier"))
    throw new Fault(
      "WRONG_ROLE",
      `"${identity.name}" is not a querier of this federation, and only queriers can reach a host; ask the founder for \`sotto federation add ${identity.name} ... --role querier\``,
    );
  if (mode === "double" && epsilon !== undefined)
    throw new Fault(
      "OPTION_UNFIT",
      "--epsilon perturbs questions of mode outsourced; in mode double they are encrypted",
    );
  const sealing = { scale: 1, beta: beta * scoring.normMax, rotation, epsilon: epsilon ?? null };
  const { ciphertextDim } = capriseLayout({ dim: scoring.dim, normMax: scoring.normMax, scale: 1, beta: sealing.beta });
  const seed = toBase64(sodium.randombytes_buf(32));
  const entry: KeyringEntry = {
    name,
    owner: identity.name,
    host,
    mode,
    encoder: { fingerprint: encoder.fingerprint, dim: scoring.dim, normMax: scoring.normMax },
    sealing,
    scoring: mode === "double" ? { chunk: defaultChunk(ciphertextDim), scoreBits: SCORE_BITS, seed } : null,
    current: newCollectionKey(),
    next: null,
    retired: [],
  };
  const keyring = await openNodeKeyring(node.folder.path);
  try {
    keyring.add(entry);
  } finally {
    keyring[Symbol.dispose]();
  }
  // One of the same name that was forgotten may have left its ledger, and with it the names of its readers.
  removeLedger(node, name);
  try {
    using collection = await OwnedCollection.open(dir, name);
    await collection.owner.create();
  } catch (error) {
    await forget(dir, name);
    removeLedger(node, name);
    throw error;
  }
  process.stdout.write(
    `"${name}" is at ${host} (${mode}, beta ${String(beta)} of the largest norm${epsilon === undefined ? "" : `, epsilon ${String(epsilon)}`}); its key is in ${node.folder.keyringPath}: back it up with \`sotto keyring export ${name} --to FILE\`.\n\nNext: sotto ingest PATH --collection ${name}${dirAgain(dir)}\n`,
  );
}

function listCommand(): Command {
  return new Command("list")
    .description("the hosted collections this node has keys to")
    .addOption(dirOption())
    .option("--json", "print one JSON array, without keys", false)
    .action(async ({ dir, json }: { dir: string; json: boolean }) => {
      const { folder, identity } = openNode(dir);
      using keyring = await openNodeKeyring(folder.path);
      const rows = keyring.entries.map((entry) => {
        const { name, owner, host, mode, sealing, next, current } = entry;
        const role = owner === identity.name ? "owner" : "reader";
        const isRotating = next !== null;
        return {
          name,
          owner,
          host,
          mode,
          beta: betaShare(entry),
          epsilon: sealing.epsilon,
          keyId: current.id,
          role,
          isRotating,
        };
      });
      if (json) process.stdout.write(jsonLine(rows));
      else if (rows.length === 0)
        process.stdout.write(
          "none; make one with `sotto collection create`, or take granted ones with `sotto collection accept --host HOST`\n",
        );
      else {
        const table = new Table({
          head: ["name", "owner", "host", "mode", "beta", "epsilon", "key"],
          style: { head: [], border: [] },
        });
        for (const row of rows)
          table.push([
            row.name,
            row.owner,
            row.host,
            row.mode,
            String(row.beta),
            row.epsilon === null ? "none" : String(row.epsilon),
            row.keyId.slice(0, 8) + (row.isRotating ? " (being changed)" : ""),
          ]);
        process.stdout.write(`${table.toString()}\n`);
      }
    });
}

function grantCommand(): Command {
  return new Command("grant")
    .description("give a member the key to read a collection of yours, sealed to that member's own key")
    .argument("<name>")
    .argument("<member>")
    .addOption(dirOption())
    .action(async (name: string, member: string, { dir }: { dir: string }) => {
      using collection = await OwnedCollection.open(dir, name);
      if (member === collection.owner.entry.owner)
        throw new Fault("GRANT_RECIPIENT", `"${name}" is yours: you read it without a grant`);
      await collection.owner.changeReaders({ add: member });
      process.stdout.write(
        `${member} may read "${name}" and finds the key at its host. There: sotto collection accept --host ${collection.owner.entry.host}\n`,
      );
    });
}

function revokeCommand(): Command {
  return new Command("revoke")
    .description("take a member's right to read, and change the key, so that the one it has opens nothing more")
    .argument("<name>")
    .argument("<member>")
    .addOption(dirOption())
    .action(async (name: string, member: string, { dir }: { dir: string }) => {
      using collection = await OwnedCollection.open(dir, name);
      if (!collection.owner.readers.includes(member))
        throw new Fault(
          "NOT_A_READER",
          `${member} has not been granted "${name}"; those who have: ${collection.owner.readers.join(", ") || "nobody"}. If a revoke was stopped half way, \`sotto collection rotate ${name}\` ends it`,
        );
      collection.owner.startRotation();
      await collection.owner.changeReaders({ remove: member });
      await publishWithProgress(collection, "rotate");
      process.stdout.write(
        `${member} can no longer read "${name}"; what it has read it may have kept. The other readers get the new key by themselves.\n`,
      );
    });
}

function acceptCommand(): Command {
  return new Command("accept")
    .description("take the keys that owners have granted you at a host")
    .requiredOption("--host <member>")
    .addOption(dirOption())
    .action(async ({ dir, host }: { dir: string; host: string }) => {
      const node = openNode(dir);
      using keyring = await openNodeKeyring(node.folder.path);
      using connection = new HostConnection({ ...node, host });
      const { entries, refused } = await grantedCollections(await connection.session(), node);
      const seen = new SeenSequences(node.folder.seenPath);
      // A key that was read with before and is not the present one is shown by a host that went back to before it was changed.
      const isOld = ({ name, current }: KeyringEntry): boolean =>
        seen.get(current.id) > 0 && (keyring.get(name)?.current.id ?? current.id) !== current.id;
      const [old, recent] = partition(entries, isOld);
      const [taken, free] = partition(recent, ({ name, owner }) => (keyring.get(name)?.owner ?? owner) !== owner);
      for (const entry of free) {
        keyring.put(entry);
        process.stdout.write(`${entry.name}  (${entry.mode} at ${host}, owned by ${entry.owner})\n`);
      }
      for (const { name, owner } of taken)
        process.stderr.write(
          `KEYRING_CONFLICT: ${owner} has granted you "${name}", and your keyring has another of that name, which is kept\n`,
        );
      for (const { name } of old)
        process.stderr.write(`HOST_ROLLED_BACK: ${host} shows an earlier key of "${name}"; the one you have is kept\n`);
      for (const { code, message } of refused) process.stderr.write(`${code}: ${printable(message)}\n`);
      if (free.length > 0) process.stdout.write(`Next: sotto query "..."${dirAgain(dir)}\n`);
      else if (old.length + taken.length + refused.length > 0) process.exitCode = 2;
      else process.stdout.write(`${host} keeps nothing that was granted to ${node.identity.name}\n`);
    });
}

function rotateCommand(): Command {
  return new Command("rotate")
    .description("give a collection a new key; readers go on reading the old one until the new one is filled")
    .argument("<name>")
    .addOption(dirOption())
    .action(async (name: string, { dir }: { dir: string }) => {
      using collection = await OwnedCollection.open(dir, name);
      await publishWithProgress(collection, "rotate");
      process.stdout.write(
        `"${name}" has a new key; what was sealed under the old one is erased at ${collection.owner.entry.host}\n`,
      );
    });
}

function checkCommand(): Command {
  return new Command("check")
    .description("compare what the host has with what it should have, and open a sample of it")
    .argument("<name>")
    .addOption(dirOption())
    .action(async (name: string, { dir }: { dir: string }) => {
      using collection = await OwnedCollection.open(dir, name);
      const { missing, unexpected, opened } = await collection.owner.check();
      process.stdout.write(
        `missing rows: ${String(missing)}; rows that should not be there: ${String(unexpected)}; rows opened: ${String(opened)}\n`,
      );
      if (missing + unexpected > 0) {
        process.stdout.write(`\`sotto ingest\` or \`sotto collection rotate ${name}\` puts them right\n`);
        process.exitCode = 4;
      }
    });
}

function eraseCommand(): Command {
  return new Command("erase")
    .description("have the host erase a collection of yours, and forget its key and its local ledger")
    .argument("<name>")
    .addOption(dirOption())
    .action(async (name: string, { dir }: { dir: string }) => {
      {
        using collection = await OwnedCollection.open(dir, name);
        await collection.owner.erase();
      }
      await forget(dir, name);
      removeLedger(openNode(dir), name);
      process.stdout.write(`"${name}" is erased; no host can promise that its backups forget\n`);
    });
}

function forgetCommand(): Command {
  return new Command("forget")
    .description("remove a collection's key from this node; the collection itself stays at its host")
    .argument("<name>")
    .addOption(dirOption())
    .action(async (name: string, { dir }: { dir: string }) => {
      const { host } = await forget(dir, name);
      process.stdout.write(`the key of "${name}" is gone from this node; what is sealed under it stays at ${host}\n`);
    });
}

/** @returns What was forgotten, without usable keys. */
async function forget(dir: string, name: string): Promise<KeyringEntry> {
  using keyring = await openNodeKeyring(openNode(dir).folder.path);
  const entry = keyring.require(name);
  keyring.remove(name);
  return entry;
}

function partition<Item>(items: readonly Item[], belongs: (item: Item) => boolean): [Item[], Item[]] {
  return [items.filter(belongs), items.filter((item) => !belongs(item))];
}
