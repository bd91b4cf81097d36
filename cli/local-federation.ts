import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Fault, sodium } from "../crypto/index.ts";
import { SottoClient } from "../party-node/asking/index.ts";
import type { Encoder } from "../party-node/encoders/index.ts";
import { Keyring } from "../party-node/keyring/index.ts";
import { createKeyFile, loadKeyFile } from "../party-node/keys.ts";
import { createNodeFolder, openNode, writeConfig } from "../party-node/node-folder.ts";
import { SeenSequences } from "../party-node/outsourced/index.ts";
import { type FederationDraft, type FrameObserver, signFederation, toBase64 } from "../protocol/index.ts";
import { defaultChunk } from "./default-chunk.ts";
import type { ChildEvent } from "./supervision.ts";

export const COORDINATOR = "coordinator";
const QUERIER = "querier";
const HOST = "host";
/** What every party calls its hosted collection. */
const COLLECTION = "corpus";
/** Loading a large collection takes its time; a child that says nothing for longer than this is stuck. */
const START_TIMEOUT_MS = 300_000;
const STOP_TIMEOUT_MS = 5000;

export interface LocalParty {
  readonly name: string;
  /** What it ingests. */
  readonly paths: readonly string[];
}

export interface LocalFederationOptions {
  readonly parties: readonly LocalParty[];
  readonly encoder: Encoder;
  /** Whether every process records a transcript. */
  readonly transcripts?: boolean;
  /** Whether the parties show summaries, for questions with `route`. */
  readonly routable?: boolean;
  /** Makes the federation vertical: the file of the parties' common entities. */
  readonly alignmentPath?: string;
  /** Names of the coordinators that the federation lists, of which {@link LocalFederation.start} starts the first; one by default. */
  readonly coordinators?: readonly string[];
  /** Names of the queriers; one by default. */
  readonly queriers?: readonly string[];
  /** The command that a party serves with, and its arguments but for `--dir` and `--transcript`; default `node` without a budget of questions. */
  readonly serve?: (party: string, folder: string) => readonly string[];
}

/** Who serves: the parties themselves, to be asked in private or in clear, or a host that keeps their collections for them. */
export type LocalMode = "private" | "clear" | "hosted";

/** A running member. */
export interface LocalProcess {
  readonly name: string;
  readonly pid: number;
  /** From starting it to its being of service; null until then. */
  readonly readyMs: number | null;
}

export type IngestEvent = Extract<ChildEvent, { event: "progress" | "ingested" }>;

interface Child {
  readonly name: string;
  readonly process: ChildProcess;
  readonly exited: Promise<number | null>;
  readonly startedAt: number;
  readyMs: number | null;
}

/**
 * A whole federation on this machine, each member a process of its own on loopback, in a temporary folder that is gone afterwards. Serves the demo and
 * trials; what runs in it is the ordinary command line.
 */
export class LocalFederation {
  readonly #folder = mkdtempSync(join(tmpdir(), "sotto-"));
  readonly #options: LocalFederationOptions;
  readonly #terms: FederationDraft;
  readonly #rootPrivateKey: Uint8Array;
  /** One moment for all files, which are the same then but for the mode. */
  readonly #foundedAtMs = Date.now();
  readonly #running: Child[] = [];
  readonly #queriers: readonly string[];

  constructor(options: LocalFederationOptions) {
    this.#options = options;
    this.#queriers = options.queriers ?? [QUERIER];
    const { encoder, parties, alignmentPath, serve } = options;
    const added = alignmentPath === undefined ? 1 : parties.length;
    const root = join(this.#folder, "root.key");
    createKeyFile(root);
    const { identity } = loadKeyFile(root);
    this.#rootPrivateKey = identity.privateKey;
    const member = (name: string, role: "party" | "querier" | "coordinator"): FederationDraft["members"][number] => {
      const folder = createNodeFolder(this.folderOf(name), name);
      return { name, roles: [role], publicKey: toBase64(loadKeyFile(folder.keyPath).identity.publicKey) };
    };
    this.#terms = {
      name: "local",
      rootPublicKey: toBase64(identity.publicKey),
      coordinatorUrls: ["ws://127.0.0.1:7400"],
      mode: "private",
      encoder: { spec: encoder.spec, fingerprint: encoder.fingerprint },
      scoring: {
        dim: encoder.dim,
        chunk: defaultChunk(encoder.dim),
        normMax: encoder.normMax * added,
        scoreBits: 14,
        seed: toBase64(sodium.randombytes_buf(32)),
      },
      ...(added > 1 ? { vertical: { parties: added } } : {}),
      members: [
        ...(options.coordinators ?? [COORDINATOR]).map((name) => member(name, "coordinator")),
        ...this.#queriers.map((name) => member(name, "querier")),
        ...parties.map(({ name }) => member(name, "party")),
        ...(serve ? [] : [member(HOST, "party")]),
      ],
    };
    this.#configure("private");
  }

