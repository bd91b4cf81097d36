import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { EventSourceParserStream } from "eventsource-parser/stream";
import { once } from "node:events";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { PartyOutcome, QueryResult, SottoClient } from "../../index.ts";
import { type ApiOptions, apiRoutes } from "../../integrations/api/index.ts";
import { type LocalServer, startLocalServer } from "../../integrations/http/index.ts";
import { Cli, expectRefusal } from "../support/cli.ts";
import { AskingNode, CORPORA, QUESTION } from "./asking-node.ts";

const TOKEN = "t".repeat(43);
let node: AskingNode;
let client: SottoClient;
let server: LocalServer;
const bugs: unknown[] = [];

beforeAll(async () => {
  node = await AskingNode.start({ absent: ["library"] });
  client = await node.federation.client();
  const onBug = (error: unknown): void => void bugs.push(error);
  server = await startLocalServer({
    port: 0,
    token: TOKEN,
    routes: apiRoutes({ client, version: "1.2.3", onBug }),
    onBug,
  });
});

afterAll(async () => {
  await server.close();
  await node[Symbol.asyncDispose]();
  expect(bugs).toEqual([]);
});

function post(body: unknown, headers: Record<string, string> = {}, init: RequestInit = {}): Promise<Response> {
  const always = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
  const { url } = server;
  return fetch(`${url}/v1/query`, {
    method: "POST",
    headers: { ...always, ...headers },
    body: JSON.stringify(body),
    ...init,
  });
}

const get = (path: string): Promise<Response> =>
  fetch(`${server.url}${path}`, { headers: { authorization: `Bearer ${TOKEN}` } });

interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

/** A schema of the served document, as a program that knows nothing else would check by it. */
async function documented(name: string): Promise<z.ZodType> {
  const { components } = (await (await fetch(`${server.url}/openapi.json`)).json()) as OpenApi;
  const definitions = JSON.stringify(components.schemas).replaceAll("#/components/schemas/", "#/$defs/");
  const $defs = JSON.parse(definitions) as Record<string, object>;
  return z.fromJSONSchema({ $ref: `#/$defs/${name}`, $defs } as Parameters<typeof z.fromJSONSchema>[0]);
}

test("a question is answered with passages and with who is missing, as the document says", async () => {
  const response = await post({ question: QUESTION, k: 1, deadlineMs: 20_000, dropSuspects: true });
  expect(response.headers.get("content-type")).toBe("application/json");
  const result = (await response.json()) as QueryResult;
  expect(result.passages).toMatchObject([
    { party: "clinic", documentId: "warfarin.txt", text: CORPORA.clinic["warfarin.txt"] },
  ]);
  expect(result.parties).toMatchObject([
    { party: "library", status: "missing", fault: { code: "PARTY_OFFLINE" } },
    { party: "clinic", status: "answered", passagesScored: 2 },
  ]);
  expect((await documented("Result")).safeParse(result).error).toBeUndefined();
});

test("as events, parties come one by one and then the passages", async () => {
  const response = await post({ question: QUESTION }, { accept: "text/event-stream" });
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  const events: { event: string | undefined; data: unknown }[] = [];
  const stream = response.body!.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
  for await (const { event, data } of stream) events.push({ event, data: JSON.parse(data) });
  expect(events.map(({ event }) => event)).toEqual(["party", "party", "result"]);
  const outcome = await documented("PartyOutcome");
  for (const { data } of events.slice(0, 2)) expect(outcome.safeParse(data).error).toBeUndefined();
  expect(
    events
      .slice(0, 2)
      .map(({ data }) => (data as PartyOutcome).party)
      .sort(),
  ).toEqual(["clinic", "library"]);
  expect((events[2]?.data as QueryResult).passages[0]).toMatchObject({ documentId: "warfarin.txt" });
});

test("who is in the federation and who is there", async () => {
  const view = await (await get("/v1/federation")).json();
  expect(view).toEqual({
    name: "a federation in one process",
    member: "asker",
    mode: "private",
    isVertical: false,
    encoder: "lexical",
    dimensions: node.federation.encoder.dim,
    parties: [
      { name: "clinic", isOnline: true },
      { name: "library", isOnline: false },
    ],
    collections: [],
  });
  expect((await documented("Federation")).safeParse(view).error).toBeUndefined();
});

