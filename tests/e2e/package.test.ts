import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { Tab, browserTest, launch } from "../console/chromium.ts";
import { Cli, type CliOptions, repository, sotto, sottoOutput } from "../support/cli.ts";
import { type DocumentFixture, oneOfEach } from "../support/document-fixtures.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { FederationByHand } from "./federation-by-hand.ts";
import { type Packed, addPackages, packedApplication } from "./packed-application.ts";

const run = promisify(execFile);
const folder = temporaryFolder();
const at = (...path: string[]): string => join(folder.path, ...path);
let packed: Packed;
let application: string;
let installed: string;
let main: string;
/** Its entry points besides the main one, each with a package that an application installs itself. */
const ENTRIES = ["langchain", "llamaindex", "ai-sdk", "mcp"];
const OPTIONAL = ["@langchain/core", "@llamaindex/core", "ai", "@modelcontextprotocol/sdk"];

beforeAll(async () => {
  ({ packed, folder: application, installed, main } = await packedApplication(folder.path));
}, 300_000);

afterAll(() => {
  folder[Symbol.dispose]();
});

test("the package holds what it needs, no tests, and is small", () => {
  const paths = packed.files.map(({ path }) => path);
  expect(paths).toEqual(
    expect.arrayContaining([
      "package.json",
      "LICENSE",
      "dist/index.js",
      "dist/index.d.ts",
      "dist/cli/main.js",
      "dist/cli/sotto.js",
      "dist/crypto/rlwe/kernels/ring.generated.js",
      "dist/crypto/codes/kernels/hamming.generated.js",
      "demo/questions.json",
      "examples/ask.mjs",
      ...ENTRIES.flatMap((name) => [`dist/integrations/${name}.js`, `dist/integrations/${name}.d.ts`]),
      ...["langchain", "llamaindex", "ai-sdk", "mcp-client", "http"].map((name) => `examples/${name}.mjs`),
    ]),
  );
  expect(paths.filter((path) => /(^|\/)tests?\/|\.test\.|\.as\.ts$|node_modules|\.key$|\.tgz$/.test(path))).toEqual([]);
  expect(paths.filter((path) => /(?<!\.d)\.ts$/.test(path))).toEqual([]);
  expect(packed.size).toBeLessThan(2_200_000);
});

test("every file that its pages refer to is in it", () => {
  const paths = packed.files.map(({ path }) => path);
  const pages = paths.filter((path) => path.endsWith(".md"));
  expect(pages.length).toBeGreaterThan(20);
  const missing = pages.flatMap((page) => {
    const links = readFileSync(join(installed, page), "utf8").matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g);
    return [...links]
      .map(([, to = ""]) => to)
      .filter((to) => !/^[a-z]+:/.test(to))
      .filter((to) => !paths.some((path) => `${path}/`.startsWith(`${join(dirname(page), to)}/`)))
      .map((to) => `${page}: ${to}`);
  });
  expect(missing).toEqual([]);
});

test("on a Node that is too old its command says which one it needs", async () => {
  const { engines } = JSON.parse(readFileSync(join(installed, "package.json"), "utf8")) as {
    engines: { node: string };
  };
  expect(engines.node).toMatch(/^>=\d+\.\d+$/);
  const needed = engines.node.slice(2);
  const older = (version: string): string =>
    `--import=data:text/javascript,${encodeURIComponent(`Object.defineProperty(process.versions, "node", { value: "${version}" });`)}`;
  const [major = 0, minor = 0] = needed.split(".").map(Number);
  for (const version of ["20.19.2", `${String(major)}.${String(minor - 1)}.0`, `${String(major - 1)}.99.0`]) {
    const told = await sotto(["--version"], { main, env: { NODE_OPTIONS: older(version) } });
    expect(told).toMatchObject({ code: 2, stdout: "", stderr: expect.stringMatching(/^error NODE_TOO_OLD: /) });
    expect(told.stderr).toContain(`needs Node ${needed} or newer, and this is ${version}`);
  }
  const enough = await sotto(["--version"], { main, env: { NODE_OPTIONS: older(`${needed}.0`) } });
  expect(enough).toMatchObject({ code: 0, stderr: "" });
});

