import { type ChildProcess, execFile, spawn } from "node:child_process";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import { delimiter, dirname, join } from "node:path";
import { repository } from "../support/cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import type { Page, Step } from "./page.ts";

export interface WalkOptions {
  /** Machine -> the folder whose copy is its `documents`. */
  readonly documents?: Readonly<Record<string, string>>;
}

/** What a command printed. */
export interface Printed {
  readonly step: Step;
  readonly stdout: string;
  readonly stderr: string;
}

/** Commands that run until they are stopped, and what they print once they are there. */
const SERVICES: readonly (readonly [name: RegExp, ready: RegExp])[] = [
  [/^sotto coordinator\b/, /"msg":"listening"/],
  [/^sotto node\b/, /"msg":"serving"/],
];
/** Keys that commands print and a person copies, by the name that the pages give them. */
const COPIED: readonly (readonly [name: (match: RegExpExecArray) => string, RegExp])[] = [
  [([, name = ""]) => `${name.toUpperCase()}_KEY`, /sotto federation add (\S+) --key (?<value>\S+)/],
  [() => "ROOT_KEY", /^Root key, to tell members[^\n]*\n\n {2}(?<value>\S{44})$/m],
];
const STEP_TIMEOUT_MS = 60_000;

interface Service {
  readonly child: ChildProcess;
  readonly closed: Promise<unknown>;
}

/**
 * Does what a page says, as its reader would: every line in a real shell, every machine a folder of its own. `sotto` is the sources, `scp` copies between
 * the folders, hosts named `*.example` are this one, and ports are free ones.
 */
export class Walk implements AsyncDisposable {
  readonly #folder = temporaryFolder();
  readonly #documents: Readonly<Record<string, string>>;
  readonly #copied = new Map<string, string>();
  readonly #ports = new Map<string, number>();
  readonly #services = new Map<string, Service>();

  constructor({ documents = {} }: WalkOptions = {}) {
    this.#documents = documents;
    const bin = this.path("bin");
    mkdirSync(bin);
    const program = (name: string, text: string): void => {
      writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    };
    program("sotto", `exec '${process.execPath}' '${join(repository, "cli", "main.ts")}' "$@"`);
    program("scp", `to="$2"; cp "$1" "${this.path()}/\${to%%:*}/\${to#*:}"`);
  }

  path(...names: readonly string[]): string {
    return join(this.#folder.path, ...names);
  }

  /**
   * Runs all commands of a page in their order.
   *
   * @param before - What its reader does before a command, without one: stopping a node, for example.
   * @throws Error naming the page's line when one fails.
   */
  async follow({ name, steps }: Page, before?: (step: Step) => Promise<void>): Promise<Printed[]> {
    const printed: Printed[] = [];
    for (const { machine } of steps) this.#prepare(machine);
    for (const step of steps)
      try {
        await before?.(step);
        printed.push({ step, ...(await this.run(step)) });
      } catch (cause) {
        throw new Error(`docs/${name}:${String(step.line)}: ${(cause as Error).message}`, { cause });
      }
    return printed;
  }

  /** Runs one command to its end, or until it serves where it is a service; one of the same kind and machine is ended before. */
  async run({ machine, command }: Step): Promise<{ stdout: string; stderr: string }> {
    this.#prepare(machine);
    const line = await this.#substituted(command);
    const service = SERVICES.find(([name]) => name.test(command));
    const [kind, ready] = service ?? [];
    const key = `${machine} ${String(kind)}`;
    if (ready) await this.#end(key);
    const printed = await (ready ? this.#serve(line, machine, { ready, key }) : this.#finish(line, machine));
    for (const [nameOf, pattern] of COPIED) {
      const match = pattern.exec(printed.stdout);
      if (match?.groups?.["value"]) this.#copied.set(nameOf(match), match.groups["value"]);
    }
    return printed;
  }

  /** Ends what a machine runs, as Ctrl-C does. */
  async stop(machine: string): Promise<void> {
    for (const key of this.#services.keys()) if (key.startsWith(`${machine} `)) await this.#end(key);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const key of [...this.#services.keys()].reverse()) await this.#end(key);
    this.#folder[Symbol.dispose]();
  }

  #prepare(machine: string): void {
    mkdirSync(this.path(machine), { recursive: true });
    const documents = this.#documents[machine];
    if (documents !== undefined) cpSync(documents, this.path(machine, "documents"), { recursive: true });
  }

  async #substituted(command: string): Promise<string> {
    let line = command;
    for (const [, port = ""] of command.matchAll(/(?:\.example:|localhost:|127\.0\.0\.1:|port )(\d{4,5})\b/g)) {
      if (!this.#ports.has(port)) this.#ports.set(port, await freePort());
      line = line.replaceAll(new RegExp(`([: ])${port}\\b`, "g"), `$1${String(this.#ports.get(port))}`);
    }
    return line.replaceAll(/\b[a-z]+\.example\b/g, "localhost").replaceAll(/\b[A-Z]+_KEY\b/g, (name) => {
      const value = this.#copied.get(name);
      if (value === undefined) throw new Error(`no command has printed ${name} so far`);
      return value;
    });
  }

  #options(machine: string) {
    const cwd = this.path(machine);
    const path = [this.path("bin"), dirname(process.execPath), process.env["PATH"]].join(delimiter);
    const cache = join(repository, "node_modules", ".cache", "sotto-e2e");
    const env = { ...process.env, NODE_OPTIONS: "", NODE_COMPILE_CACHE: cache, NO_COLOR: "1", HOME: cwd, PATH: path };
    return { cwd, env };
  }

  #finish(line: string, machine: string): Promise<{ stdout: string; stderr: string }> {
    return new Promise((resolve, reject) => {
      const options = { ...this.#options(machine), timeout: STEP_TIMEOUT_MS, maxBuffer: 2 ** 26 };
      const { stdin } = execFile("bash", ["-euo", "pipefail", "-c", line], options, (error, stdout, stderr) => {
        if (error) reject(new Error(`${line}\n${error.message}\n${stdout}${stderr}`));
        else resolve({ stdout, stderr });
      });
      stdin?.end();
    });
  }

  async #serve(line: string, machine: string, { ready, key }: { readonly ready: RegExp; readonly key: string }) {
    const child = spawn("bash", ["-c", `exec ${line}`], {
      ...this.#options(machine),
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#services.set(key, { child, closed: once(child, "close") });
    let shown = "";
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`${line} does not come to serve:\n${shown}`));
      }, STEP_TIMEOUT_MS);
      const settle = (error?: Error): void => {
        clearTimeout(timer);
        if (error) reject(error);
        else resolve();
      };
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding("utf8").on("data", (text: string) => {
          shown += text;
          if (ready.test(shown)) settle();
        });
      child.once("close", () => {
        settle(new Error(`${line} ended:\n${shown}`));
      });
    });
    return { stdout: "", stderr: shown };
  }

  /** As Ctrl-C does. */
  async #end(key: string): Promise<void> {
    const service = this.#services.get(key);
    if (!service) return;
    this.#services.delete(key);
    service.child.kill("SIGINT");
    await service.closed;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address ? address.port : 0;
}
