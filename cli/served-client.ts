import { type Command, Option } from "commander";
import type { Logger } from "pino";
import type { SottoClient } from "../party-node/asking/index.ts";
import { connect } from "../party-node/connect.ts";
import { openNodeFolder } from "../party-node/node-folder.ts";
import { makeLogger } from "./logging.ts";
import { dirOption } from "./options.ts";
import { keyringPassphrase } from "./passphrase.ts";
import { onStop, releaseParent } from "./supervision.ts";

export interface ServedOptions {
  readonly dir: string;
  readonly insecureClear: boolean;
  readonly evidence: boolean;
}

/** Adds the options of commands that keep a querier connected for other programs. */
export function addServedOptions(command: Command): Command {
  return command
    .addOption(dirOption())
    .option("--no-evidence", "do not keep what proves that a party lied (`sotto evidence`), and forget secrets sooner")
    .addOption(
      new Option("--insecure-clear", "ask a federation in clear mode, where everybody sees the question").default(
        false,
      ),
    );
}

/**
 * Connects as the node, lets `serve` offer the client, and closes it when the process is told to stop or `serve`'s promise for the end resolves.
 *
 * @param process - What the log calls this process.
 * @param serve - Starts to serve; returns what ends it and, where there is one, a promise for an end that comes from elsewhere.
 */
export async function serveClient(
  process: string,
  { dir, insecureClear, evidence: keepEvidence }: ServedOptions,
  serve: (client: SottoClient, log: Logger) => Promise<AsyncDisposable & { readonly ended?: Promise<void> }>,
): Promise<void> {
  const log = makeLogger(process, openNodeFolder(dir).config.name);
  using client = await connect({ dir, insecureClear, keepEvidence, passphrase: keyringPassphrase(dir) });
  await using server = await serve(client, log);
  const stopped = new Promise<void>((resolve) => {
    onStop(resolve);
  });
  await Promise.race([stopped, ...(server.ended ? [server.ended] : [])]);
  releaseParent();
}
