import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { repository } from "../support/cli.ts";

const run = promisify(execFile);

/** What `npm pack --json` says. */
export interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
}

/** A folder that was empty before Sotto's packed form was installed in it. */
export interface PackedApplication {
  readonly packed: Packed;
  readonly folder: string;
  /** The installed package. */
  readonly installed: string;
  /** Its command line. */
  readonly main: string;
}

/**
 * Packs the repository and installs it in `folder/application`. With `CI` set, `npm install` does this from the registry, as a user would; otherwise the
 * packages that the repository has are linked, which takes a second.
 *
 * @throws Error with what npm printed.
 */
export async function packedApplication(folder: string): Promise<PackedApplication> {
  const packed = await pack(folder);
  const application = join(folder, "application");
  const installed = join(application, "node_modules", "sotto");
  mkdirSync(application);
  writeFileSync(join(application, "package.json"), '{ "type": "module" }');
  const tarball = join(folder, packed.filename);
  if (process.env["CI"]) await install(application, tarball);
  else await link(installed, tarball);
  return { packed, folder: application, installed, main: join(installed, "dist", "cli", "sotto.js") };
}

/** `npm pack` in a copy of the repository: nobody else sees its half-built dist. */
async function pack(folder: string): Promise<Packed> {
  const copy = join(folder, "repository");
  const left = ["node_modules", ".git", "dist", "coverage"].map((name) => join(repository, name));
  cpSync(repository, copy, { recursive: true, filter: (path) => !left.includes(path) });
  linkPackages(
    readdirSync(join(repository, "node_modules")).filter((name) => !name.startsWith(".")),
    join(copy, "node_modules"),
  );
  const stdout = await npm(["pack", "--json", "--pack-destination", folder], copy, folder);
  const [report] = JSON.parse(stdout.slice(stdout.indexOf("[\n"))) as Packed[];
  if (!report) throw new Error(`npm pack printed no report:\n${stdout}`);
  return report;
}

async function install(application: string, tarball: string): Promise<void> {
  const began = performance.now();
  await npm(["install", "--no-audit", "--no-fund", "--prefer-offline", tarball], application);
  const { stdout } = await run("du", ["-sm", join(application, "node_modules")]);
  const [megabytes = ""] = stdout.split("\t");
  process.stdout.write(
    `npm install of the packed form: ${((performance.now() - began) / 1000).toFixed(0)} s, node_modules ${megabytes} MB\n`,
  );
}

async function link(installed: string, tarball: string): Promise<void> {
  mkdirSync(installed, { recursive: true });
  await run("tar", ["-xzf", tarball, "-C", installed, "--strip-components=1"]);
  const { dependencies, optionalDependencies } = JSON.parse(
    readFileSync(join(installed, "package.json"), "utf8"),
  ) as Record<"dependencies" | "optionalDependencies", Record<string, string>>;
  linkPackages(Object.keys({ ...dependencies, ...optionalDependencies }), dirname(installed));
}

/** Adds packages of others to an application, at the versions that the repository tests: installed with `CI` set, else linked. */
export async function addPackages(application: string, names: readonly string[]): Promise<void> {
  if (process.env["CI"])
    await npm(["install", "--no-audit", "--no-fund", "--prefer-offline", ...names.map(pinned)], application);
  else linkPackages(names, join(application, "node_modules"));
}

function pinned(name: string): string {
  const { devDependencies } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8")) as {
    devDependencies: Record<string, string>;
  };
  return `${name}@${devDependencies[name] ?? ""}`;
}

/** Links packages into a `node_modules` folder of its own, so that nothing is written to the repository's. */
function linkPackages(names: readonly string[], to: string): void {
  for (const name of names) {
    if (existsSync(join(to, name))) continue;
    mkdirSync(dirname(join(to, name)), { recursive: true });
    symlinkSync(join(repository, "node_modules", name), join(to, name), "junction");
  }
}

/** @param cache - Folder of a cache of its own; default is the user's. */
async function npm(args: readonly string[], cwd: string, cache?: string): Promise<string> {
  const env = { ...process.env, NODE_OPTIONS: "", npm_config_dry_run: "false", ONNXRUNTIME_NODE_INSTALL: "skip" };
  const own = cache === undefined ? {} : { npm_config_cache: join(cache, "npm-cache") };
  try {
    return (await run("npm", [...args, "--loglevel=error"], { cwd, env: { ...env, ...own } })).stdout;
  } catch (error) {
    const { stdout, stderr } = error as { readonly stdout: string; readonly stderr: string };
    throw new Error(`npm ${args[0] ?? ""} failed:\n${stdout}${stderr}`, { cause: error });
  }
}
