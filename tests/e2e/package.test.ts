import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { execFile } from "node:child_process";
import { cpSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { Cli, repository, sotto, sottoOutput } from "../support/cli.ts";
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
  expect(packed.size).toBeLessThan(1_250_000);
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
    const imported = readFileSync(join(installed, path), "utf8").matchAll(/(?:^|\s)(?:from|import) ?\(?"([^"]+)"/g);
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
  const tsc = [join(repository, "node_modules", "typescript", "bin", "tsc"), "--noEmit", "--strict", "--skipLibCheck"];
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
