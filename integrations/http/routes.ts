import type { IncomingMessage, ServerResponse } from "node:http";
import { Fault } from "../../crypto/index.ts";
import type { HttpFaultCode } from "./problem.ts";

/** One request and its answer. */
export interface Exchange {
  readonly request: IncomingMessage;
  /** Has the server's security headers; a route may set others. The route ends it. */
  readonly response: ServerResponse;
  readonly url: URL;
  /** What stands for the names in the route's path, percent-decoded. */
  readonly params: Readonly<Record<string, string>>;
  /** Aborted when the caller has gone, the time is up or the server closes. */
  readonly signal: AbortSignal;
}

export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Of the URL Pattern Standard: `/v1/query`, `/documents/:id`, `/static/*`. The first route that fits is taken. */
  readonly path: string;
  /** Whether it answers without the token; for what holds nothing of the node's, as a page and its scripts. Default false. */
  readonly isPublic?: boolean;
  /** For the whole answer; null for a stream that stays open. Default `httpLimits.answerTimeoutMs`. */
  readonly timeoutMs?: number | null;
  /** A fault that it throws becomes a problem, anything else INTERNAL. */
  readonly handle: (exchange: Exchange) => Promise<void> | void;
}

export interface FoundRoute {
  readonly route: Route;
  readonly url: URL;
  readonly params: Readonly<Record<string, string>>;
}

export class RouteTable {
  readonly #routes: readonly { readonly route: Route; readonly pattern: URLPattern }[];

  constructor(routes: readonly Route[]) {
    this.#routes = routes.map((route) => ({ route, pattern: new URLPattern({ pathname: route.path }) }));
  }

  /** @throws Fault ADDRESS_MALFORMED, NOT_FOUND, METHOD_REFUSED. */
  find({ method, url: target = "" }: IncomingMessage): FoundRoute {
    // Proxies send whole addresses here, and we are none.
    const url = target.startsWith("/") ? URL.parse(`http://127.0.0.1${target}`) : null;
    if (!url) throw new Fault<HttpFaultCode>("ADDRESS_MALFORMED", "the request's address is not a path");
    const fitting = this.#routes.filter(({ pattern }) => pattern.test({ pathname: url.pathname }));
    const found = fitting.find(({ route }) => route.method === method);
    if (found) return { route: found.route, url, params: paramsOf(found.pattern, url) };
    if (fitting.length === 0) throw new Fault<HttpFaultCode>("NOT_FOUND", "there is nothing at this address");
    const methods = [...new Set(fitting.map(({ route }) => route.method))].join(" and ");
    throw new Fault<HttpFaultCode>("METHOD_REFUSED", `this address takes ${methods}`);
  }
}

/** @throws Fault ADDRESS_MALFORMED. */
function paramsOf(pattern: URLPattern, { pathname }: URL): Record<string, string> {
  const groups = Object.entries(pattern.exec({ pathname })?.pathname.groups ?? {});
  try {
    return Object.fromEntries(groups.map(([name, text]) => [name, decodeURIComponent(text ?? "")]));
  } catch (cause) {
    throw new Fault<HttpFaultCode>("ADDRESS_MALFORMED", "the address has an escape that is not UTF-8", cause);
  }
}
