import { afterAll, expect } from "@jest/globals";
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { loadKeyFile } from "../../party-node/keys.ts";

export const repository = join(import.meta.dirname, "..", "..");
/** Compiled code of the children, kept between runs: a command then starts in half the time. */
const compileCache = join(repository, "node_modules", ".cache", "sotto-e2e");

export interface CliOptions {
  /** Default is the repository's root. */
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Default is the repository's `cli/main.ts`; the packed form has another. */
  readonly main?: string;
  /** What it reads from standard input; default is nothing. */
  readonly input?: string;
  /** A process group of its own, as a terminal gives it; default false. */
  readonly ownGroup?: boolean;
}

/** How a process ended and all that it printed. */
export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Longest that a command which ends by itself may take, on a busy machine. */
const RUN_TIMEOUT_MS = 45_000;

const started: Cli[] = [];

// A test that runs into its time limit never comes to the end of its `using` blocks.
afterAll(async () => {
  await Promise.all(started.map((cli) => cli[Symbol.asyncDispose]()));
});

/** One `sotto` command as a real process on the Node that runs the tests; killed at the end of its `await using` block if it still runs. */
export class Cli implements AsyncDisposable {
  readonly args: readonly string[];
  readonly pid: number;
  readonly exited: Promise<Finished>;
  stdout = "";
  stderr = "";
  readonly #child: ChildProcess;
  #ended = false;
  #wake: () => void = () => undefined;

  constructor(
    args: readonly string[],
    {
      cwd = repository,
      env = {},
      main = join(repository, "cli", "main.ts"),
      input = "",
      ownGroup = false,
    }: CliOptions = {},
  ) {
    this.args = args;
    const child = spawn(process.execPath, [main, ...args], {
      cwd,
      env: { ...process.env, NODE_OPTIONS: "", NODE_COMPILE_CACHE: compileCache, NO_COLOR: "1", ...env },
      stdio: ["pipe", "pipe", "pipe"],
      detached: ownGroup,
    });
    this.#child = child;
    this.pid = child.pid ?? -1;
    child.stdin.on("error", () => undefined).end(input); // it may have ended without reading
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
      this.#wake();
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
      this.#wake();
    });
    this.exited = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => {
        this.#ended = true;
        this.#wake();
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr });
      });
    });
    started.push(this);
  }

  /** Resolves once what the process printed matches; rejects, with all it printed, when it ends before or takes longer than `timeoutMs`. */
  async printed(pattern: RegExp, timeoutMs = 20_000): Promise<RegExpExecArray> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const match = pattern.exec(this.stdout + this.stderr);
      if (match) return match;
      const left = deadline - performance.now();
      if (this.#ended || left <= 0) {
        const why = this.#ended ? "ended" : `took longer than ${String(timeoutMs)} ms`;
        throw new Error(`sotto ${this.args.join(" ")} ${why} before ${String(pattern)}:\n${this.stdout}${this.stderr}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** A signal to this process alone, or to its whole group as Ctrl-C in a terminal sends it. */
  kill(signal: NodeJS.Signals, { group = false } = {}): void {
    if (this.#ended) return;
    if (!group) this.#child.kill(signal);
    else if (isRunning(this.pid)) process.kill(-this.pid, signal);
  }

  /** Asks the process to end, as Ctrl-C does, and waits until it has. */
  async stop(signal: NodeJS.Signals = "SIGINT"): Promise<Finished> {
    this.kill(signal);
    return this.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill("SIGKILL");
    await this.exited;
  }
}

/** Runs a command to its end; one that does not come to it is killed, and its output is in the error. */
export async function sotto(args: readonly string[], options: CliOptions = {}): Promise<Finished> {
  const cli = new Cli(args, options);
  const timer = setTimeout(() => {
    cli.kill("SIGKILL");
  }, RUN_TIMEOUT_MS);
  const finished = await cli.exited;
  clearTimeout(timer);
  if (finished.signal === null) return finished;
  const { signal, stdout, stderr } = finished;
  throw new Error(
    `sotto ${args.join(" ")} was ended by ${signal} after ${String(RUN_TIMEOUT_MS)} ms at most:\n${stdout}${stderr}`,
  );
}

/** Runs a command that must succeed. @returns What it printed on standard output. */
export async function sottoOutput(args: readonly string[], options: CliOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await sotto(args, options);
  if (code !== 0) throw new Error(`sotto ${args.join(" ")} exited with ${String(code)}:\n${stdout}${stderr}`);
  return stdout;
}

/** Runs a command that must be refused with exit code 2, or another, this fault code, and a message that says what to do. */
export async function expectRefusal(
  args: readonly string[],
  { fault, says, exit = 2 }: { readonly fault: string; readonly says: RegExp; readonly exit?: number },
): Promise<void> {
  const { code, stdout, stderr } = await sotto(args);
  expect(stderr).toMatch(new RegExp(`^error ${fault}: `, "m"));
  expect(stderr).toMatch(says);
  expect(stderr).not.toMatch(/bug in Sotto|\n\s+at /);
  expect(stdout).toBe("");
  expect(code).toBe(exit);
}

/** Runs a command that the command line itself refuses, with exit code 1. */
export async function expectUsageError(args: readonly string[], says: RegExp): Promise<void> {
  const { code, stdout, stderr } = await sotto(args);
  expect(stderr).toMatch(says);
  expect(stderr).toMatch(/--help/);
  expect(stdout).toBe("");
  expect(code).toBe(1);
}

/** Every secret of the key files below a folder, in the forms in which one might leak: base64, its URL form and hexadecimal. */
export function secretsBelow(folder: string): string[] {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".key"));
  return files.flatMap((name) => {
    const path = join(folder, name);
    const { seed } = JSON.parse(readFileSync(path, "utf8")) as { seed: string };
    const { identity, storeKey, hintKey } = loadKeyFile(path);
    const secrets = [Buffer.from(seed, "base64"), Buffer.from(identity.privateKey.subarray(0, 32)), storeKey, hintKey];
    // The last digits of base64 depend on what follows.
    return secrets.flatMap((secret) => [
      Buffer.from(secret).toString("base64").slice(0, 42),
      Buffer.from(secret).toString("base64url").slice(0, 42),
      Buffer.from(secret).toString("hex"),
    ]);
  });
}

/** Asserts that no secret of the key files below a folder was in the arguments or the output of any command that this test file has run. */
export function expectNoSecrets(folder: string): void {
  const secrets = secretsBelow(folder);
  expect(secrets.length).toBeGreaterThan(0);
  expect(started.length).toBeGreaterThan(0);
  const leaks = started.filter(({ args, stdout, stderr }) => {
    const seen = `${args.join(" ")}\n${stdout}\n${stderr}`;
    return secrets.some((secret) => seen.includes(secret));
  });
  expect(leaks.map(({ args }) => args.join(" "))).toEqual([]);
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
