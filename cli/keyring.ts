import Table from "cli-table3";
import { Command } from "commander";
import { closeSync, fsyncSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { Fault } from "../crypto/index.ts";
import { type KeyringEntry, exportEntry, importEntry } from "../party-node/keyring/index.ts";
import { openNodeFolder } from "../party-node/node-folder.ts";
import { dirOption } from "./options.ts";
import { openNodeKeyring, readPassphrase } from "./passphrase.ts";

interface Where {
  readonly dir: string;
}

export function keyringCommand(): Command {
  return new Command("keyring")
    .description("the keys of collections that other members keep for you, or have let you read")
    .addCommand(showCommand())
    .addCommand(protectCommand())
    .addCommand(unprotectCommand())
    .addCommand(exportCommand())
    .addCommand(importCommand())
    .addHelpText(
      "after",
      "\nA passphrase is asked for on the terminal. Instead of a person, SOTTO_PASSPHRASE answers for\nthe keyring, SOTTO_NEW_PASSPHRASE for the new one when it is changed, SOTTO_EXPORT_PASSPHRASE for an exported file.",
    );
}

function showCommand(): Command {
  return new Command("show")
    .description("which collections have keys here; shows no key")
    .addOption(dirOption())
    .action(async ({ dir }: Where) => {
      using keyring = await openNodeKeyring(dir);
      const state = keyring.isProtected ? "under a passphrase" : "not under a passphrase (sotto keyring protect)";
      process.stdout.write(`${openNodeFolder(dir).keyringPath}, ${state}\n`);
      if (keyring.entries.length === 0) process.stdout.write("It holds no keys.\n");
      else process.stdout.write(`${tableOf(keyring.entries)}\n`);
    });
}

function tableOf(entries: readonly KeyringEntry[]): string {
  const table = new Table({
    head: ["collection", "mode", "owner", "host", "key id", "dim", "beta", "epsilon", "keys"],
    style: { head: [], border: [] },
  });
  for (const { name, mode, owner, host, current, encoder, sealing, next, retired } of entries) {
    const keys = [next ? "being rotated" : "", retired.length > 0 ? `${retired.length} to erase` : ""];
    const { beta, epsilon } = sealing;
    table.push([
      name,
      mode,
      owner,
      host,
      current.id,
      encoder.dim,
      beta,
      epsilon ?? "none",
      keys.filter((text) => text !== "").join(", ") || "one",
    ]);
  }
  return table.toString();
}

function protectCommand(): Command {
  return new Command("protect")
    .description("put the keyring under a passphrase, or under another one")
    .addOption(dirOption())
    .action(async ({ dir }: Where) => {
      using keyring = await openNodeKeyring(dir);
      const variable = keyring.isProtected ? "SOTTO_NEW_PASSPHRASE" : "SOTTO_PASSPHRASE";
      await keyring.protect(await readPassphrase({ prompt: "New passphrase", variable, twice: true }));
      process.stdout.write(
        "The keyring is under the passphrase. Nobody can recover it: keep it where you will find it again.\nCopies made before, in backups for instance, are as readable as they were.\n",
      );
    });
}

function unprotectCommand(): Command {
  return new Command("unprotect")
    .description("take the passphrase off the keyring")
    .addOption(dirOption())
    .action(async ({ dir }: Where) => {
      using keyring = await openNodeKeyring(dir);
      if (keyring.isProtected) keyring.unprotect();
      process.stdout.write("The keyring is not under a passphrase: whoever reads the file has its keys.\n");
    });
}

function exportCommand(): Command {
  return new Command("export")
    .description("write a collection's keys to a file under a passphrase, as a backup or for another machine of yours")
    .argument("<name>", "the collection")
    .requiredOption("--to <file>", "a file that is not there yet")
    .addOption(dirOption())
    .action(async (name: string, { to, dir }: Where & { to: string }) => {
      using keyring = await openNodeKeyring(dir);
      const entry = keyring.require(name);
      const passphrase = await readPassphrase({
        prompt: "Passphrase for the exported file",
        variable: "SOTTO_EXPORT_PASSPHRASE",
        twice: true,
      });
      writeNew(resolve(to), await exportEntry(entry, passphrase));
      process.stdout.write(
        `Wrote ${resolve(to)}. Take it in elsewhere with \`sotto keyring import FILE\`; it needs its passphrase there.\n`,
      );
    });
}

function writeNew(path: string, text: string): void {
  let file: number;
  try {
    file = openSync(path, "wx", 0o600);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
    throw new Fault("EXPORT_EXISTS", `${path} exists already and is not overwritten; choose another file`, cause);
  }
  try {
    writeFileSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function importCommand(): Command {
  return new Command("import")
    .description("take in what `sotto keyring export` wrote")
    .argument("<file>", "the exported file")
    .option("--replace", "put it in the place of the collection of the same name", false)
    .addOption(dirOption())
    .action(async (file: string, { replace, dir }: Where & { replace: boolean }) => {
      const text = readFileSync(file, "utf8");
      using keyring = await openNodeKeyring(dir);
      const passphrase = await readPassphrase({
        prompt: "Passphrase of the exported file",
        variable: "SOTTO_EXPORT_PASSPHRASE",
      });
      const entry = await importEntry(text, passphrase);
      if (replace) keyring.put(entry);
      else keyring.add(entry);
      process.stdout.write(`The keyring has the keys of "${entry.name}", key ${entry.current.id}.\n`);
    });
}
