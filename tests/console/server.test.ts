import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { existsSync, mkdirSync, readFileSync, readdirSync } from "node:fs";
import { once } from "node:events";
import { request } from "node:http";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { Asker } from "../../console/server/asker.ts";
import { questionRoutes } from "../../console/server/question-routes.ts";
import { collectionRoutes } from "../../console/server/collection-routes.ts";
import { Drops } from "../../console/server/drops.ts";
import { Entry } from "../../console/server/entry.ts";
import type { OwnStore } from "../../console/server/own-store.ts";
import { startLocalServer } from "../../integrations/http/index.ts";
import type { SottoClient } from "../../party-node/asking/index.ts";
import { abortedFault } from "../../party-node/asking/aborted.ts";
import { startAsking } from "../../party-node/asking/start-asking.ts";
import type { Receipt } from "../../party-node/receipt/index.ts";
import type { Federation, FrameObserver, SeenFrame } from "../../protocol/index.ts";
import type { IngestReport } from "../../party-node/ingest.ts";
import { buildPage } from "./build.ts";
import { Cli, expectRefusal, sotto, sottoOutput } from "../support/cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const code = (expected: string) => expect.objectContaining({ code: expected });

/** A founder's folder that is a node's too, of a federation whose coordinator is not there. */
const folder = temporaryFolder();
const dir = folder.path;
let cli: Cli;
let port = 0;
let token = "";

interface Got {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Default: the console's. */
  readonly port?: number;
}

