import { Command } from "commander";
import { Coordinator } from "../coordinator/index.ts";
import { Fault } from "../crypto/index.ts";
import type { Federation } from "../protocol/index.ts";
import { watchFederationFile } from "../party-node/federation-file-sync.ts";
import { openNode } from "../party-node/node-folder.ts";
import { makeLogger } from "./logging.ts";
import { dirOption, parsePort, transcriptOption } from "./options.ts";
import { onStop, releaseParent, tellParent } from "./supervision.ts";
import { openTranscript } from "./transcript.ts";

interface Options {
  readonly dir: string;
  readonly port?: number;
  readonly host: string;
  readonly transcript?: string;
}

export function coordinatorCommand(): Command {
  return new Command("coordinator")
    .description("run the coordinator: carries queries and answers it cannot read")
    .addOption(dirOption())
    .option("-p, --port <port>", "port to listen on, 0 for a free one; default is the federation's", parsePort)
    .option("--host <address>", "address to listen on; 0.0.0.0 for all", "127.0.0.1")
    .addOption(transcriptOption())
    .action(runCoordinator);
}

async function runCoordinator({ dir, port, host, transcript: path }: Options): Promise<void> {
  const { identity, federation, folder } = openNode(dir);
  if (!federation.hasRole(identity.name, "coordinator")) {
    throw new Fault(
      "WRONG_ROLE",
      `"${identity.name}" is not a coordinator of this federation; ask the founder for \`sotto federation add ${identity.name} ... --role coordinator\``,
    );
  }
  const log = makeLogger("coordinator", identity.name);
  const transcript = path === undefined ? null : openTranscript(path);
  const coordinator = new Coordinator({
    identity,
    federation,
    log,
    ...(transcript ? { observer: transcript.observer } : {}),
  });
  const listening = await coordinator.listen(port ?? federationPort(federation), host);
  log.info({ host, port: listening, federation: federation.terms.name }, "listening");
  tellParent({ event: "listening", port: listening });
  const stopWatching = watchFederationFile(federation, folder.federationPath, log);
  await new Promise<void>((resolve) => {
    onStop(resolve);
  });
  stopWatching();
  await coordinator.close();
  transcript?.close();
  releaseParent();
}

/** The port that members are told to reach. */
function federationPort({ terms }: Federation): number {
  const { port, protocol } = new URL(terms.coordinatorUrl);
  return port === "" ? (protocol === "wss:" ? 443 : 80) : Number(port);
}
