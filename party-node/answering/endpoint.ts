import type { LookupAddress } from "node:dns";
import { lookup } from "node:dns/promises";
import { BlockList, isIPv6 } from "node:net";
import { answerFault } from "./faults.ts";

/** Where chats are completed, in the way that OpenAI's interface has made common. */
export interface Endpoint {
  /** Scheme, host, port and path, without a slash at the end: what a person has agreed to. */
  readonly base: string;
  /** Where a chat is posted to. */
  readonly chatUrl: URL;
}

/** An endpoint whose addresses are known. A connection is made to these and to no others, whatever its name resolves to later. */
export interface ReachedEndpoint extends Endpoint {
  readonly addresses: readonly LookupAddress[];
  /** Whether all its addresses are this machine's own. What listens there may still pass on what it is sent. */
  readonly isLoopback: boolean;
}

export interface ReachOptions {
  /** Whether anything but this machine is refused. */
  readonly localOnly?: boolean;
  /** Whether another machine may be asked without TLS, where the network sees question, passages and key. */
  readonly insecureHttp?: boolean;
}

/**
 * @param text - The base address, with or without `/chat/completions`.
 * @throws Fault ENDPOINT_URL.
 */
export function parseEndpoint(text: string): Endpoint {
  const refuse = (why: string): Error =>
    answerFault("ENDPOINT_URL", `the endpoint's address ${why}; write it like http://localhost:11434/v1`);
  if (!URL.canParse(text)) throw refuse("is none");
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:") throw refuse("does not begin with http:// or https://");
  if (url.username !== "" || url.password !== "")
    throw refuse("holds a name or password, which others would see; put the key into a file (--api-key-file)");
  if (url.search !== "" || url.hash !== "") throw refuse("ends in a question mark or hash with more behind it");
  const path = url.pathname.replace(/\/+$/, "").replace(/\/chat\/completions$/, "");
  const base = `${url.origin}${path}`;
  return { base, chatUrl: new URL(`${base}/chat/completions`) };
}

/**
 * Resolves the endpoint's name, once.
 *
 * @throws Fault ENDPOINT_UNRESOLVED, ENDPOINT_NOT_LOCAL, ENDPOINT_INSECURE.
 */
export async function reachEndpoint(endpoint: Endpoint, options: ReachOptions = {}): Promise<ReachedEndpoint> {
  const { localOnly = false, insecureHttp = false, ...unknown } = options;
  for (const name of Object.keys(unknown)) throw new TypeError(`reachEndpoint: unknown option "${name}"`);
  const addresses = await resolve(endpoint);
  const isLoopback = addresses.every(({ address }) => isLoopbackAddress(address));
  if (!isLoopback && localOnly)
    throw answerFault(
      "ENDPOINT_NOT_LOCAL",
      `${endpoint.base} is not on this machine, and --local-only allows nothing else; nothing was sent`,
    );
  if (!isLoopback && endpoint.chatUrl.protocol === "http:" && !insecureHttp)
    throw answerFault(
      "ENDPOINT_INSECURE",
      `${endpoint.base} is on another machine and the way there is not encrypted; use its https:// address, or allow it with --insecure-http. Nothing was sent`,
    );
  return { ...endpoint, addresses, isLoopback };
}

async function resolve({ base, chatUrl }: Endpoint): Promise<LookupAddress[]> {
  try {
    // An IPv6 address stands in brackets in a URL.
    return await lookup(chatUrl.hostname.replace(/^\[(.*)\]$/, "$1"), { all: true });
  } catch (cause) {
    throw answerFault(
      "ENDPOINT_UNRESOLVED",
      `the name in ${base} has no address; check its spelling and this machine's connection`,
      cause,
    );
  }
}

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/** IPv4 addresses in IPv6 form included. */
function isLoopbackAddress(address: string): boolean {
  return loopback.check(address, isIPv6(address) ? "ipv6" : "ipv4");
}
