import { createServer } from "node:net";
import { once } from "node:events";
import { connect } from "node:tls";
import { Fault } from "../../crypto/index.ts";
import type { OpenedNode } from "../../party-node/node-folder.ts";
import { type SecureConnection, dial, limits } from "../../protocol/index.ts";
import { federationPort } from "../coordinator.ts";
import { type Finding, advice, broken, ok } from "./finding.ts";

const DAY_MS = 86_400_000;
/** A certificate that ends sooner is one to renew. */
const RENEWAL_DAYS = 21;
const TLS_TIMEOUT_MS = 10_000;

/** Each coordinator: whether it answers, and its certificate; at a coordinator, its port. */
export async function network(opened: OpenedNode): Promise<Finding[]> {
  const reached = await Promise.all(opened.coordinatorUrls.map((url) => reachable(url, opened)));
  const certificates = await Promise.all(
    opened.coordinatorUrls.filter((url) => url.startsWith("wss:")).map((url) => certificate(url, opened.ca)),
  );
  const isCoordinator = opened.federation.hasRole(opened.identity.name, "coordinator");
  const answers = reached.some(({ state }) => state === "ok");
  return [...reached, ...certificates, ...(isCoordinator ? [await port(opened, answers)] : [])];
}

async function reachable(url: string, { ca, identity, federation }: OpenedNode): Promise<Finding> {
  const at: { connection: SecureConnection | null } = { connection: null };
  try {
    at.connection = await dial(url, { identity, federation, ca });
    await admitted(at.connection);
    return ok("coordinator", `${url} answers, and admits this node`);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const own = federation.hasRole(identity.name, "coordinator") && error.code === "CONNECTION_REFUSED";
    // Once it is connected the coordinator judges, and its words say what to do.
    const advice = own
      ? "`sotto coordinator` starts this one"
      : at.connection
        ? undefined
        : OTHER_COORDINATOR[error.code];
    return broken("coordinator", `${error.code}: ${error.message}${advice === undefined ? "" : `; ${advice}`}`);
  }
}

const NEWEST =
  "join again with the founder's newest federation file; where the coordinator was restored from a backup, its operator puts its newest node.key and federation.json back";
/** Who answers is not the coordinator that this node's federation file names. */
const OTHER_COORDINATOR: Readonly<Record<string, string>> = {
  HANDSHAKE_FAILED: NEWEST,
  NOT_A_MEMBER: NEWEST,
  WRONG_ROLE: NEWEST,
};

/**
 * The coordinator judges the handshake's last message when this side has gone on: only what it says then shows that it has admitted this node.
 *
 * @throws Fault by which it refuses; HANDSHAKE_TIMEOUT.
 */
async function admitted(connection: SecureConnection): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => {
    reject(new Fault("HANDSHAKE_TIMEOUT", "the coordinator accepted the connection and then said nothing"));
  }, limits.handshakeTimeoutMs);
  connection.listen((message) => {
    if (message.type === "goodbye") reject(new Fault(message.code, `the coordinator ended it: ${message.reason}`));
    else resolve(undefined);
  }, reject);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    connection.close();
  }
}

/** How long the certificate lasts. Whether it is to be trusted is what the connection itself has shown. */
async function certificate(url: string, ca: string | undefined): Promise<Finding> {
  const { hostname, port: given } = new URL(url);
  const socket = connect({
    host: hostname,
    port: Number(given || 443),
    servername: hostname,
    ...(ca === undefined ? {} : { ca }),
    rejectUnauthorized: false,
    timeout: TLS_TIMEOUT_MS,
  });
  try {
    socket.on("timeout", () => socket.destroy(new Error("timeout")));
    await once(socket, "secureConnect");
    const { valid_to: end, subjectaltname: names = "no name" } = socket.getPeerCertificate();
    const days = Math.floor((Date.parse(end) - Date.now()) / DAY_MS);
    const says = `${url}: for ${names}, until ${new Date(end).toISOString().slice(0, 10)}`;
    if (!socket.authorized)
      return broken(
        "certificate",
        `${says}; not accepted (${socket.authorizationError.message}): see the coordinator's line`,
      );
    return days < RENEWAL_DAYS
      ? advice("certificate", `${says}: whoever runs the coordinator should renew it`)
      : ok(
          "certificate",
          `${says}, by ${ca === undefined ? "a public authority" : "the authority this node was given"}`,
        );
  } catch (error) {
    return speaksOtherwise(error)
      ? broken("certificate", `${url} speaks no TLS; see the coordinator's line`)
      : advice("certificate", `not looked at: ${url} could not be reached; see the coordinator's line`);
  } finally {
    socket.destroy();
  }
}

/** Whether something answered, and not with TLS. */
function speaksOtherwise(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return code === "EPROTO" || code.startsWith("ERR_SSL_") || code.startsWith("ERR_TLS_");
}

async function port({ federation }: OpenedNode, answers: boolean): Promise<Finding> {
  try {
    const wanted = federationPort(federation);
    const server = createServer();
    const refused = await new Promise<string | null>((resolve) => {
      server.once("error", (error: NodeJS.ErrnoException) => {
        resolve(error.code ?? "refused");
      });
      server.listen(wanted, () => {
        server.close(() => {
          resolve(null);
        });
      });
    });
    if (refused === null) return ok("port", `${String(wanted)} is free`);
    if (refused === "EADDRINUSE" && answers) return ok("port", `${String(wanted)} is taken, and a coordinator answers`);
    return refused === "EADDRINUSE"
      ? broken(
          "port",
          `${String(wanted)} is taken by another program; end that, or use \`sotto coordinator --port\` and \`sotto federation coordinators\``,
        )
      : broken(
          "port",
          `${String(wanted)} cannot be listened on (${refused}); ports below 1024 need a right of their own: choose a higher one`,
        );
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return advice("port", `${error.code}: ${error.message}`);
  }
}