test("every module that the package's code imports is in it or among its dependencies", () => {
  const { dependencies, optionalDependencies, peerDependencies } = JSON.parse(
    readFileSync(join(installed, "package.json"), "utf8"),
  ) as Record<"dependencies" | "optionalDependencies" | "peerDependencies", Record<string, string>>;
  const known = Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies });
  const modules = packed.files
    .map(({ path }) => path)
    .filter((path) => path.startsWith("dist/") && path.endsWith(".js"));
  expect(modules.length).toBeGreaterThan(50);
  const missing = modules.flatMap((path) => {
    const code = readFileSync(join(installed, path), "utf8").replaceAll(/\/\*\*.*?\*\//gs, "");
    const imported = code.matchAll(/(?:^|\s)(?:from|import) ?\(?"([^"\s$]+)"/g);
    return [...imported]
      .map(([, specifier = ""]) => specifier)
      .filter((specifier) => {
        if (specifier.startsWith("node:")) return false;
        if (!specifier.startsWith(".")) return !known.some((name) => `${specifier}/`.startsWith(`${name}/`));
        return !modules.includes(relative(installed, join(installed, dirname(path), specifier)));
      })
      .map((specifier) => `${path}: ${specifier}`);
  });
  expect(missing).toEqual([]);
});

test("its types serve a TypeScript program", async () => {
  writeFileSync(
    join(application, "ask.ts"),
    `import { connect, type PartyOutcome, type CitedPassage, Fault } from "sotto";
using sotto = await connect({ dir: "node" });
const asking = sotto.query("warfarin", { k: 3 });
for await (const outcome of asking) { const { party, fault }: PartyOutcome = outcome; void party; void fault?.code; }
const passages: readonly CitedPassage[] = (await asking.result).passages;
void passages[0]?.text.length;
// @ts-expect-error k is a number
void sotto.query("warfarin", { k: "3" });
void new Fault("CODE", "message").code;
`,
  );
  const types = ["--types", "node", "--typeRoots", join(repository, "node_modules", "@types")];
  const tsc = [join(repository, "node_modules", "typescript", "bin", "tsc"), "--noEmit", "--strict"];
  await run(
    process.execPath,
    [...tsc, "--module", "nodenext", "--target", "es2024", "--lib", "es2024,esnext.disposable", ...types, "ask.ts"],
    {
      cwd: application,
      env: { ...process.env, NODE_OPTIONS: "" },
    },
  ).catch((error: unknown) => {
    throw new Error(`the types do not fit:\n${(error as { stdout: string }).stdout}`);
  });
});

test("what an optional package is missing for says so, and the rest works", async () => {
  const { code, stderr } = await sotto(["mcp"], { main, cwd: application });
  expect([code, stderr]).toEqual([2, expect.stringMatching(/^error MCP_MISSING: .*npm install /)]);
  expect(await sottoOutput(["serve", "--help"], { main, cwd: application })).toMatch(/access\.token/);
});

test("its other entry points serve a program that has their packages", async () => {
  await addPackages(application, OPTIONAL);
  const imports = ENTRIES.map((name, i) => `import * as entry${String(i)} from "sotto/${name}";`);
  const names = ENTRIES.map((_, i) => `Object.keys(entry${String(i)})`);
  writeFileSync(
    join(application, "entries.mjs"),
    `${imports.join("\n")}\nconsole.log(JSON.stringify([${names.join(",")}]));`,
  );
  const { stdout } = await run(process.execPath, ["entries.mjs"], {
    cwd: application,
    env: { ...process.env, NODE_OPTIONS: "" },
  });
  expect(JSON.parse(stdout)).toEqual([
    ["QUOTING_NOTICE", "SottoRetriever"],
    ["QUOTING_NOTICE", "SottoRetriever"],
    ["sottoTool"],
    expect.arrayContaining(["mcpServer"]),
  ]);
});

test("its command line shows help and runs the demo", async () => {
  expect(statSync(main).isFile()).toBe(true);
  expect(readFileSync(main, "utf8").startsWith("#!/usr/bin/env node\n")).toBe(true);
  const cli = { main, cwd: application };
  const { version } = JSON.parse(readFileSync(join(installed, "package.json"), "utf8")) as { version: string };
  expect(await sottoOutput(["--version"], cli)).toBe(`${version}\n`);
  expect(await sottoOutput(["--help"], cli)).toMatch(/^Usage: sotto .*\bquery\b.*\btrial\b/s);
  const report = JSON.parse((await sottoOutput(["demo", "--json"], cli)).trim().split("\n").at(-1) ?? "") as {
    plaintextOverlapAtK: number;
    processes: { readable: string[] }[];
  };
  expect(report.plaintextOverlapAtK).toBe(1);
  expect(report.processes.flatMap(({ readable }) => readable)).toEqual([]);
});

