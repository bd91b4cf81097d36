import { afterEach, describe, expect, test } from "@jest/globals";
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { Agent, type IncomingHttpHeaders, type ServerResponse, request } from "node:http";
import { type Socket, connect } from "node:net";
import { EventEmitter, once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { z } from "zod";
import { Fault } from "../../crypto/index.ts";
import {
  EventStream,
  type LocalServer,
  type LocalServerOptions,
  type Route,
  httpLimits,
  openAccessToken,
  readJson,
  sendJson,
  startLocalServer,
} from "../../integrations/http/index.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const TOKEN = "t".repeat(43);
const running: LocalServer[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()));
});

async function serve(routes: readonly Route[], more: Partial<LocalServerOptions> = {}): Promise<LocalServer> {
  const server = await startLocalServer({ port: 0, token: TOKEN, routes, ...more });
  running.push(server);
  return server;
}

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly token?: string | null;
  readonly agent?: Agent;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly code: unknown;
}

/** By node:http, which lets a test say what a browser would not. */
async function ask(server: { readonly port: number }, path: string, asked: Asked = {}): Promise<Answer> {
  const { method = "GET", headers = {}, body, token = TOKEN, agent } = asked;
  const sent = request({
    host: "127.0.0.1",
    port: server.port,
    path,
    method,
    agent: agent ?? false,
    headers: { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...headers },
  });
  const answered = once(sent, "response");
  sent.end(body);
  const [response] = (await answered) as [import("node:http").IncomingMessage];
  const got = await text(response);
  const isProblem = response.headers["content-type"] === "application/problem+json";
  const code = isProblem ? (JSON.parse(got) as { code: unknown }).code : undefined;
  return { status: response.statusCode ?? 0, headers: response.headers, body: got, code };
}

const hello: Route = {
  method: "GET",
  path: "/hello/:name",
  handle: ({ response, params, url }) => {
    sendJson(response, { ...params, loud: url.searchParams.get("loud") });
  },
};
const page: Route = {
  method: "GET",
  path: "/page",
  isPublic: true,
  handle: ({ response }) => {
    sendJson(response, "page");
  },
};
const bodySchema = z.strictObject({ question: z.string().max(20), k: z.int().min(1).optional() });
const echo: Route = {
  method: "POST",
  path: "/echo",
  handle: async ({ request: incoming, response }) => {
    sendJson(response, await readJson(incoming, bodySchema, 100), 201);
  },
};

