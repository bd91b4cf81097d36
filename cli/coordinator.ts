import { readFileSync, unwatchFile, watchFile } from "node:fs";
import { Command } from "commander";
import type { Logger } from "pino";
import { Coordinator } from "../coordinator/index.ts";
import { Fault } from "../crypto/index.ts";
import { watchFederationFile } from "../party-node/federation-file-sync.ts";
import type { Federation, TlsCertificate } from "../protocol/index.ts";
import { openNode } from "../party-node/node-folder.ts";
import { adviceOnAddress, portOf, refusePlainText } from "./coordinator-address.ts";
import { makeLogger } from "./logging.ts";
import { type OperationOptions, addOperationOptions, openOperation } from "./operation.ts";
import { dirOption, parsePort, transcriptOption } from "./options.ts";
import { asService, onStop, releaseParent, tellParent } from "./supervision.ts";
import { openTranscript } from "./transcript.ts";

interface Options extends OperationOptions {
  readonly dir: string;
  readonly port?: number;
  readonly host: string;
  readonly transcript?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly behindTlsProxy: boolean;
}

/** Where a certificate and its key are. */
interface TlsPaths {
  readonly cert: string;
  readonly key: string;
}

/** How often the files are looked at. */
const CERTIFICATE_CHECK_MS = 10_000;

export function coordinatorCommand(): Command {
  const command = new Command("coordinator")
    .description("run the coordinator: carries queries and answers it cannot read")
    .addOption(dirOption())
    .option("-p, --port <port>", "port to listen on, 0 for a free one; default is the federation's", parsePort)
    .option("--host <address>", "address to listen on; 0.0.0.0 for all", "127.0.0.1")
    .option("--tls-cert <file>", "speak wss with this certificate (PEM), those between it and its root behind it")
    .option("--tls-key <file>", "its private key (PEM)")
    .option(
      "--behind-tls-proxy",
      "speak ws although members come by wss: a proxy before it, which only it can be reached through, ends TLS",
      false,
    )
    .addOption(transcriptOption());
  return addOperationOptions(command)
    .action(asService(runCoordinator))
    .addHelpText(
      "after",
      "\n--tls-cert, --tls-key: read again when the files change or on SIGHUP; connections there are go on. Members reach it at wss://; where the certificate is not from a public authority they join with --ca FILE.",
    );
}

async function runCoordinator({
  dir,
  port,
  host,
  transcript: path,
  tlsCert,
  tlsKey,
  behindTlsProxy,
  ...options
}: Options): Promise<void> {
  const tls = tlsPaths(tlsCert, tlsKey);
  const node = openNode(dir);
  const { identity, federation, folder } = node;
  if (!federation.hasRole(identity.name, "coordinator")) {
    throw new Fault(
      "WRONG_ROLE",
      `"${identity.name}" is not a coordinator of this federation; ask the founder for \`sotto federation add ${identity.name} ... --role coordinator\``,
    );
  }
  const at = { port: port ?? federationPort(federation), host, isTls: tls !== null, behindTlsProxy };
  refusePlainText(federation, at);
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
  const coordinator = new Coordinator({
    identity,
    federation,
    log,
    observer,
    onEvent,
    ...(tls ? { tls: readCertificate(tls) } : {}),
  });
  const listening = await coordinator.listen(at.port, host);
  isListening = true;
  log.info({ host, port: listening, federation: federation.terms.name, tls: tls !== null }, "listening");
  const advice = adviceOnAddress(federation, at);
  if (advice !== null) log.warn(advice);
  const endRenewal = tls ? renewWhenChanged(coordinator, tls, log) : () => undefined;
  tellParent({ event: "listening", port: listening });
  const stopWatching = watchFederationFile(federation, folder.federationPath, log);
  const stopped = new Promise<null>((resolve) => {
    onStop(() => {
      resolve(null);
    });
  });
  const failure = await Promise.race([stopped, operation.failed]);
  stopWatching();
  endRenewal();
  await coordinator.close();
  transcript?.close();
  releaseParent();
  if (failure) throw failure;
}

/** The port that members are told to reach. @throws Fault PORT_UNKNOWN. */
export function federationPort({ terms }: Pick<Federation, "terms">): number {
  const ports = terms.coordinatorUrls.map(portOf);
  const [first, ...others] = new Set(ports);
  if (first === undefined || others.length > 0)
    throw new Fault(
      "PORT_UNKNOWN",
      `the federation's coordinators listen on different ports (${ports.join(", ")}); say with --port which is this one's`,
    );
  return first;
}

function tlsPaths(cert: string | undefined, key: string | undefined): TlsPaths | null {
  if (cert !== undefined && key !== undefined) return { cert, key };
  if (cert === undefined && key === undefined) return null;
  throw new Fault("TLS_INCOMPLETE", "a certificate and its key go together: give both --tls-cert and --tls-key");
}

function readCertificate({ cert, key }: TlsPaths): TlsCertificate {
  return { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
}

/** What cannot be used, for example half written, leaves the old certificate in place until the files change again. @returns What ends it. */
function renewWhenChanged(coordinator: Coordinator, paths: TlsPaths, log: Logger): () => void {
  const renew = (): void => {
    try {
      coordinator.renewCertificate(readCertificate(paths));
      log.info("certificate renewed");
    } catch (error) {
      log.warn(
        { code: error instanceof Fault ? error.code : "UNREADABLE" },
        "certificate not renewed, the old one is kept",
      );
    }
  };
  const files = [paths.cert, paths.key];
  for (const file of files) watchFile(file, { interval: CERTIFICATE_CHECK_MS, persistent: false }, renew);
  process.on("SIGHUP", renew);
  return () => {
    process.off("SIGHUP", renew);
    for (const file of files) unwatchFile(file, renew);
  };
}
