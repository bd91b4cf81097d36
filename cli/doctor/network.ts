import { createServer } from "node:net";
import { once } from "node:events";
import { connect } from "node:tls";
import { Fault } from "../../crypto/index.ts";
import type { OpenedNode } from "../../party-node/node-folder.ts";
import { dial } from "../../protocol/index.ts";
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
  try {
    (await dial(url, { identity, federation, ca })).close();
    return ok("coordinator", `${url} answers`);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const own = federation.hasRole(identity.name, "coordinator") && error.code === "CONNECTION_REFUSED";
    return broken(
      "coordinator",
      `${error.code}: ${error.message}${own ? "; `sotto coordinator` starts this one" : ""}`,
    );
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
  } catch {
    return broken("certificate", `${url} speaks no TLS; see the coordinator's line`);
  } finally {
    socket.destroy();
  }
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
