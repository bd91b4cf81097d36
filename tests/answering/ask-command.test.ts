import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import type { CitedPassage } from "../../index.ts";
import type { Answer } from "../../party-node/answering/index.ts";
import { LocalFederation } from "../../cli/local-federation.ts";
import { openNodeFolder } from "../../party-node/node-folder.ts";
import type { Receipt } from "../../party-node/receipt/index.ts";
import { openEncoder } from "../../party-node/encoders/index.ts";
import { writeTinyCrossEncoder } from "../encoders/tiny-cross-encoder.ts";
import { Authority, hasOpenssl } from "../support/authority.ts";
import { Cli, type CliOptions, type Finished, expectRefusal, expectUsageError, sotto } from "../support/cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { ChatServer, type ChatServerOptions, beginStream, chunk, streamed } from "./chat-server.ts";

const CORPORA = {
  clinic: { "warfarin.txt": "Warfarin may be restarted on day seven, when haemoglobin stays above eighty." },
  library: {
    "fines.txt": "Late fines are forgiven for everybody under sixteen, and at Christmas for all who ask on the day.",
    "restart.md": "# The catalogue\n\nThe catalogue is restarted on day one.\n",
  },
};
const QUESTION = "when may warfarin be restarted";
const ANSWER = [
  "Warfarin may be restarted ",
  "on day seven [1]. ",
  "Fines are forgiven at Christmas [1]. So it is [9].",
];

