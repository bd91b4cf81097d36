import { Fault } from "../crypto/index.ts";
import type { Federation } from "../protocol/index.ts";

/** How a coordinator is about to listen. */
export interface CoordinatorAddress {
  /** 0 for a free one. */
  readonly port: number;
  readonly host: string;
  readonly isTls: boolean;
  /** Whether a person has said that a proxy before it ends TLS. */
  readonly behindTlsProxy: boolean;
}

type Addresses = Pick<Federation, "terms">;

/**
 * Where members come by `wss` alone, a coordinator without a certificate would speak in plain text to whoever comes by `ws`, and to members not at all.
 *
 * @throws Fault TLS_MISSING.
 */
export function refusePlainText(federation: Addresses, { port, isTls, behindTlsProxy }: CoordinatorAddress): void {
  const own = addressesAt(federation, port);
  if (isTls || behindTlsProxy || !own.every((url) => url.startsWith("wss:"))) return;
  throw new Fault(
    "TLS_MISSING",
    `members reach this coordinator at ${own.join(", ")}, with TLS, and it would speak without: give it its certificate with --tls-cert and --tls-key; where a proxy before it ends TLS, say so with --behind-tls-proxy, and --port for where the proxy finds it`,
  );
}

/** @returns What to see to where nobody but this machine would reach it; else null. */
export function adviceOnAddress(
  federation: Addresses,
  { port, host, behindTlsProxy }: CoordinatorAddress,
): string | null {
  const own = addressesAt(federation, port);
  if (behindTlsProxy || !isLoopback(host) || own.some((url) => isLoopback(new URL(url).hostname))) return null;
  return `listens on ${host}, where only this machine reaches it, and members come to ${own.join(", ")}: start it with --host 0.0.0.0, or the address that they reach`;
}

/** Of the federation's addresses those that can be this coordinator's, as far as ports tell. */
function addressesAt({ terms: { coordinatorUrls } }: Addresses, port: number): readonly string[] {
  const own = coordinatorUrls.filter((url) => portOf(url) === port);
  return own.length > 0 ? own : coordinatorUrls;
}

/** The port that an address names, or that its protocol has without. */
export function portOf(url: string): number {
  const { port, protocol } = new URL(url);
  return port === "" ? (protocol === "wss:" ? 443 : 80) : Number(port);
}

const isLoopback = (host: string): boolean => /^(localhost|127(\.\d+){3}|\[?::1\]?)$/i.test(host);
