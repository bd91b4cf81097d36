import type { LookupAddress } from "node:dns";
import { type LookupFunction, type Socket, connect as connectTcp, isIP } from "node:net";
import { connect as connectTls } from "node:tls";
import type { AgreedEndpoint } from "./agreement.ts";
import { answerFault, malformed } from "./faults.ts";
import { answerLimits } from "./limits.ts";

/** Gives a connection the addresses that were checked, whatever the name resolves to by now. */
export function pinned(addresses: readonly LookupAddress[]): LookupFunction {
  return (_hostname, { all }, found) => {
    const [first] = addresses;
    if (all === true) found(null, [...addresses]);
    else found(null, first?.address ?? "", first?.family);
  };
}

/** What to say of a connection that failed. */
export function unreachable(base: string, cause: NodeJS.ErrnoException): Error {
  if (cause.code?.startsWith("HPE_")) return malformed("is not HTTP");
  const said = `${base} cannot be reached (${cause.code ?? "no code"}): ${nextStep(cause.code ?? "")}`;
  return answerFault("ENDPOINT_UNREACHABLE", said, cause);
}

function nextStep(code: string): string {
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return "its certificate is for another name; give the address that it is for";
  if (code === "CERT_HAS_EXPIRED" || code === "CERT_NOT_YET_VALID")
    return "its certificate is not valid at this time; check this machine's clock, or have it renewed";
  if (/CERT|ISSUER|SIGNATURE/.test(code))
    return "its certificate is not to be trusted; check the address, or name its authority in the environment variable NODE_EXTRA_CA_CERTS";
  if (code.startsWith("ERR_SSL_"))
    return "what answers there speaks no TLS that this program does; check the port, and whether the address begins with https:// or http://";
  return "check that it runs and that the address is right";
}

/**
 * Opens a connection to an endpoint, with TLS where its address says so, and ends it: nothing is sent over it. For finding out that nobody is there before a question is spent.
 *
 * @throws Fault ENDPOINT_UNREACHABLE; the signal's AbortError as it is.
 */
export async function probeEndpoint(
  { base, chatUrl, addresses }: AgreedEndpoint,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const late = AbortSignal.timeout(answerLimits.connectMsMax);
  const stop = AbortSignal.any([late, ...(signal ? [signal] : [])]);
  const host = chatUrl.hostname.replace(/^\[(.*)\]$/, "$1");
  const isTls = chatUrl.protocol === "https:";
  const to = { host, port: Number(chatUrl.port) || (isTls ? 443 : 80), lookup: pinned(addresses) };
  const socket: Socket = isTls
    ? connectTls({ ...to, rejectUnauthorized: true, ...(isIP(host) === 0 ? { servername: host } : {}) })
    : connectTcp(to);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once(isTls ? "secureConnect" : "connect", resolve).on("error", reject);
      stop.addEventListener("abort", () => {
        reject(late.aborted ? timedOut() : (stop.reason as Error));
      });
    });
  } catch (cause) {
    throw signal?.aborted ? cause : unreachable(base, cause as Error);
  } finally {
    socket.destroy();
  }
}

const timedOut = (): Error => Object.assign(new Error("no connection in time"), { code: "ETIMEDOUT" });