const folder = temporaryFolder();
let federation: LocalFederation;
beforeAll(async () => {
  const parties = Object.entries(CORPORA).map(([name, documents]) => {
    const path = join(folder.path, name);
    mkdirSync(path);
    for (const [file, text] of Object.entries(documents)) writeFileSync(join(path, file), text);
    return { name, paths: [path] };
  });
  // One party counts, so that a test can see what costs a question.
  const serve = (name: string): string[] => ["node", "--query-budget", name === "clinic" ? "1000" : "none"];
  federation = new LocalFederation({ parties, encoder: await openEncoder("lexical"), serve });
  await federation.ingest(() => undefined);
  await federation.start();
});
afterAll(async () => {
  await federation[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const args = (...more: readonly string[]): string[] => [
  "ask",
  QUESTION,
  "--dir",
  federation.folderOf("querier"),
  ...more,
];
const ask = (more: readonly string[], options?: CliOptions): Promise<Finished> => sotto(args(...more), options);
const to = (base: string): string[] => ["--endpoint", base, "--model", "tiny"];
/** The same server by an address that is not loopback; Linux and macOS connect it to this machine. */
const elsewhere = ({ port }: ChatServer): string => `http://0.0.0.0:${String(port)}/v1`;

interface Report {
  readonly answer: Answer | null;
  readonly fault?: { readonly code: string };
  readonly passages: readonly CitedPassage[];
  readonly parties: readonly unknown[];
  readonly timingsMs: Readonly<Record<string, number>>;
}
const report = ({ stdout }: Finished): Report => JSON.parse(stdout) as Report;

test("an answer is printed with its sources, and what speaks against them", async () => {
  await using server = await ChatServer.start(streamed(...ANSWER));
  const base = `http://localhost:${String(server.port)}/v1`;
  const { code, stdout, stderr } = await ask([...to(base), "--local-only"]);
  expect(stderr).toMatch(/Question and passages go to http:\/\/localhost:\d+\/v1, on this machine/);
  expect(stderr).toMatch(/answered .* clinic/);
  expect(stdout).toContain(`\n${ANSWER.join("")}\n`);
  expect(stdout).toMatch(
    /So it is \[9\]\.\n +check: the answer cites \[9\], but the model was sent 3 passages: "So it is\."\n\nSources\n/,
  );
  // What is cited can be read on the spot; what is not is only named.
  expect(stdout).toMatch(
    /Sources\n\[1\] clinic · warfarin\.txt\n {4}Warfarin may be restarted on day seven, when haemoglobin stays above eighty\.\n +check: has fewer words of what cites it than \[\d\]: "Fines are forgiven at Christmas\."\n\[2\]/,
  );
  expect(stdout).toMatch(
    /\[2\] library · restart\.md {2}The catalogue {2}not cited\n\[3\] library · fines\.txt {2}not cited\n$/,
  );
  expect(code).toBe(0);
  expect(server.chats[0]?.body.messages[1]?.content).toContain(CORPORA.clinic["warfarin.txt"]);
});

test("one JSON object has answer, passages, parties and times; a key goes to the endpoint and nowhere else", async () => {
  await using server = await ChatServer.start(streamed(...ANSWER));
  const key = join(folder.path, "key");
  writeFileSync(key, "sk-zanzibar\n", { mode: 0o600 });
  const finished = await ask([...to(server.base), "--json", "--api-key-file", key, "--passages", "1"]);
  const { answer, passages, parties, timingsMs } = report(finished);
  expect(answer).toMatchObject({ text: ANSWER.join(""), isComplete: true, passagesSent: 1 });
  expect(answer?.citations.map(({ flag }) => flag)).toEqual([undefined, "few-shared-words", "no-such-passage"]);
  expect(passages.map(({ party }) => party)).toEqual(["clinic"]);
  expect(parties).toHaveLength(2);
  expect(timingsMs["answer"]).toBeGreaterThan(0);
  expect(finished.code).toBe(0);
  expect(server.chats[0]?.headers.authorization).toBe("Bearer sk-zanzibar");
  expect(finished.stdout + finished.stderr).not.toContain("zanzibar");
});

test("without an endpoint there are the passages, which a re-ranking model orders anew", async () => {
  const model = join(folder.path, "cross-encoder");
  await writeTinyCrossEncoder(model);
  const [plain, anew] = await Promise.all([ask(["--json"]), ask(["--reranker", model, "--passages", "2"])]);
  expect(report(plain).answer).toBeNull();
  expect(report(plain).passages.map(({ documentId }) => documentId)[0]).toBe("warfarin.txt");
  // All words are unknown to the tiny model, and the longest passage has the most of them.
  expect(anew.stdout).toMatch(/\[1\] library · fines\.txt[^]*\[2\] clinic · warfarin\.txt/);
  expect(anew.stdout).not.toContain("[3]");
  expect(anew.stdout).not.toContain("Sources");
});

describe("an endpoint elsewhere", () => {
  test("is sent nothing before somebody has agreed", async () => {
    await using server = await ChatServer.start(streamed(...ANSWER), { host: "0.0.0.0" });
    const there = to(elsewhere(server));
    await expectRefusal(args(...there, "--insecure-http"), {
      fault: "ENDPOINT_NOT_AGREED",
      says: /sees the question and the passages[^]*--yes/,
    });
    expect(server.connections).toBe(0);
    const agreed = await ask([...there, "--insecure-http", "--yes"]);
    expect(agreed.stdout).toContain(ANSWER.join(""));
    expect(agreed.stderr).toMatch(/0\.0\.0\.0:\d+\/v1 sees the question and the passages .* not encrypted/);
    expect(server.chats).toHaveLength(1);
  });

  (hasOpenssl() ? test : test.skip)(
    "is reached by TLS with a certificate to trust (needs openssl), and by no proxy",
    async () => {
      using authority = new Authority();
      const proxied: number[] = [];
      const proxy = createServer((socket) => void socket.on("error", () => undefined).destroy()).on("connection", () =>
        proxied.push(1),
      );
      await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
      const url = `http://127.0.0.1:${String((proxy.address() as { port: number }).port)}`;
      const proxies = {
        NODE_USE_ENV_PROXY: "1",
        HTTPS_PROXY: url,
        HTTP_PROXY: url,
        https_proxy: url,
        http_proxy: url,
        NO_PROXY: "",
        no_proxy: "",
      };
      const tls = authority.certificate("endpoint", "IP:127.0.0.1");
      await using server = await ChatServer.start(streamed(...ANSWER), { tls });
      const there = to(server.base.replace("http:", "https:"));
      const [trusted, untrusted] = await Promise.all([
        ask(there, { env: { ...proxies, NODE_EXTRA_CA_CERTS: authority.path } }),
        ask(there, { env: { ...proxies, NODE_TLS_REJECT_UNAUTHORIZED: "0" } }),
      ]);
      expect(trusted.stdout).toContain(ANSWER.join(""));
      expect(untrusted.stderr).toMatch(/^error ENDPOINT_UNREACHABLE: .*certificate/m);
      expect(untrusted.stderr).not.toMatch(/clinic/);
      proxy.close();
      expect(server.chats).toHaveLength(1);
      expect(proxied).toEqual([]);
    },
  );

  (hasOpenssl() ? test : test.skip)(
    "with a wrong certificate costs no question, and the next step is said (needs openssl)",
    async () => {
      using authority = new Authority();
      const { questionsPath } = openNodeFolder(federation.folderOf("clinic"));
      const counted = (): string => readFileSync(questionsPath, "utf8");
      const env = { NODE_EXTRA_CA_CERTS: authority.path };
      const refused = async (tls: ChatServerOptions["tls"], says: RegExp): Promise<void> => {
        await using server = await ChatServer.start(streamed(...ANSWER), tls ? { tls } : {});
        const before = counted();
        const { code, stdout, stderr } = await ask(to(server.base.replace("http:", "https:")), { env });
        expect(stderr).toMatch(says);
        expect(stderr).not.toMatch(/clinic|bug in Sotto/);
        expect([code, stdout]).toEqual([2, ""]);
        expect(server.chats).toHaveLength(0);
        expect(counted()).toBe(before);
      };
      const before = counted();
      await ask(["-k", "1"]);
      expect(counted()).not.toBe(before);
      await refused(
        authority.certificate("other", "DNS:elsewhere.example"),
        /^error ENDPOINT_UNREACHABLE: .*ALTNAME.*for another name; give the address/m,
      );
      await refused(
        authority.certificate("expired", "IP:127.0.0.1", ["-days", "-1"]),
        /^error ENDPOINT_UNREACHABLE: .*EXPIRED.*check this machine's clock, or have it renewed/m,
      );
      await refused(undefined, /^error ENDPOINT_UNREACHABLE: .*ERR_SSL_.*https:\/\/ or http:\/\//m);
    },
  );
});

test("an endpoint that fails leaves the passages, which the parties have counted", async () => {
  await using server = await ChatServer.start((response) => void response.writeHead(500).end("zanzibar"));
  const finished = await ask([...to(server.base)]);
  expect(finished.stdout).toContain(CORPORA.clinic["warfarin.txt"].slice(0, 40));
  expect(finished.stderr).toMatch(/^error ENDPOINT_FAILED: .*status 500/m);
  expect(finished.stdout + finished.stderr).not.toMatch(/zanzibar|bug in Sotto/);
  expect(finished.code).toBe(2);
});

test("an endpoint that is not there costs no question", async () => {
  const server = await ChatServer.start(streamed(...ANSWER));
  const { base } = server;
  await server[Symbol.asyncDispose]();
  await expectRefusal(args(...to(base)), { fault: "ENDPOINT_UNREACHABLE", says: /ECONNREFUSED.*check that it runs/ });
  const { stderr } = await ask(to(base));
  expect(stderr).not.toMatch(/clinic|library/);
});

test("an answer that cites nothing has all its passages below it", async () => {
  await using server = await ChatServer.start(streamed("It may be restarted."));
  const { stdout } = await ask([...to(server.base), "-k", "2"]);
  expect(stdout).toMatch(/The answer cites no passage/);
  expect(stdout).toContain("on day seven, when haemoglobin");
  expect(stdout).toMatch(
    /\[2\] library · restart\.md {2}The catalogue {2}not cited\n {4}The catalogue is restarted on day one\.\n$/,
  );
  expect(stdout).not.toContain("[3]");
});

test("Ctrl-C within the answer ends it, and the connection", async () => {
  await using server = await ChatServer.start((response) => {
    beginStream(response);
    response.write(chunk({ content: "Warfarin may" }));
  });
  await using cli = new Cli(args(...to(server.base)));
  await cli.printed(/Warfarin may/);
  const { code, signal, stdout, stderr } = await cli.stop();
  expect([code, signal]).toEqual([130, null]);
  expect(stdout).toBe("\nWarfarin may\n");
  expect(stderr).toMatch(/stopped\n$/);
  await server.chats[0]?.closed;
});

test("a question without quotes is not asked, and the next step is said", async () => {
  const words = ["ask", ...QUESTION.split(" "), "--dir", federation.folderOf("querier")];
  await expectUsageError(words, /5 separate words; put it in quotes: sotto ask "\.\.\."/);
  await expectUsageError(["query", ...words.slice(1)], /put it in quotes: sotto query "\.\.\."/);
});

test("a receipt goes to a file that only its owner may read, and holds nothing that was asked or read", async () => {
  const path = join(folder.path, "receipt.json");
  const { code, stderr } = await ask(["--receipt", path]);
  expect([code, stderr]).toEqual([0, expect.stringContaining("receipt.json")]);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const text = readFileSync(path, "utf8");
  const { kind, querier, total, recipients } = JSON.parse(text) as Receipt;
  expect([kind, querier]).toEqual(["sotto privacy receipt", "querier"]);
  expect(total.up.bytes).toBeGreaterThan(1000);
  expect(recipients.map(({ role }) => role)).toEqual(["coordinator", "party", "party"]);
  expect(text).not.toMatch(/warfarin|haemoglobin/i);
  expect(readdirSync(folder.path)).not.toContain("receipt.json.new");
});

test("a receipt that cannot be written costs no question", async () => {
  const { code, stderr } = await ask(["--receipt", join(folder.path, "nowhere", "receipt.json")]);
  expect(stderr).toMatch(/ENOENT.*nowhere.*check that the path is right/);
  expect(stderr).not.toMatch(/clinic/);
  expect(code).toBe(2);
});

test("an endpoint needs a model's name", async () => {
  await expectUsageError(args("--endpoint", "http://127.0.0.1:1/v1"), /--endpoint URL needs --model NAME/);
});
