import { join } from "node:path";
import { Cli, type CliOptions, sottoOutput } from "../support/cli.ts";

export interface ByHandOptions {
  readonly folder: string;
  /** Name -> roles, as `federation add` takes them. Exactly one is the coordinator, and it is called `hub`. */
  readonly members: Readonly<Record<string, string>>;
  /** More arguments of `federation create`. */
  readonly create?: readonly string[];
  readonly cli?: CliOptions;
}

/**
 * A federation founded as its members would: every step is a command, and every key is copied from what a command printed. Each member's folder
 * is called after it.
 */
export class FederationByHand implements AsyncDisposable {
  readonly rootKey: string;
  readonly port: number;
  coordinator: Cli;
  readonly #options: ByHandOptions;

  private constructor(options: ByHandOptions, rootKey: string, coordinator: Cli, port: number) {
    this.#options = options;
    this.rootKey = rootKey;
    this.coordinator = coordinator;
    this.port = port;
  }

  /** Founds the federation and starts its coordinator. */
  static async found(options: ByHandOptions): Promise<FederationByHand> {
    const { folder, members, create = [], cli = {} } = options;
    const names = Object.keys(members);
    const run = (...args: string[]): Promise<string> => sottoOutput(args, cli);
    const printed = await Promise.all(names.map((name) => run("init", name, "--dir", join(folder, name))));
    const keys = printed.map((text) => /federation add \S+ --key (\S+)/.exec(text)?.[1] ?? "");
    const url = ["--coordinator-url", "ws://127.0.0.1:7400"];
    const created = await run("federation", "create", "By hand", ...url, "--dir", folder, ...create);
    const rootKey = /^ {2}(\S{44})$/m.exec(created)?.[1] ?? "";
    for (const [i, name] of names.entries())
      await run("federation", "add", name, "--key", keys[i] ?? "", "--role", members[name] ?? "", "--dir", folder);
    const joinAs = (name: string, ...more: string[]): Promise<string> =>
      run(
        "federation",
        "join",
        join(folder, "federation.json"),
        "--root",
        rootKey,
        "--dir",
        join(folder, name),
        ...more,
      );
    await joinAs("hub");
    const coordinator = new Cli(["coordinator", "--dir", join(folder, "hub"), "--port", "0"], cli);
    const port = Number((await coordinator.printed(/"port":(\d+).*"listening"/))[1]);
    const here = ["--coordinator-url", `ws://127.0.0.1:${String(port)}`];
    await Promise.all(names.filter((name) => name !== "hub").map((name) => joinAs(name, ...here)));
    return new FederationByHand(options, rootKey, coordinator, port);
  }

  dir(name: string): string {
    return join(this.#options.folder, name);
  }

  /** The file that the founder sends to everybody. */
  get file(): string {
    return join(this.#options.folder, "federation.json");
  }

  ingest(name: string, ...paths: string[]): Promise<string> {
    return sottoOutput(["ingest", ...paths, "--dir", this.dir(name)], this.#options.cli);
  }

  /** Starts a party's node and waits until it serves. */
  async serve(name: string, ...more: string[]): Promise<Cli> {
    const node = new Cli(["node", "--dir", this.dir(name), ...more], this.#options.cli);
    await node.printed(/"serving"/);
    return node;
  }

  /** Starts the coordinator again where it was before. */
  async restartCoordinator(...more: string[]): Promise<void> {
    this.coordinator = new Cli(
      ["coordinator", "--dir", this.dir("hub"), "--port", String(this.port), ...more],
      this.#options.cli,
    );
    await this.coordinator.printed(/"listening"/);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.coordinator[Symbol.asyncDispose]();
  }
}