describe("questions that cannot be asked", () => {
  test.each<readonly [string, unknown, number, string]>([
    ["empty", { question: "" }, 422, "BODY_INVALID"],
    ["of blanks", { question: "  " }, 422, "QUESTION_EMPTY"],
    ["too long in bytes", { question: "ä".repeat(9000) }, 422, "QUESTION_TOO_LONG"],
    ["of words that nobody knows", { question: "?!" }, 422, "QUESTION_UNREADABLE"],
    ["too many passages", { question: "secret", k: 33 }, 422, "BODY_INVALID"],
    ["an option that is none", { question: "secret", epsilon: 1 }, 422, "BODY_INVALID"],
    ["another's signal", { question: "secret", signal: {} }, 422, "BODY_INVALID"],
    ["no time", { question: QUESTION, deadlineMs: 0 }, 422, "BODY_INVALID"],
  ])("%s", async (_what, body, status, code) => {
    const response = await post(body);
    const text = await response.text();
    const problem: unknown = JSON.parse(text);
    expect([response.status, problem]).toEqual([status, expect.objectContaining({ code })]);
    expect(text).not.toContain("secret");
    expect((await documented("Problem")).safeParse(problem).error).toBeUndefined();
  });

  test("a stream that has begun ends with the problem", async () => {
    const response = await post({ question: "?!" }, { accept: "text/event-stream" });
    expect(await response.text()).toMatch(
      /^event: problem\ndata: \{.*"status":422,"code":"QUESTION_UNREADABLE".*\}\n\n$/,
    );
  });
});

test("the document names what there is, and every reference in it leads somewhere", async () => {
  const text = await (await fetch(`${server.url}/openapi.json`)).text();
  const { paths, components } = JSON.parse(text) as OpenApi;
  const routes = apiRoutes({ client, version: "", onBug: () => undefined });
  const named = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((m) => `${m.toUpperCase()} ${path}`),
  );
  expect(named.sort()).toEqual(routes.map(({ method, path }) => `${method} ${path}`).sort());
  const references = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, to = ""]) => to);
  expect(references.length).toBeGreaterThan(5);
  expect(
    references.filter((to) => !Object.keys(components.schemas).includes(to.replace("#/components/schemas/", ""))),
  ).toEqual([]);
  expect(components.schemas["Question"]).toMatchObject({ required: ["question"], additionalProperties: false });
});

test("the question of a caller that has gone is ended", async () => {
  const asked = Promise.withResolvers<AbortSignal | undefined>();
  const watched: ApiOptions["client"] = {
    federation: client.federation,
    query: (question, options) => {
      asked.resolve(options?.signal);
      return client.query(question, options);
    },
  };
  const routes = apiRoutes({ client: watched, version: "", onBug: () => undefined });
  await using own = await startLocalServer({ port: 0, token: TOKEN, routes });
  const leaving = new AbortController();
  const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json", accept: "text/event-stream" };
  const body = JSON.stringify({ question: QUESTION });
  fetch(`${own.url}/v1/query`, { method: "POST", headers, body, signal: leaving.signal }).catch(() => undefined);
  const signal = await asked.promise;
  leaving.abort();
  if (signal?.aborted === false) await once(signal, "abort");
  expect(signal?.aborted).toBe(true);
});

describe("sotto serve", () => {
  test("asks many questions over one connection, connects anew, and stops when it is told to", async () => {
    await using own = await AskingNode.start();
    await using serving = new Cli(["serve", "--port", "0", "--dir", own.dir]);
    const [, url = ""] = await serving.printed(/"url":"([^"]+)".*"listening"/);
    const path = join(own.dir, "access.token");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const token = readFileSync(path, "utf8").trim();
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const ask = async (): Promise<string[]> => {
      const body = JSON.stringify({ question: QUESTION });
      const response = await fetch(`${url}/v1/query`, { method: "POST", headers, body });
      return ((await response.json()) as QueryResult).passages.map(({ documentId }) => documentId);
    };
    const all = ["warfarin.txt", 'notes "2" & 3', "fines.txt"];
    expect(await Promise.all([ask(), ask(), ask()])).toEqual([all, all, all]);
    await own.federation.stopCoordinator();
    await own.federation.startCoordinator();
    // Parties come back to it in their own time.
    let found = await ask();
    for (let asked = 1; found.length < all.length && asked < 100; asked++) {
      await sleep(100);
      found = await ask();
    }
    expect(found).toEqual(all);
    const { code, stdout, stderr } = await serving.stop();
    expect([code, stdout]).toEqual([0, ""]);
    for (const secret of [token, "warfarin", "restarted", "fines"]) expect(stderr).not.toContain(secret);
  });

  test("refuses what cannot work", async () => {
    await expectRefusal(["serve", "--dir", join(node.dir, "nowhere")], { fault: "CONFIG_MISSING", says: /sotto init/ });
  });
});
