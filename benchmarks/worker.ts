import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/**
 * A process of a benchmark's own, beside the federation's: answers one request at a time. Ends with this process.
 *
 * `file`, beside this one, calls {@link serve}.
 */
export class Worker<Request extends object, Reply extends object> {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #gone: Promise<never>;

  constructor(file: string, args: readonly string[]) {
    this.#name = file;
    this.#child = fork(fileURLToPath(new URL(file, import.meta.url)), [...args], { stdio: ["ignore", 2, 2, "ipc"] });
    this.#gone = once(this.#child, "exit").then(([code]) => {
      throw new Error(`${file} ended early with ${String(code)}`);
    });
    this.#gone.catch(() => undefined);
  }

  async request(request: Request): Promise<Reply> {
    const answered = once(this.#child, "message");
    this.#child.send(request);
    const [reply] = (await Promise.race([answered, this.#gone])) as [Reply | { readonly failed: string }];
    if ("failed" in reply) throw new Error(`${this.#name}: ${reply.failed}`);
    return reply;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill();
    await this.#gone.catch(() => undefined);
  }
}

/** The other end, in the worker's process: `work` answers each request in turn. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the two ends agree on what a request is
export function serve<Request extends object, Reply extends object>(work: (request: Request) => Promise<Reply>): void {
  let turn = Promise.resolve();
  process.on("message", (request) => {
    turn = turn.then(async () => {
      const reply = await work(request as Request).catch((error: unknown) => ({ failed: String(error) }));
      process.send?.(reply);
    });
  });
  process.once("disconnect", () => {
    process.exit();
  });
  // Ctrl-C reaches the whole group of processes; the parent puts things in order.
  process.on("SIGINT", () => undefined);
}