function get(path: string, { method = "GET", headers = {}, body, port: at = port }: Asked = {}): Promise<Got> {
  return new Promise((resolve, reject) => {
    const type: Record<string, string> = body === undefined ? {} : { "content-type": "application/json" };
    const sent = request(
      { host: "127.0.0.1", port: at, path, method, headers: { ...type, ...headers } },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => (text += part));
        response.on("end", () => {
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text });
        });
      },
    );
    sent.on("error", reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

const inside = (asked: Asked = {}): Asked => ({
  ...asked,
  headers: { authorization: `Bearer ${token}`, ...asked.headers },
});

beforeAll(async () => {
  buildPage();
  const printed = await sottoOutput(["init", "desk", "--dir", dir]);
  const key = /federation add \S+ --key (\S+)/.exec(printed)?.[1] ?? "";
  const created = await sottoOutput([
    "federation",
    "create",
    "Nobody there",
    "--coordinator-url",
    "ws://127.0.0.1:1",
    "--dir",
    dir,
  ]);
  const root = /^ {2}(\S{44})$/m.exec(created)?.[1] ?? "";
  await sottoOutput(["federation", "add", "desk", "--key", key, "--role", "querier,coordinator", "--dir", dir]);
  await sottoOutput(["federation", "join", join(dir, "federation.json"), "--root", root, "--dir", dir]);
  cli = new Cli(["console", "--dir", dir, "--port", "0", "--no-open"]);
  const [, at, secret = ""] = await cli.printed(/http:\/\/127\.0\.0\.1:(\d+)\/#code=(\S+)/);
  port = Number(at);
  const { status, body } = await get("/api/session", { method: "POST", body: { code: secret } });
  expect(status).toBe(200);
  ({ token } = JSON.parse(body) as { token: string });
  expect((await get("/api/session", { method: "POST", body: { code: secret } })).body).toContain("CODE_REFUSED");
});
afterAll(async () => {
  await cli[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

describe("the page", () => {
  test("is served to anybody on this machine, under a policy that allows nothing but itself", async () => {
    const { status, headers, body } = await get("/");
    expect(status).toBe(200);
    expect(String(headers["content-security-policy"]).split("; ")).toEqual(
      expect.arrayContaining([
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
      ]),
    );
    expect(headers["x-content-type-options"]).toBe("nosniff");
    expect(headers["cache-control"]).toBe("no-store");
    expect(body).not.toMatch(/<script>|style=|onclick|https?:/);
    for (const path of ["/app.js", "/app.css", "/icon.svg"]) expect((await get(path)).status).toBe(200);
  });

  test("nothing else is there without the token", async () => {
    for (const path of ["/api/overview", "/api/documents", "/api/federation", "/api/nothing"]) {
      expect((await get(path)).status).toBe(401);
      expect((await get(path, { headers: { authorization: `Bearer ${"a".repeat(43)}` } })).status).toBe(401);
    }
    expect((await get("/api/overview", inside())).status).toBe(200);
    expect((await get("/api/nothing", inside())).status).toBe(404);
  });

  test("other names of this machine and other pages are refused, with the token too", async () => {
    expect((await get("/api/overview", inside({ headers: { host: `evil.example:${String(port)}` } }))).status).toBe(
      421,
    );
    expect((await get("/", { headers: { host: "evil.example" } })).status).toBe(421);
    expect((await get("/api/overview", inside({ headers: { origin: "http://evil.example" } }))).status).toBe(403);
    const elsewhere = `http://127.0.0.1:${String(port + 1)}`;
    expect((await get("/api/overview", inside({ headers: { origin: elsewhere } }))).status).toBe(403);
  });
});

test("a code works once, and a wrong one does not use it up", () => {
  const next: string[] = [];
  const entry = new Entry((made) => next.push(made));
  const first = entry.code;
  for (const wrong of ["", "a".repeat(43), `${first}a`])
    expect(() => entry.redeem(wrong)).toThrow(code("CODE_REFUSED"));
  expect(entry.redeem(first)).toBe(entry.token);
  expect(() => entry.redeem(first)).toThrow(code("CODE_REFUSED"));
  expect(next).toEqual([entry.code]);
  expect(entry.redeem(next[0] ?? "")).toBe(entry.token);
});

describe("a node whose coordinator is not there, and which holds nothing", () => {
  test("a question's stream says what is wrong, and what was wrong is in the federation's view", async () => {
    const { body } = await get("/api/questions", inside({ method: "POST", body: { question: "anybody?", k: 3 } }));
    expect(body).toMatch(/^event: fault\ndata: \{"code":"CONNECTION_REFUSED"/m);
    expect(JSON.parse((await get("/api/federation", inside())).body)).toMatchObject({
      name: "Nobody there",
      isFounder: true,
      members: [{ name: "desk", isOnline: null }],
      fault: { code: "CONNECTION_REFUSED" },
    });
    const reached = await get("/api/federation/coordinators", inside({ method: "POST" }));
    expect(JSON.parse(reached.body)).toMatchObject([
      { url: "ws://127.0.0.1:1", fault: { code: "CONNECTION_REFUSED" } },
    ]);
  });

  test("questions that are none are refused before anything is opened", async () => {
    const refused = async (body: unknown): Promise<Got> => get("/api/questions", inside({ method: "POST", body }));
    expect(await refused({ question: " ", k: 3 })).toMatchObject({ status: 422 });
    expect(await refused({ question: "x", k: 0 })).toMatchObject({ status: 422 });
    expect(await refused({ question: "x", k: 3, more: 1 })).toMatchObject({ status: 422 });
    expect(await refused({ question: "x".repeat(1_000_000), k: 3 })).toMatchObject({ status: 413 });
    expect((await get("/api/documents", inside())).body).toContain("NO_STORE");
  });

  test("the founder invites from here, and the invitation is in the file", async () => {
    const wanted = { name: "ward-nine", roles: ["querier", "querier"], days: 2 };
    const { status, body } = await get("/api/invitations", inside({ method: "POST", body: wanted }));
    expect(status).toBe(200);
    expect((JSON.parse(body) as { line: string }).line).toMatch(/^sotto/);
    const shown = await sottoOutput(["federation", "show", "--dir", dir]);
    expect(shown).toMatch(/ward-nine.*querier.*invited until/);
    const again = await get("/api/invitations", inside({ method: "POST", body: wanted }));
    expect(again.body).toContain("NAME_TAKEN");
  });
});

describe("drops", () => {
  const limits = { files: 2, fileBytes: 10, bytes: 15 };
  const text = (content: string): Readable => Readable.from([Buffer.from(content)]);

  test("hold limits on count, size and names, and remove what they refuse", async () => {
    using own = temporaryFolder();
    const path = join(own.path, "dropped");
    const drops = new Drops(path, limits);
    const id = await drops.begin();
    await drops.add(id, "a.txt", text("12345678"));
    await expect(drops.add(id, "b.txt", text("12345678901"))).rejects.toThrow(code("DROP_LIMIT"));
    await expect(drops.add(id, "c.txt", text("12345678"))).rejects.toThrow(code("DROP_LIMIT"));
    expect(readdirSync(path)).toEqual(["a.txt"]);
    for (const name of ["", ".hidden", "../up", "a/b", "a\\b", "a\nb", "x".repeat(201)])
      await expect(drops.add(id, name, text("1"))).rejects.toThrow(code("DROP_NAME"));
    await expect(drops.add("other", "d.txt", text("1"))).rejects.toThrow(code("DROP_UNKNOWN"));
  });

  test("are gone from the disk when they were taken in, or when that failed", async () => {
    using own = temporaryFolder();
    const path = join(own.path, "dropped");
    const drops = new Drops(path, limits);
    for (const fails of [false, true]) {
      const id = await drops.begin();
      await drops.add(id, "a.txt", text("1"));
      const taken = drops.takeIn(id, async (paths) => {
        expect(paths).toEqual([join(path, "a.txt")]);
        await expect(drops.begin()).rejects.toThrow(code("DROP_BUSY"));
        if (fails) throw new Error("no");
      });
      await (fails ? expect(taken).rejects.toThrow("no") : taken);
      expect(existsSync(path)).toBe(false);
      await expect(drops.takeIn(id, async () => undefined)).rejects.toThrow(code("DROP_UNKNOWN"));
    }
    mkdirSync(path);
    await drops.clearLeft();
    expect(existsSync(path)).toBe(false);
  });

  test("of one console are left alone by another of the same folder, and by one that ends", async () => {
    using own = temporaryFolder();
    const path = join(own.path, "dropped");
    const [first, second] = [new Drops(path, limits), new Drops(path, limits)];
    const id = await first.begin();
    await first.add(id, "a.txt", text("1"));
    await second.clearLeft();
    await second.clear();
    expect(readdirSync(path)).toEqual(["a.txt"]);
    await expect(second.begin()).rejects.toThrow(code("DROP_BUSY"));
    await first.takeIn(id, async (paths) => {
      expect(paths.map((one) => existsSync(one))).toEqual([true]);
    });
    await second.clearLeft();
    await second.begin();
    await second.clear();
  });

  test("count a file once it is whole", async () => {
    using own = temporaryFolder();
    const drops = new Drops(join(own.path, "dropped"), limits);
    const id = await drops.begin();
    await drops.add(id, "a.txt", text("whole"));
    const slow = new PassThrough();
    const again = drops.add(id, "a.txt", slow);
    slow.write("ha");
    await drops.takeIn(id, async (paths) => {
      expect(paths.map((one) => readFileSync(one, "utf8"))).toEqual(["whole"]);
    });
    slow.end("lf");
    await expect(again).rejects.toThrow(code("DROP_UNKNOWN"));
    const next = await drops.begin();
    const cut = new PassThrough();
    const added = drops.add(next, "b.txt", cut);
    cut.write("ha");
    await drops.takeIn(next, async (paths) => {
      expect(paths).toEqual([]);
    });
    cut.end();
    await expect(added).rejects.toThrow(code("DROP_UNKNOWN"));
  });
});

test("a question that was stopped while it waited its turn is not asked", async () => {
  const asker = new Asker(async () => ({ close: () => undefined }) as SottoClient);
  const first = Promise.withResolvers<undefined>();
  const stopping = new AbortController();
  const before = asker.inTurn(new AbortController().signal, () => first.promise);
  let isAsked = false;
  const stopped = asker.inTurn(stopping.signal, async () => {
    isAsked = true;
  });
  stopping.abort();
  await expect(stopped).rejects.toThrow(code("ABORTED"));
  const next = asker.inTurn(new AbortController().signal, async () => undefined);
  first.resolve(undefined);
  await Promise.all([before, next]);
  expect(isAsked).toBe(false);
  asker.close();
});

test("a question that is stopped after it was sent has a receipt", async () => {
  const counted = { type: "query", parties: ["alpha", "beta"] };
  const connected = (observer: FrameObserver): SottoClient => {
    const query = (_: string, { signal }: { readonly signal: AbortSignal }) =>
      startAsking(async (report) => {
        observer({ direction: "out", peer: "hub", bytes: 100, message: counted } as unknown as SeenFrame);
        const ms = 1;
        report({ party: "alpha", status: "answered", passagesScored: 3, ms });
        await once(signal, "abort");
        throw abortedFault();
      });
    return { parties: counted.parties, online: [], query, close: () => undefined } as unknown as SottoClient;
  };
  const member = (name: string) => ({ name, roles: ["party"] });
  const terms = { name: "f", mode: "private", members: counted.parties.map(member), scoring: { dim: 64 } };
  const asker = new Asker(async (observer) => connected(observer));
  const routes = questionRoutes({
    asker,
    federation: () => ({ terms }) as unknown as Federation,
    hosted: [{ name: "notes", owner: "clinic", host: "cloud", mode: "outsourced" }],
    member: "desk",
    version: "0",
    onBug: () => undefined,
  });
  await using server = await startLocalServer({ port: 0, token, routes });
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const post = (path: string, body?: string): Promise<Response> =>
    fetch(server.url + path, { method: "POST", headers, ...(body === undefined ? {} : { body }) });
  const { body } = await post("/api/questions", JSON.stringify({ question: "an otter?", k: 3 }));
  let told = "";
  for await (const chunk of body!.pipeThrough(new TextDecoderStream())) {
    told += chunk;
    if (!chunk.includes("event: outcome")) continue;
    await post(`/api/questions/${/"id":"([^"]+)"/.exec(told)?.[1] ?? ""}/stop`);
  }
  const { code: ended, receipt } = JSON.parse(/^event: fault\ndata: (.*)$/m.exec(told)?.[1] ?? "{}") as {
    readonly code: string;
    readonly receipt: Receipt;
  };
  expect([ended, receipt.failure, receipt.total.up.bytes]).toEqual(["ABORTED", "ABORTED", 100]);
  const sights = Object.fromEntries(receipt.recipients.map(({ name, role, sees }) => [name, [role, ...sees]]));
  expect(sights).toMatchObject({
    alpha: [
      "party",
      "The question, encrypted",
      "That you asked, and when",
      "Which of its passages you asked for, if you got that far",
    ],
    beta: ["party", "The question, encrypted", "That you asked, and when, if this reached it"],
    cloud: ["host", "That you are connected; it was sent no question"],
  });
  expect(JSON.stringify(receipt)).not.toContain("otter");
  asker.close();
});

test("of a drop's problems the first hundred are told, and the report counts all", async () => {
  const report = { problems: 5000, reasons: { NOT_JSON: 5000 } };
  const takeIn: OwnStore["takeIn"] = async (_, { onProblem }) => {
    for (let line = 1; line <= report.problems; line++)
      onProblem?.({ file: "a.jsonl", line, reason: "NOT_JSON", message: `line ${String(line)}` });
    return report as IngestReport;
  };
  const routes = collectionRoutes({ own: { takeIn } as OwnStore, hosted: [], onBug: () => undefined });
  await using server = await startLocalServer({ port: 0, token, routes });
  const { body } = await get("/api/drops/1/ingest", inside({ method: "POST", port: server.port }));
  expect(body.match(/^event: problem$/gm)).toHaveLength(100);
  expect(body).toContain(`event: done\ndata: ${JSON.stringify(report)}`);
});

test("a port that is taken is said to be, and Ctrl-C ends the console", async () => {
  await expectRefusal(["console", "--dir", dir, "--port", String(port), "--no-open"], {
    fault: "PORT_UNUSABLE",
    says: /choose another port/,
  });
  expect((await cli.stop()).code).toBe(0);
  const help = (await sotto(["console", "--help"])).stdout;
  expect(help).toMatch(/--no-open/);
  expect(help.replace(/\s+/g, " ")).toContain("another at every start (default: 0)");
});