  folderOf(name: string): string {
    return join(this.#folder, name);
  }

  /** Where a process's transcript is, once it has ended. */
  transcriptOf(name: string): string {
    return join(this.#folder, `${name}.transcript`);
  }

  /** Where a process's output and log go, of all its runs. */
  logOf(name: string): string {
    return join(this.#folder, `${name}.log`);
  }

  /** All running processes, in the order they were started. */
  get processes(): readonly LocalProcess[] {
    return this.#running.map(({ name, process: { pid }, readyMs }) => ({ name, pid: pid ?? -1, readyMs }));
  }

  /** All parties ingest at the same time, each in its own process. @throws Fault CHILD_FAILED. */
  async ingest(onEvent: (party: string, event: IngestEvent) => void): Promise<void> {
    await Promise.all(
      this.#options.parties.map(({ name, paths }) =>
        this.#run(name, ["ingest", ...paths, ...this.#alignment(), "--dir", this.folderOf(name)], (event) => {
          if (event.event === "progress" || event.event === "ingested") onEvent(name, event);
        }),
      ),
    );
  }

  /**
   * Starts the coordinator and all parties, and returns when every party serves. Called again in the other mode, a second set of processes serves the
   * same collections beside the first.
   *
   * @throws Fault CHILD_FAILED.
   */
  async start(mode: LocalMode = "private"): Promise<void> {
    this.#configure(mode);
    const port = await new Promise<number>((resolve, reject) => {
      const child = this.#spawn(
        COORDINATOR,
        [
          ...["coordinator", "--dir", this.folderOf(COORDINATOR), "--port", "0", "--no-audit"],
          ...this.#transcriptArguments(COORDINATOR),
        ],
        (event) => {
          if (event.event === "listening") {
            markReady(child);
            resolve(event.port);
          }
        },
      );
      void this.#rejectWhenEnded(child, reject);
    });
    this.#configure(mode, `ws://127.0.0.1:${String(port)}`);
    const names = this.#options.parties.map(({ name }) => name);
    const serving = mode === "hosted" ? [HOST] : names;
    const { serve = () => ["node"] } = this.#options;
    const more = { private: [], clear: ["--insecure-clear"], hosted: ["--host-for", names.join(",")] }[mode];
    const routable = this.#options.routable ? ["--routable"] : [];
    // All members are this machine's own, and a trial asks thousands of questions. Two modes share a folder, which has one audit log.
    const unlimited = this.#options.serve ? [] : ["--query-budget", "none", "--no-audit"];
    await Promise.all(
      serving.map(
        (name) =>
          new Promise<void>((resolve, reject) => {
            const child = this.#spawn(
              name,
              [
                ...serve(name, this.folderOf(name)),
                "--dir",
                this.folderOf(name),
                ...more,
                ...routable,
                ...unlimited,
                ...this.#transcriptArguments(name),
              ],
              (event) => {
                if (event.event === "serving") {
                  markReady(child);
                  resolve();
                }
              },
            );
            void this.#rejectWhenEnded(child, reject);
          }),
      ),
    );
  }

  /**
   * Every party makes a collection at the host, fills it and grants it to the first querier, who takes the key; after `start("hosted")`.
   *
   * @param create - More arguments of `sotto collection create`.
   * @throws Fault CHILD_FAILED.
   */
  async fillCollections(
    create: readonly string[],
    onEvent: (party: string, event: IngestEvent) => void,
  ): Promise<void> {
    const querier = this.#queriers[0] ?? QUERIER;
    const as = (name: string, ...args: string[]): Promise<void> =>
      this.#run(name, [...args, "--dir", this.folderOf(name)], (event) => {
        if (event.event === "progress" || event.event === "ingested") onEvent(name, event);
      });
    await Promise.all(
      this.#options.parties.map(async ({ name, paths }) => {
        await as(name, "collection", "create", COLLECTION, "--host", HOST, ...create);
        await as(name, "ingest", ...paths, "--collection", COLLECTION);
        await as(name, "collection", "grant", COLLECTION, querier);
      }),
    );
    await as(querier, "collection", "accept", "--host", HOST);
  }

  /** This process as the first querier, in the federation started last. */
  async connect(observer?: FrameObserver): Promise<SottoClient> {
    const node = openNode(this.folderOf(this.#queriers[0] ?? QUERIER));
    const { identity, federation, coordinatorUrls, folder } = node;
    const keyring = await Keyring.open(folder.keyringPath);
    return SottoClient.connect({
      collections: {
        entries: keyring.entries,
        seen: new SeenSequences(null),
        onNewKey: () => undefined,
        onClose: () => {
          keyring[Symbol.dispose]();
        },
      },
      identity,
      federation,
      encoder: this.#options.encoder,
      coordinatorUrls,
      insecureClear: true,
      observer,
    });
  }

  /** Ends all processes; politely first. */
  async stop(): Promise<void> {
    await Promise.all(
      this.#running.splice(0).map(async ({ process: child, exited }) => {
        child.kill("SIGTERM");
        const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
        await exited;
        clearTimeout(timer);
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #configure(mode: LocalMode, coordinatorUrl?: string): void {
    const members = this.#terms.members.flatMap((member) => {
      if (member.name === HOST && !this.#options.serve) return mode === "hosted" ? member : [];
      // Whoever has a collection at a host is no party: it only has to reach the host.
      return mode === "hosted" && member.roles.includes("party") ? { ...member, roles: ["querier" as const] } : member;
    });
    const terms = { ...this.#terms, members, mode: mode === "clear" ? mode : ("private" as const) };
    const text = signFederation(terms, this.#rootPrivateKey, this.#foundedAtMs);
    // Each mode has a file of its own: what runs follows the one that it was started with.
    const federation = `federation-${mode}.json`;
    for (const { name } of this.#terms.members) {
      writeFileSync(join(this.folderOf(name), federation), text);
      writeConfig(this.folderOf(name), {
        name,
        federation,
        rootPublicKey: this.#terms.rootPublicKey,
        ...(coordinatorUrl === undefined ? {} : { coordinatorUrl }),
      });
    }
  }

  #alignment(): string[] {
    const { alignmentPath } = this.#options;
    return alignmentPath === undefined ? [] : ["--alignment", alignmentPath];
  }

  #transcriptArguments(name: string): string[] {
    return this.#options.transcripts ? ["--transcript", this.transcriptOf(name)] : [];
  }

  /** Runs a command to its end. */
  async #run(name: string, args: readonly string[], onEvent: (event: ChildEvent) => void): Promise<void> {
    const child = this.#spawn(name, args, onEvent);
    const code = await child.exited;
    this.#running.splice(this.#running.indexOf(child), 1);
    // 3: some documents could not be read, which the run has named.
    if (code !== 0 && code !== 3) throw this.#failure(name, `sotto ${args[0] ?? ""}`);
  }

  #spawn(name: string, args: readonly string[], onEvent: (event: ChildEvent) => void): Child {
    const main = fileURLToPath(new URL(import.meta.url.endsWith(".ts") ? "./main.ts" : "./main.js", import.meta.url));
    const log = openSync(this.logOf(name), "a", 0o600);
    const child = spawn(process.execPath, [...process.execArgv, main, ...args], { stdio: ["ignore", log, log, "ipc"] });
    closeSync(log);
    child.on("message", (message) => {
      onEvent(message as ChildEvent);
    });
    const exited = new Promise<number | null>((resolve) => {
      child.once("exit", resolve);
      child.once("error", () => {
        resolve(null);
      });
    });
    const started: Child = { name, process: child, exited, startedAt: performance.now(), readyMs: null };
    this.#running.push(started);
    return started;
  }

  async #rejectWhenEnded(child: Child, reject: (why: Fault) => void): Promise<void> {
    const timer = setTimeout(() => {
      reject(new Fault("CHILD_FAILED", `${child.name} did not start within ${String(START_TIMEOUT_MS / 1000)} s`));
    }, START_TIMEOUT_MS);
    await child.exited;
    clearTimeout(timer);
    reject(this.#failure(child.name, "its process"));
  }

  #failure(name: string, what: string): Fault {
    const lines = readFileSync(this.logOf(name), "utf8").trim().split("\n").slice(-5);
    return new Fault("CHILD_FAILED", `${what} of ${name} ended early; its last lines:\n${lines.join("\n")}`);
  }
}

/** Notes when a process was first of service. */
function markReady(child: Child): void {
  child.readyMs ??= performance.now() - child.startedAt;
}
