import { spawn } from "node:child_process";
import { once } from "node:events";
import { type Socket, connect, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import pg from "pg";

/** A database server in a process of its own. */
export interface PgliteServer extends AsyncDisposable {
  readonly port: number;
  url(port?: number): string;
  /** Runs SQL behind the store's back. */
  query<Row extends pg.QueryResultRow>(sql: string): Promise<Row[]>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

export async function startPglite(): Promise<PgliteServer> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "pglite-server.ts")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  const [line] = (await Promise.race([
    once(createInterface(child.stdout), "line"),
    exited.then(() => Promise.reject(new Error("the database server ended at once"))),
  ])) as [string];
  const port = Number(line);
  const url = (at = port): string =>
    `postgresql://postgres:postgres@127.0.0.1:${at.toString()}/postgres?sslmode=disable`;
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await exited;
  };
  return {
    port,
    url,
    kill,
    query: async <Row extends pg.QueryResultRow>(sql: string) => {
      const client = new pg.Client({ connectionString: url() });
      await client.connect();
      try {
        return (await client.query<Row>(sql)).rows;
      } finally {
        await client.end();
      }
    },
    [Symbol.asyncDispose]: kill,
  };
}

/** A way to the server that can be cut. */
export interface Wire extends AsyncDisposable {
  readonly port: number;
  /** Cuts all connections as soon as so many bytes more have gone to the server; refuses none afterwards. */
  cutAfter(bytes: number): void;
}

/** @param port - Where to listen; any free port unless said otherwise. */
export async function startWire(serverPort: number, port = 0): Promise<Wire> {
  let left = Infinity;
  const sockets = new Set<Socket>();
  const cut = (): void => {
    left = Infinity;
    for (const socket of sockets) socket.destroy();
  };
  const proxy = createServer((near) => {
    const far = connect(serverPort, "127.0.0.1");
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket
        .on("error", () => undefined)
        .on("close", () => {
          sockets.delete(socket);
          near.destroy();
          far.destroy();
        });
    }
    far.pipe(near);
    near.on("data", (chunk: Buffer) => {
      far.write(chunk.subarray(0, left));
      left -= chunk.length;
      if (left <= 0) cut();
    });
  });
  proxy.listen(port, "127.0.0.1");
  await once(proxy, "listening");
  return {
    port: (proxy.address() as AddressInfo).port,
    cutAfter: (bytes) => {
      left = bytes;
    },
    [Symbol.asyncDispose]: async () => {
      cut();
      proxy.close();
      await once(proxy, "close");
    },
  };
}