describe("who may ask", () => {
  test("a program with the token is answered, with headers that keep pages out", async () => {
    const answer = await ask(await serve([hello]), "/hello/J%C3%B6rg%2F?loud=yes");
    expect(answer).toMatchObject({ status: 200, body: '{"name":"Jörg/","loud":"yes"}' });
    expect(answer.headers).toMatchObject({
      "content-type": "application/json",
      "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cross-origin-resource-policy": "same-origin",
      "cross-origin-opener-policy": "same-origin",
      "cache-control": "no-store",
    });
  });

  test.each<readonly [string, (port: string) => Asked, string | number]>([
    ["no token", () => ({ token: null }), "TOKEN_REFUSED"],
    ["another token", () => ({ token: `${TOKEN.slice(1)}u` }), "TOKEN_REFUSED"],
    ["part of the token", () => ({ token: TOKEN.slice(1) }), "TOKEN_REFUSED"],
    ["another scheme", () => ({ headers: { authorization: `Basic ${TOKEN}` } }), "TOKEN_REFUSED"],
    ["a name that was pointed here", (port) => ({ headers: { host: `evil.example:${port}` } }), "HOST_REFUSED"],
    ["another port", () => ({ headers: { host: "127.0.0.1:1" } }), "HOST_REFUSED"],
    ["no port", () => ({ headers: { host: "localhost" } }), "HOST_REFUSED"],
    ["the other own name", (port) => ({ headers: { host: `localhost:${port}` } }), 200],
    ["a page of another origin", () => ({ headers: { origin: "https://evil.example" } }), "ORIGIN_REFUSED"],
    ["a page in a sandbox", () => ({ headers: { origin: "null" } }), "ORIGIN_REFUSED"],
    ["another port's page", () => ({ headers: { origin: "http://127.0.0.1:1" } }), "ORIGIN_REFUSED"],
    ["its own page over TLS", (port) => ({ headers: { origin: `https://127.0.0.1:${port}` } }), "ORIGIN_REFUSED"],
    ["the page of its other name", (port) => ({ headers: { origin: `http://localhost:${port}` } }), "ORIGIN_REFUSED"],
    ["its own page", (port) => ({ headers: { origin: `http://127.0.0.1:${port}` } }), 200],
  ])("%s", async (_who, asked, expected) => {
    const server = await serve([hello]);
    const { status, code } = await ask(server, "/hello/you", asked(String(server.port)));
    expect(code ?? status).toBe(expected);
  });

  test("a public route needs no token, and yet the right name and origin", async () => {
    const server = await serve([page]);
    expect(await ask(server, "/page", { token: null })).toMatchObject({ status: 200, body: '"page"' });
    const strangers = [{ host: "evil.example" }, { origin: "https://evil.example" }];
    const codes = await Promise.all(strangers.map(async (headers) => (await ask(server, "/page", { headers })).code));
    expect(codes).toEqual(["HOST_REFUSED", "ORIGIN_REFUSED"]);
  });

  test("it listens on the loopback address alone", async () => {
    const { port } = await serve([hello]);
    const elsewhere = connect({ host: "127.0.0.2", port });
    const reached = await new Promise((resolve) => {
      elsewhere.once("connect", () => resolve(true)).once("error", () => resolve(false));
    });
    elsewhere.destroy();
    expect(reached).toBe(false);
  });

  test("who has no token is not told which addresses there are", async () => {
    const server = await serve([hello, echo]);
    const codes = async (token: string | null) =>
      Promise.all([
        ask(server, "/nothing", { token }).then(({ code }) => code),
        ask(server, "/echo", { token }).then(({ code }) => code),
        ask(server, "http://evil.example/hello/you", { token }).then(({ code }) => code),
        ask(server, "/hello/%FF", { token }).then(({ code }) => code),
      ]);
    expect(await codes(TOKEN)).toEqual(["NOT_FOUND", "METHOD_REFUSED", "ADDRESS_MALFORMED", "ADDRESS_MALFORMED"]);
    expect(new Set(await codes(null))).toEqual(new Set(["TOKEN_REFUSED"]));
  });
});

describe("bodies", () => {
  const json = { "content-type": "application/json" };
  test.each<readonly [string, Asked, string | number]>([
    ["as the schema has it", { headers: json, body: '{"question":"why"}' }, 201],
    [
      "with its encoding",
      { headers: { "content-type": "application/json; charset=UTF-8" }, body: '{"question":""}' },
      201,
    ],
    ["a form, which any page may send", { headers: { "content-type": "text/plain" }, body: "{}" }, "BODY_NOT_JSON"],
    ["without a type", { body: "{}" }, "BODY_NOT_JSON"],
    ["compressed", { headers: { ...json, "content-encoding": "gzip" }, body: "{}" }, "BODY_NOT_JSON"],
    [
      "too large, as it says",
      { headers: { ...json, "content-length": "101" }, body: " ".repeat(101) },
      "BODY_TOO_LARGE",
    ],
    [
      "too large, without saying so",
      { headers: { ...json, "transfer-encoding": "chunked" }, body: " ".repeat(101) },
      "BODY_TOO_LARGE",
    ],
    ["not JSON", { headers: json, body: "{secret" }, "BODY_MALFORMED"],
    ["nothing", { headers: json }, "BODY_MALFORMED"],
    ["a wrong field", { headers: json, body: '{"question":"secret","k":0}' }, "BODY_INVALID"],
    ["a field too long", { headers: json, body: '{"question":"secret-secret-secret-secret"}' }, "BODY_INVALID"],
    ["an unknown field", { headers: json, body: '{"question":"secret","top":1}' }, "BODY_INVALID"],
  ])("%s", async (_what, asked, expected) => {
    const { status, code, body } = await ask(await serve([echo]), "/echo", { method: "POST", ...asked });
    expect(code ?? status).toBe(expected);
    if (code !== undefined) expect(body).not.toContain("secret");
  });

  test("a refusal names the field", async () => {
    const asked = { method: "POST", headers: json, body: '{"question":"why","k":0}' };
    const { body } = await ask(await serve([echo]), "/echo", asked);
    expect(JSON.parse(body)).toMatchObject({ status: 422, detail: expect.stringContaining("at k:") });
  });
});

