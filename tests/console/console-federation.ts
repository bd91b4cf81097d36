import { writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Encoder, openEncoder } from "../../party-node/encoders/index.ts";
import { ingest } from "../../party-node/ingest.ts";
import { writeConfig } from "../../party-node/node-folder.ts";
import type { SecureConnection } from "../../protocol/connection.ts";
import type { HopMessage, SeenFrame } from "../../protocol/index.ts";
import { Cli, repository } from "../support/cli.ts";
import { buildPage } from "./build.ts";
import { TestFederation, until } from "../support/federation.ts";

/** A node that asks and holds documents, and the console that it serves. */
export const DESK = "riverside-hospital";
/** Answers when the test says so. */
export const SLOW = "st-anne";
export const ABSENT = "old-mill-clinic";
const READER = "records-office";
const OTHERS = ["northgate-bank", "hale-and-partners"];

/** A federation in this process with the demo's documents, and the console of one of its members as a process of its own. */
export class ConsoleFederation implements AsyncDisposable {
  readonly federation: TestFederation;
  readonly cli: Cli;
  /** What the coordinator saw of its connection with the console's member, newest last. */
  readonly frames: SeenFrame[];
  readonly slow: SlowParty;
  readonly port: number;
  readonly dir: string;
  readonly #encoder: Encoder;

  private constructor(
    parts: Pick<ConsoleFederation, "federation" | "cli" | "frames" | "slow" | "port" | "dir">,
    encoder: Encoder,
  ) {
    ({
      federation: this.federation,
      cli: this.cli,
      frames: this.frames,
      slow: this.slow,
      port: this.port,
      dir: this.dir,
    } = parts);
    this.#encoder = encoder;
  }

  static async start(): Promise<ConsoleFederation> {
    buildPage();
    const encoder = await openEncoder("lexical");
    const frames: SeenFrame[] = [];
    const names = [DESK, ...OTHERS];
    const federation = await TestFederation.start({
      corpora: Object.fromEntries([...names, SLOW, ABSENT].map((name) => [name, {}])),
      absent: [...names, SLOW, ABSENT],
      askingParties: [DESK],
      name: "Northern records exchange",
      queriers: [READER],
      encoder,
      chunk: 16,
      observer: (frame) => {
        if (frame.peer === DESK) frames.push(frame);
      },
    });
    for (const name of names) {
      const party = federation.party(name);
      const store = party.openStore();
      await ingest({ paths: [join(repository, "demo", "corpora", name)], store, encoder });
      store.close();
      await party.start();
    }
    const slow = await SlowParty.join(federation);
    const dir = await nodeFolder(federation);
    const cli = new Cli(["console", "--dir", dir, "--port", "0", "--no-open"]);
    const [, port = ""] = await cli.printed(/http:\/\/127\.0\.0\.1:(\d+)\/#code=/);
    return new ConsoleFederation({ federation, cli, frames, slow, port: Number(port), dir }, encoder);
  }

  get origin(): string {
    return `http://127.0.0.1:${String(this.port)}`;
  }

  /** The newest link; whoever opens it has the console print the next. */
  get link(): string {
    return /http:\/\/\S+#code=\S+(?![^]*#code=)/.exec(this.cli.stdout)?.[0] ?? "";
  }

  /** Resolves when the console's member answers from so many passages. */
  async serves(passages: number): Promise<void> {
    using client = await this.federation.client(READER);
    for (;;) {
      const asking = client.query("how many are there", { k: 1 });
      await this.slow.asked();
      this.slow.refuse("not now");
      const own = (await asking.result).parties.find(({ party }) => party === DESK);
      if (own?.passagesScored === passages) break;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cli[Symbol.asyncDispose]();
    await this.federation[Symbol.asyncDispose]();
    await this.#encoder.close();
  }
}

/** A node's folder over what the federation in this process keeps for the member. */
async function nodeFolder(federation: TestFederation): Promise<string> {
  const kept = dirname(federation.keyPath(DESK));
  const dir = join(kept, "desk");
  await mkdir(dir);
  writeFileSync(join(dir, "federation.json"), federation.file);
  writeConfig(dir, {
    name: DESK,
    key: federation.keyPath(DESK),
    store: join(kept, DESK, "store.db"),
    rootPublicKey: federation.rootPublicKey,
    coordinatorUrl: federation.url,
  });
  return dir;
}

/** A member that has a party's key, and answers no question until it is told to refuse it. */
export class SlowParty {
  readonly #queries: Extract<HopMessage, { type: "query" }>[] = [];
  #connection: SecureConnection | null = null;

  static async join(federation: TestFederation): Promise<SlowParty> {
    const slow = new SlowParty();
    const { connection, message } = await federation.dial(SLOW, (received) => {
      if (received.type === "query") slow.#queries.push(received);
    });
    slow.#connection = connection;
    await message("roster");
    connection.send({ type: "serve", encoder: Buffer.from(federation.encoder.fingerprint, "hex") });
    return slow;
  }

  /** Resolves when a question waits. */
  asked(): Promise<void> {
    return until(() => this.#queries.length > 0);
  }

  /** Answers every question that waits. */
  refuse(reason: string): void {
    for (const { queryId } of this.#queries.splice(0))
      this.#connection?.send({
        type: "refusal",
        queryId,
        party: SLOW,
        code: "NOT_ALLOWED",
        reason,
        retryAfterMs: null,
      });
  }
}
