import { Command } from "commander";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { Fault } from "../crypto/index.ts";
import type { HostedView } from "../console/api.ts";
import type { ConsoleOptions, Invite } from "../console/server/index.ts";
import { openNode, openNodeFederation, openNodeFolder } from "../party-node/node-folder.ts";
import { ROOT_KEY, FounderFolder } from "./founder-folder.ts";
import { makeInvitation } from "./make-invitation.ts";
import { openNodeStore } from "./node-store.ts";
import { openBrowser } from "./open-browser.ts";
import { dirOption, parsePort } from "./options.ts";
import { keyringPassphrase, openNodeKeyring } from "./passphrase.ts";
import { onStop, releaseParent, tellParent } from "./supervision.ts";
import { version } from "./version.ts";

interface Options {
  readonly port: number;
  readonly open: boolean;
  readonly dir: string;
  readonly insecureClear: boolean;
}

const DAY_MS = 86_400_000;

export function consoleCommand(): Command {
  return new Command("console")
    .description(
      "a page in your browser, served by this node to this machine alone: ask, see what left, manage documents",
    )
    .option("--port <port>", "on 127.0.0.1; 0 chooses a free one, another at every start", parsePort, 0)
    .option("--no-open", "print the link, and open no browser")
    .option("--insecure-clear", "ask a federation in clear mode, where everybody sees the question", false)
    .addOption(dirOption())
    .action(runConsole)
    .addHelpText(
      "after",
      "\nThe link works once; whenever it was used the next one is printed. Questions and answers are kept in the browser's tab alone and are gone with it. Ctrl-C ends the console; `sotto node` runs beside it, and is what serves your documents to others.",
    );
}

async function runConsole({ port, open, dir, insecureClear }: Options): Promise<void> {
  const stopped = Promise.withResolvers<undefined>();
  const stop = (): void => {
    stopped.resolve(undefined);
  };
  onStop(stop);
  const node = openNode(dir);
  const clear = node.federation.terms.mode === "clear";
  if (clear && !insecureClear)
    throw new Fault(
      "CLEAR_MODE",
      "this federation runs in clear: the coordinator and every party would see the questions. Allow it with --insecure-clear if that is what you want",
    );
  const { startConsole, connect } = await loadServer();
  const passphrase = asked(keyringPassphrase(dir));
  let forgetLink: () => void = () => undefined;
  const options: ConsoleOptions = {
    node,
    federation: () => openNodeFederation(openNodeFolder(dir)),
    connect: (observer) => connect({ dir, insecureClear, passphrase, observer }),
    store: node.federation.hasRole(node.identity.name, "party") ? openNodeStore(node) : null,
    hosted: await hostedCollections(dir, passphrase),
    invite: inviteFrom(dir),
    port,
    version,
    onLinkUsed: (next) => {
      forgetLink();
      process.stdout.write(`The link was used. For another tab or browser:\n\n  ${next}\n\n`);
    },
    onBug: (error) => {
      // Its message may quote what was asked.
      process.stderr.write(`This is a bug in Sotto; please report it with these lines:\n${whereOf(error)}\n`);
    },
  };
  await using served = await startConsole(options);
  process.stdout.write(
    `The console is here, for this machine alone. The link works once:\n\n  ${served.link}\n\nCtrl-C ends it.\n`,
  );
  if (open && !process.connected) forgetLink = openBrowser(served.link);
  tellParent({ event: "listening", port: served.port });
  try {
    await stopped.promise;
  } finally {
    forgetLink();
    releaseParent();
  }
}

/** Loaded when it is needed. In a function of its own: tsc leaves the endings of files that are imported in one with `await using` as they are. */
async function loadServer() {
  const { startConsole } = await import("../console/server/index.ts");
  const { connect } = await import("../party-node/connect.ts");
  return { startConsole, connect };
}

/** Asks a person once. */
function asked(passphrase: () => Promise<string>): () => Promise<string> {
  let answer: Promise<string> | null = null;
  return () => (answer ??= passphrase());
}

/** @param passphrase - Asked for where the keyring is protected. */
async function hostedCollections(dir: string, passphrase: () => Promise<string>): Promise<HostedView[]> {
  using keyring = await openNodeKeyring(dir, passphrase);
  return keyring.entries.map(({ name, owner, host, mode }) => ({ name, owner, host, mode }));
}

/** Null where the federation was not founded in this folder. */
function inviteFrom(dir: string): Invite {
  if (!existsSync(join(resolve(dir), ROOT_KEY))) return null;
  return ({ name, roles, days }) => makeInvitation(new FounderFolder(dir), { name, roles, ms: days * DAY_MS });
}

/** The stack without the message. */
function whereOf(error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  return stack.slice(Math.max(0, stack.indexOf("\n    at "))) || typeof error;
}
