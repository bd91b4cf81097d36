import { type ChildProcess, spawn, spawnSync } from "node:child_process";

/** Whether programs of this name are here; `script` gives a shell the terminal without which it completes nothing. */
export function installed(...programs: readonly string[]): boolean {
  return programs.every((program) => spawnSync(program, ["--version"], { stdio: "ignore" }).status === 0);
}

/** A shell in a terminal of its own, which types as a person would. */
export class Terminal implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  #shown = "";
  #wake = (): void => undefined;

  constructor(shell: string, { cwd, env }: { readonly cwd: string; readonly env: Readonly<Record<string, string>> }) {
    const child = spawn("script", ["--quiet", "--flush", "--command", shell, "/dev/null"], {
      cwd,
      env: { ...process.env, NODE_OPTIONS: "", TERM: "dumb", ...env },
      stdio: ["pipe", "pipe", "ignore"],
    });
    this.#child = child;
    this.#exited = new Promise((resolve) => child.once("close", () => resolve()));
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.#shown += text;
      this.#wake();
    });
  }

  type(keys: string): void {
    this.#child.stdin?.write(keys);
  }

  /** Resolves once the terminal shows the text, and forgets what it has shown; rejects, with what that was, when it does not within `timeoutMs`. */
  async shows(text: string, timeoutMs = 20_000): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!this.#shown.includes(text)) {
      const left = deadline - performance.now();
      if (left <= 0)
        throw new Error(`the terminal does not show ${JSON.stringify(text)}: ${JSON.stringify(this.#shown)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#shown = "";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exited;
  }
}
