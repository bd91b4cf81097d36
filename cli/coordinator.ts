import { Command } from "commander";
import { Coordinator } from "../coordinator/index.ts";
import { Fault } from "../crypto/index.ts";
import type { Federation } from "../protocol/index.ts";
import { openNode } from "../party-node/node-folder.ts";
import { makeLogger } from "./logging.ts";
import { type OperationOptions, addOperationOptions, openOperation } from "./operation.ts";
import { dirOption, parsePort, transcriptOption } from "./options.ts";
import { onStop, releaseParent, tellParent } from "./supervision.ts";
import { openTranscript } from "./transcript.ts";

interface Options extends OperationOptions {
  readonly dir: string;
  readonly port?: number;
  readonly host: string;
  readonly transcript?: string;
}

export function coordinatorCommand(): Command {
  const command = new Command("coordinator")
    .description("run the coordinator: carries queries and answers it cannot read")
    .addOption(dirOption())
    .option("-p, --port <port>", "port to listen on, 0 for a free one; default is the federation's", parsePort)
    .option("--host <address>", "address to listen on; 0.0.0.0 for all", "127.0.0.1")
    .addOption(transcriptOption());
  return addOperationOptions(command).action(runCoordinator);
}

async function runCoordinator({ dir, port, host, transcript: path, ...options }: Options): Promise<void> {
  const node = openNode(dir);
  const { identity, federation } = node;
  if (!federation.hasRole(identity.name, "coordinator")) {
    throw new Fault(
      "WRONG_ROLE",
      `"${identity.name}" is not a coordinator of this federation; ask the founder for \`sotto federation add ${identity.name} ... --role coordinator\``,
    );
  }
  const log = makeLogger("coordinator", identity.name);
  const transcript = path === undefined ? null : openTranscript(path);
  let isListening = false;
  await using operation = await openOperation({
    node,
    role: "coordinator",
    options,
    log,
    isHealthy: () => isListening,
    observer: transcript?.observer,
  });
  const { observer, sink: onEvent } = operation;
  const coordinator = new Coordinator({ identity, federation, log, observer, onEvent });
  const listening = await coordinator.listen(port ?? federationPort(federation), host);
  isListening = true;
  log.info({ host, port: listening, federation: federation.terms.name }, "listening");
  tellParent({ event: "listening", port: listening });
  const stopped = new Promise<null>((resolve) => {
    onStop(() => {
      resolve(null);
    });
  });
  const failure = await Promise.race([stopped, operation.failed]);
  await coordinator.close();
  transcript?.close();
  releaseParent();
  if (failure) throw failure;
}

/** The port that members are told to reach. */
function federationPort({ terms }: Federation): number {
  const { port, protocol } = new URL(terms.coordinatorUrl);
  return port === "" ? (protocol === "wss:" ? 443 : 80) : Number(port);
}
