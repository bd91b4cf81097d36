import { type Command, Option } from "commander";
import type { Logger } from "pino";
import type { SottoClient } from "../party-node/asking/index.ts";
import { connect } from "../party-node/connect.ts";
import { openNode, openNodeFolder } from "../party-node/node-folder.ts";
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

/** The client of a node; where an attempt to connect failed, the next call tries again. */
class ConnectedClient implements AsyncDisposable {
  readonly #connect: () => Promise<SottoClient>;
  #client: Promise<SottoClient> | null = null;

  constructor({ dir, insecureClear, evidence: keepEvidence }: ServedOptions) {
    const passphrase = keyringPassphrase(dir);
    this.#connect = () => connect({ dir, insecureClear, keepEvidence, passphrase });
  }

  readonly get = (): Promise<SottoClient> => {
    this.#client ??= this.#connect().catch((error: unknown) => {
      this.#client = null;
      throw error;
    });
    return this.#client;
  };

  async [Symbol.asyncDispose](): Promise<void> {
    (await this.#client?.catch(() => null))?.close();
  }
}

type Served = AsyncDisposable & { readonly ended?: Promise<void> };

/**
 * Connects as the node, lets `serve` offer the client, and closes it when the process is told to stop or `serve`'s promise for the end resolves.
 *
 * @param process - What the log calls this process.
 * @param serve - Starts to serve; returns what ends it and, where there is one, a promise for an end that comes from elsewhere.
 */
export async function serveClient(
  process: string,
  options: ServedOptions,
  serve: (client: SottoClient, log: Logger) => Promise<Served>,
): Promise<void> {
  const log = makeLogger(process, openNodeFolder(options.dir).config.name);
  await using connected = new ConnectedClient(options);
  await using server = await serve(await connected.get(), log);
  await untilEnd(server);
}

/** As {@link serveClient}, but serves before it has connected, and where it cannot; what is wrong with the node's folder is still thrown at once. */
export async function serveBeforeConnecting(
  process: string,
  options: ServedOptions,
  serve: (client: () => Promise<SottoClient>, log: Logger) => Promise<Served>,
): Promise<void> {
  const log = makeLogger(process, openNode(options.dir).folder.config.name);
  await using connected = new ConnectedClient(options);
  connected.get().catch((err: unknown) => {
    log.warn({ err }, "not connected; the next question tries again");
  });
  await using server = await serve(connected.get, log);
  await untilEnd(server);
}

async function untilEnd({ ended }: Served): Promise<void> {
  const stopped = new Promise<void>((resolve) => {
    onStop(resolve);
  });
  await Promise.race([stopped, ...(ended ? [ended] : [])]);
  releaseParent();
}
