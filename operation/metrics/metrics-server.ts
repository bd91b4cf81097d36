import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Fault } from "../../crypto/index.ts";
import type { MetricsRegistry } from "./registry.ts";

/** METRICS_PORT_UNUSABLE: something else listens there, or the address is not this machine's. */
export type MetricsFaultCode = "METRICS_PORT_UNUSABLE";

export interface MetricsServerOptions {
  readonly registry: Pick<MetricsRegistry, "text">;
  /** Whether the process does what it is there for. */
  readonly isHealthy: () => boolean;
  /** More lines about it, for people. */
  readonly details?: (() => readonly string[]) | undefined;
  /** 0 chooses a free one. */
  readonly port: number;
  readonly host: string;
}

/**
 * Serves `GET /metrics` (Prometheus' text format) and `GET /healthz` (200 `ok` or 503 `not serving`, and details on the lines behind it) over plain HTTP.
 *
 * @returns The port it listens on, and what ends it.
 * @throws Fault METRICS_PORT_UNUSABLE.
 */
export async function startMetricsServer({
  registry,
  isHealthy,
  details = () => [],
  port,
  host,
}: MetricsServerOptions): Promise<{ readonly port: number; readonly close: () => Promise<void> }> {
  const health = (): { readonly status: number; readonly body: string } => {
    const isWell = isHealthy();
    return { status: isWell ? 200 : 503, body: `${[isWell ? "ok" : "not serving", ...details()].join("\n")}\n` };
  };
  const pages: Readonly<Record<string, () => { readonly status: number; readonly body: string }>> = {
    "/metrics": () => ({ status: 200, body: registry.text() }),
    "/healthz": health,
  };
  const server = createServer({ requestTimeout: 5000, headersTimeout: 5000 }, ({ method, url = "" }, response) => {
    const page = Object.hasOwn(pages, url) ? pages[url] : undefined;
    const isRead = method === "GET" || method === "HEAD";
    const { status, body } =
      page && isRead ? page() : { status: page ? 405 : 404, body: "there are GET /metrics and GET /healthz\n" };
    response
      .writeHead(status, { "content-type": "text/plain; version=0.0.4; charset=utf-8", "cache-control": "no-store" })
      .end(method === "HEAD" ? undefined : body);
  });
  server.maxConnections = 16;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(
        new Fault<MetricsFaultCode>(
          "METRICS_PORT_UNUSABLE",
          `metrics cannot be served on ${host}:${String(port)} (${error.code ?? "unknown"}); choose another --metrics-port`,
          error,
        ),
      );
    });
    server.listen(port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
