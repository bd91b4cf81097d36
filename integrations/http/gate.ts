import type { IncomingMessage } from "node:http";
import { Fault, sodium } from "../../crypto/index.ts";
import type { HttpFaultCode } from "./problem.ts";

/**
 * Refuses what a page of somebody else's sends through this user's browser. A name that was pointed at this machine (DNS rebinding) shows in Host, a request of another page in Origin.
 *
 * @param port - Where the server listens.
 * @throws Fault HOST_REFUSED, ORIGIN_REFUSED.
 */
export function checkSender({ headers: { host = "", origin } }: IncomingMessage, port: number): void {
  const own = [`127.0.0.1:${String(port)}`, `localhost:${String(port)}`];
  if (!own.includes(host.toLowerCase()))
    throw new Fault<HttpFaultCode>("HOST_REFUSED", `this server is ${own.join(" or ")}, and no other name`);
  if (origin !== undefined && origin !== `http://${host.toLowerCase()}`)
    throw new Fault<HttpFaultCode>("ORIGIN_REFUSED", "pages of other origins may not ask here");
}

/** @throws Fault TOKEN_REFUSED. */
export function checkToken({ headers: { authorization = "" } }: IncomingMessage, token: string): void {
  const shown = /^Bearer ([\w-]+)$/i.exec(authorization)?.[1] ?? "";
  if (isSame(shown, token)) return;
  throw new Fault<HttpFaultCode>(
    "TOKEN_REFUSED",
    'send the header "authorization: Bearer TOKEN"; the token is in the file access.token of the node\'s folder',
  );
}

/** In a time that depends on the lengths alone. */
function isSame(a: string, b: string): boolean {
  return a.length === b.length && sodium.memcmp(Buffer.from(a), Buffer.from(b));
}