describe("problems", () => {
  const failing = (error: unknown): Route => ({
    method: "GET",
    path: "/fails",
    handle: () => {
      throw error;
    },
  });

  test("a fault is told with its code, as RFC 9457 has it", async () => {
    const server = await serve([failing(new Fault("QUESTION_EMPTY", "the question is empty; ask something"))]);
    const { status, headers, body } = await ask(server, "/fails");
    expect(headers["content-type"]).toBe("application/problem+json");
    expect([status, JSON.parse(body)]).toEqual([
      422,
      {
        type: "about:blank",
        title: "Unprocessable Entity",
        status: 422,
        code: "QUESTION_EMPTY",
        detail: "the question is empty; ask something",
      },
    ]);
  });

  test("of a bug nothing is told, but to the process", async () => {
    const bugs: unknown[] = [];
    const bug = new Error("cannot read a secret question");
    const server = await serve([failing(bug)], { onBug: (error) => bugs.push(error) });
    const { status, body, code } = await ask(server, "/fails");
    expect([status, code, bugs]).toEqual([500, "INTERNAL", [bug]]);
    expect(body).not.toMatch(/secret|cannot/);
  });

  test("a port that is taken is said", async () => {
    const { port } = await serve([hello]);
    await expect(serve([hello], { port })).rejects.toMatchObject({
      code: "PORT_UNUSABLE",
      message: expect.stringContaining("EADDRINUSE"),
    });
  });
});

/** A route that answers when it is let, and says who waits. */
function waiting(timeoutMs?: number | null) {
  const { promise: go, resolve: release } = Promise.withResolvers<void>();
  const signals: AbortSignal[] = [];
  let wake: () => void = () => undefined;
  const route: Route = {
    method: "GET",
    path: "/waits",
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    handle: async ({ response, signal }) => {
      signals.push(signal);
      wake();
      await go;
      sendJson(response, "done");
    },
  };
  const arrived = async (count: number): Promise<void> => {
    while (signals.length < count) await new Promise<void>((resolve) => (wake = resolve));
  };
  return { route, release, signals, arrived };
}

describe("limits", () => {
  test("so many requests are answered at once, and one more is told to wait", async () => {
    const { route, release, arrived } = waiting();
    const server = await serve([route, hello]);
    const waits = Array.from({ length: httpLimits.requestsMax }, () => ask(server, "/waits"));
    await arrived(httpLimits.requestsMax);
    const refused = await ask(server, "/hello/you");
    expect(refused).toMatchObject({ status: 503, code: "TOO_MANY_REQUESTS", headers: { "retry-after": "1" } });
    release();
    expect(new Set((await Promise.all(waits)).map(({ status }) => status))).toEqual(new Set([200]));
    expect(await ask(server, "/hello/you")).toMatchObject({ status: 200 });
  });

  test("headers beyond the limit are refused", async () => {
    const server = await serve([hello]);
    const headers = { "x-long": "x".repeat(httpLimits.headerBytesMax) };
    expect(await ask(server, "/hello/you", { headers })).toMatchObject({ status: 431 });
  });

  test("an answer that takes too long is ended, and its work with it", async () => {
    const { route, release, signals } = waiting(50);
    const server = await serve([route]);
    expect(await ask(server, "/waits")).toMatchObject({ status: 504, code: "DEADLINE_EXCEEDED" });
    expect(signals[0]?.aborted).toBe(true);
    release();
  });

  test("work for a caller that has gone is ended", async () => {
    const { route, arrived, signals, release } = waiting();
    const server = await serve([route]);
    const socket: Socket = connect({ host: "127.0.0.1", port: server.port });
    socket.write(
      `GET /waits HTTP/1.1\r\nhost: 127.0.0.1:${String(server.port)}\r\nauthorization: Bearer ${TOKEN}\r\n\r\n`,
    );
    await arrived(1);
    const [signal] = signals;
    socket.destroy();
    if (signal?.aborted === false) await once(signal, "abort");
    release();
  });
});