test("the README's example asks a running federation through it", async () => {
  const cli = { main, cwd: application };
  await using federation = await FederationByHand.found({
    folder: at("federation"),
    members: { hub: "coordinator", clinic: "party", library: "party", asker: "querier" },
    cli,
  });
  writeFileSync(at("clinic.txt"), "Warfarin may be restarted on day seven.");
  writeFileSync(at("library.txt"), "Late fines are forgiven at Christmas.");
  await federation.ingest("clinic", at("clinic.txt"));
  await using clinic = await federation.serve("clinic");

  const example = { main: join(application, "ask.mjs"), cwd: application };
  cpSync(join(installed, "examples", "ask.mjs"), example.main);
  await using asked = new Cli([federation.dir("asker"), "when may warfarin be restarted"], example);
  const { code, stdout, stderr } = await asked.exited;
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/^clinic answered, 1 passages scored$/m);
  expect(stdout).toMatch(/^library is missing: .+$/m);
  expect(stdout).toMatch(/\n\[clinic, clinic\.txt\] score \d\.\d{3}\nWarfarin may be restarted on day seven\.\n$/);
  expect(await clinic.stop()).toMatchObject({ code: 0 });
});

describe("a newcomer with a folder of documents", () => {
  const cli = (): CliOptions => ({ main, cwd: application });
  let federation: FederationByHand | undefined;
  let node: Cli | undefined;
  let documents: readonly DocumentFixture[];
  let dir: string;

  beforeAll(async () => {
    documents = await oneOfEach();
    await addPackages(application, OPTIONAL);
    cpSync(join(installed, "examples"), join(application, "examples"), { recursive: true });
    federation = await FederationByHand.found({
      folder: at("first"),
      members: { hub: "coordinator", clinic: "party,querier" },
      cli: cli(),
    });
    dir = federation.dir("clinic");
    mkdirSync(at("documents"));
    for (const { name, bytes } of documents) writeFileSync(at("documents", name), bytes);
    writeFileSync(at("documents", "unread.docx"), "no document");
  }, 300_000);

  afterAll(async () => {
    await node?.[Symbol.asyncDispose]();
    await federation?.[Symbol.asyncDispose]();
  });

  test("a folder with a file of every format is ingested, and each is found with its place", async () => {
    const ingested = await sotto(["ingest", at("documents"), "--dir", dir, "--json"], cli());
    const report = JSON.parse(ingested.stdout.trim().split("\n").at(-1) ?? "") as {
      readonly documents: Record<string, number>;
      readonly named: readonly unknown[];
    };
    expect(ingested.code).toBe(3);
    expect([report.documents["added"], report.named]).toEqual([
      documents.length,
      [expect.objectContaining({ reason: "DAMAGED" })],
    ]);
    node = await federation!.serve("clinic", "--query-budget", "none");
    const asked = documents.map(async ({ says }) => {
      const printed = await sottoOutput(["query", says, "-k", "1", "--json", "--dir", dir], cli());
      return (JSON.parse(printed) as { passages: { documentId: string; place?: string; text: string }[] }).passages[0];
    });
    for (const [i, { name, says, place }] of documents.entries()) {
      const found = await asked[i];
      expect(found?.documentId).toContain(name);
      expect(found?.text.replace(/\s+/g, " ")).toContain(says);
      if (place !== undefined) expect([name, found?.place]).toEqual([name, place]);
    }
  });

  browserTest("the console answers in a browser", async () => {
    await using served = new Cli(["console", "--port", "0", "--no-open", "--dir", dir], cli());
    const [link] = await served.printed(/http:\S+#code=\S+/);
    const browser = await launch();
    try {
      await using tab = await Tab.open(browser);
      await tab.page.goto(link);
      await tab.page.fill("#question", documents[0]!.says);
      await tab.page.press("#question", "Enter");
      await tab.page.waitForSelector(".receipt-line");
      expect(await tab.page.locator(".passage").first().innerText()).toContain(documents[0]!.says);
      expect(tab.complaints).toEqual([]);
      expect(tab.requests.filter((url) => !url.startsWith(new URL(link).origin))).toEqual([]);
    } finally {
      await browser.close();
    }
    expect(await served.stop()).toMatchObject({ code: 0 });
  });

  /** Runs an example of the package in the application's folder. */
  async function example(name: string, ...args: string[]): Promise<string> {
    const { stdout } = await run(process.execPath, [join("examples", name), ...args], {
      cwd: application,
      env: { ...process.env, NODE_OPTIONS: "" },
    });
    return stdout;
  }

  test("LangChain has the passage in its prompt", async () => {
    const { says } = documents[1]!;
    const question = says.toLowerCase();
    expect((await example("langchain.mjs", dir, question)).replace(/\s+/g, " ")).toContain(says);
  });

  test("a client of MCP searches and fetches", async () => {
    const { says } = documents[2]!;
    const server = [process.execPath, main, "mcp", "--dir", dir];
    const printed = await example("mcp-client.mjs", says.toLowerCase(), ...server);
    expect(printed).toMatch(/^clinic: online$/m);
    expect(printed.replace(/\s+/g, " ")).toContain(says);
  });
});
