import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Fault } from "../../crypto/index.ts";
import { checkSender, checkToken } from "./gate.ts";
import { httpLimits } from "./limits.ts";
import { type HttpFaultCode, sendProblem } from "./problem.ts";
import { type FoundRoute, type Route, RouteTable } from "./routes.ts";

/** The one address that a local server listens on. */
const LOOPBACK = "127.0.0.1";

const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "cache-control": "no-store",
};

export interface LocalServerOptions {
  /** 0 chooses a free one. */
  readonly port: number;
  /** As {@link openAccessToken} gives it. */
  readonly token: string;
  readonly routes: readonly Route[];
  /** Told of an error that is no fault: a bug of ours. Its message may quote what was asked, so it belongs in no log as it is. */
  readonly onBug?: (error: unknown) => void;
}

export interface LocalServer extends AsyncDisposable {
  readonly port: number;
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** Takes no more requests, gives those under way `httpLimits.closeGraceMs`, then ends them. */
  close(): Promise<void>;
}

/**
 * Serves routes to programs of this machine alone. Whoever asks must name this machine (no other name that was pointed at it), come from no other page, and,
 * but for public routes, show the token.
 *
 * @throws Fault PORT_UNUSABLE.
 */
export async function startLocalServer(options: LocalServerOptions): Promise<LocalServer> {
  const answering = new Answering(options, () => {
    server.closeIdleConnections();
  });
  const server = createServer(
    {
      maxHeaderSize: httpLimits.headerBytesMax,
      headersTimeout: httpLimits.headersTimeoutMs,
      requestTimeout: httpLimits.requestTimeoutMs,
      keepAliveTimeout: httpLimits.keepAliveMs,
    },
    (request, response) => void answering.answer(request, response),
  );
  server.maxConnections = httpLimits.connectionsMax;
  const port = await listen(server, options.port);
  answering.port = port;
  const close = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    answering.close();
    const late = setTimeout(() => {
      answering.abort();
      server.closeAllConnections();
    }, httpLimits.closeGraceMs);
    await closed;
    clearTimeout(late);
  };
  return { port, url: `http://${LOOPBACK}:${String(port)}`, close, [Symbol.asyncDispose]: close };
}

/** @returns The port. */
async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(
        new Fault<HttpFaultCode>(
          "PORT_UNUSABLE",
          `nothing can be served on ${LOOPBACK}:${String(port)} (${error.code ?? "unknown"}), perhaps because another \`sotto serve\`, \`mcp\` or \`console\` runs; end it, or choose another port (--port, of \`sotto mcp\` --http)`,
          error,
        ),
      );
    });
    server.listen(port, LOOPBACK, resolve);
  });
  return (server.address() as AddressInfo).port;
}

class Answering {
  port = 0;
  readonly #options: LocalServerOptions;
  readonly #table: RouteTable;
  readonly #underWay = new Map<AbortController, Route>();
  readonly #onIdleSocket: () => void;
  #closing = false;

  /** @param onIdleSocket - Called after answers once this is closing: a socket that is kept for a next request would hold the server's end up. */
  constructor(options: LocalServerOptions, onIdleSocket: () => void) {
    this.#options = options;
    this.#onIdleSocket = onIdleSocket;
    this.#table = new RouteTable(options.routes);
  }

  /** Streams that stay open are ended at once: nobody waits for their end. */
  close(): void {
    this.#closing = true;
    for (const [controller, { timeoutMs }] of this.#underWay) if (timeoutMs === null) controller.abort();
  }

  abort(): void {
    for (const controller of this.#underWay.keys()) controller.abort();
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
    try {
      await this.#run(this.#admit(request), request, response);
    } catch (error) {
      if (!(error instanceof Fault)) this.#options.onBug?.(error);
      sendProblem(response, error);
    }
  }

  #admit(request: IncomingMessage): FoundRoute {
    checkSender(request, this.port);
    let found: FoundRoute | null = null;
    try {
      found = this.#table.find(request);
    } finally {
      // Who has no token is not told which addresses there are.
      if (found?.route.isPublic !== true) checkToken(request, this.#options.token);
    }
    if (this.#closing) throw new Fault<HttpFaultCode>("CLOSING", "this server is closing; start it again, then ask");
    if (this.#underWay.size >= httpLimits.requestsMax)
      throw new Fault<HttpFaultCode>(
        "TOO_MANY_REQUESTS",
        `${String(httpLimits.requestsMax)} requests are being answered; ask again when one is through`,
      );
    return found;
  }

  async #run({ route, url, params }: FoundRoute, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const controller = new AbortController();
    const { signal } = controller;
    const { timeoutMs = httpLimits.answerTimeoutMs } = route;
    const closed = new Promise((resolve) => response.once("close", resolve));
    const timer =
      timeoutMs === null
        ? undefined
        : setTimeout(() => {
            controller.abort();
            sendProblem(response, new Fault("DEADLINE_EXCEEDED", "the answer took too long; ask again"));
          }, timeoutMs);
    response.once("close", () => {
      controller.abort();
    });
    this.#underWay.set(controller, route);
    try {
      await route.handle({ request, response, url, params, signal });
      await closed;
    } catch (error) {
      // Nobody is there any more to be told, or all was said.
      if (!response.destroyed && !response.writableEnded) throw error;
    } finally {
      clearTimeout(timer);
      this.#underWay.delete(controller);
      if (this.#closing) setImmediate(this.#onIdleSocket);
    }
  }
}