describe("the end", () => {
  test("what is under way is answered, although its socket is kept, and nothing new is taken", async () => {
    const { route, release, arrived } = waiting();
    const server = await serve([route]);
    const agent = new Agent({ keepAlive: true });
    const waits = ask(server, "/waits", { agent });
    await arrived(1);
    const closed = server.close();
    await expect(ask(server, "/waits")).rejects.toMatchObject({ code: "ECONNREFUSED" });
    release();
    expect(await waits).toMatchObject({ status: 200 });
    await closed;
    agent.destroy();
  });

  test("a stream that stays open is ended", async () => {
    const { promise: begun, resolve: begin } = Promise.withResolvers<AbortSignal>();
    const route: Route = {
      method: "GET",
      path: "/stream",
      timeoutMs: null,
      handle: async ({ response, signal }) => {
        const stream = new EventStream(response, signal);
        await stream.send("greeting", { to: "a\nb" });
        begin(signal);
        await once(signal, "abort");
        stream.end();
      },
    };
    const server = await serve([route]);
    const streamed = ask(server, "/stream");
    await begun;
    await server.close();
    expect(await streamed).toMatchObject({
      headers: { "content-type": "text/event-stream" },
      body: 'event: greeting\ndata: {"to":"a\\nb"}\n\n',
    });
  });
});

describe("events for a caller that takes no more", () => {
  /** An answer whose caller takes nothing until it emits `drain`. */
  class FullResponse extends EventEmitter {
    written = 0;
    writeHead(): this {
      return this;
    }
    flushHeaders(): void {}
    write(): boolean {
      this.written++;
      return false;
    }
  }

  test("wait for it together, and progress is left out until it goes on", async () => {
    const response = new FullResponse();
    const stream = new EventStream(response as unknown as ServerResponse, new AbortController().signal);
    const sent = Array.from({ length: 1000 }, (_, line) => stream.send("problem", { line }));
    expect(response.listenerCount("drain")).toBe(1);
    for (let done = 0; done < 1000; done++) stream.offer("progress", { done });
    expect(response.written).toBe(1000);
    response.emit("drain");
    await Promise.all(sent);
    stream.offer("progress", { done: 1000 });
    expect(response.written).toBe(1001);
  });

  test("are let go when it has gone", async () => {
    const gone = new AbortController();
    const response = new FullResponse();
    const stream = new EventStream(response as unknown as ServerResponse, gone.signal);
    const sent = stream.send("problem", {});
    gone.abort();
    await sent;
    await stream.send("problem", {});
    expect(response.written).toBe(1);
  });
});

describe("the access token", () => {
  test("is made once, for its owner alone", () => {
    using own = temporaryFolder();
    const path = join(own.path, "access.token");
    const token = openAccessToken({ accessTokenPath: path });
    expect(Buffer.from(token, "base64url")).toHaveLength(32);
    expect(readFileSync(path, "utf8")).toBe(`${token}\n`);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(openAccessToken({ accessTokenPath: path })).toBe(token);
    using other = temporaryFolder();
    expect(openAccessToken({ accessTokenPath: join(other.path, "access.token") })).not.toBe(token);
  });

  test("that others may read, or that is none, is refused", () => {
    using own = temporaryFolder();
    const path = join(own.path, "access.token");
    openAccessToken({ accessTokenPath: path });
    chmodSync(path, 0o640);
    expect(() => openAccessToken({ accessTokenPath: path })).toThrow(/mode 0640/);
    chmodSync(path, 0o600);
    writeFileSync(path, "");
    expect(() => openAccessToken({ accessTokenPath: path })).toThrow(
      expect.objectContaining({ code: "ACCESS_TOKEN_MALFORMED" }),
    );
  });
});
