import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { memoryOf } from "../../benchmarks/process-figures.ts";
import type { LocalFederation } from "../../cli/local-federation.ts";
import type { ChildEvent } from "../../cli/supervision.ts";
import { openNodeFolder, writeConfig } from "../../party-node/node-folder.ts";
import { FaultProxy } from "./fault-proxy.ts";
import type { MemoryEvent, ParentRequest, QuerierArguments, QuerierEvent } from "./worker-messages.ts";

export type Role = "party" | "coordinator" | "queriers";

/** A process that the soak starts, kills and revives. */
export interface MemberName {
  readonly name: string;
  readonly role: Role;
}

/** What the system says of a running process. */
export interface ProcessSample {
  readonly residentBytes: number;
  readonly descriptors: number;
}

/** One life of a member. */
interface Life {
  readonly child: ChildProcess;
  readonly ready: Promise<void>;
  readonly exited: Promise<number | null>;
  /** As `performance.now()`; null before. */
  readyAt: number | null;
  isExpectedToEnd: boolean;
}

interface Member extends MemberName {
  /** The folders whose connections go through its proxy. */
  readonly folders: readonly string[];
  life: Life | null;
  lives: number;
}

export interface MembersOptions {
  /** Its folders are made; nothing of it runs. */
  readonly federation: LocalFederation;
  /** In the order in which queriers try them. */
  readonly coordinators: readonly string[];
  readonly parties: readonly string[];
  /** Names of the queriers of each process. */
  readonly querierGroups: readonly (readonly string[])[];
  readonly asking: Omit<QuerierArguments, "folders" | "hintFolder" | "seed" | "firstQuestion">;
  readonly seed: number;
  readonly random: () => number;
  readonly onQuerierEvent: (name: string, event: QuerierEvent) => void;
  /** A process has ended that was not meant to. */
  readonly onUnexpectedEnd: (name: string, why: string) => void;
}

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;
const PROBE_TIMEOUT_MS = 5000;
/** Questions that one life of a process of queriers can ask without asking another's. */
const QUESTIONS_OF_A_LIFE = 100_000;
const LIVES_MAX = 1000;

const pathOf = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

/** Coordinators, parties and processes of queriers, each reaching every coordinator through a {@link FaultProxy} of its own. */
export class Members implements AsyncDisposable {
  readonly #options: MembersOptions;
  readonly #members = new Map<string, Member>();
  /** By member, one a coordinator. */
  readonly #proxies = new Map<string, FaultProxy[]>();
  readonly #ports = new Map<string, number>();
  #isEnding = false;

  private constructor(options: MembersOptions) {
    this.#options = options;
    const { federation, coordinators, parties, querierGroups } = options;
    const add = (name: string, role: Role, members: readonly string[]): void => {
      const folders = members.map((member) => federation.folderOf(member));
      this.#members.set(name, { name, role, folders, life: null, lives: 0 });
    };
    for (const name of coordinators) add(name, "coordinator", [name]);
    for (const name of parties) add(name, "party", [name]);
    for (const [i, group] of querierGroups.entries()) add(`queriers-${i + 1}`, "queriers", group);
  }

  /** Nothing runs yet but the proxies. */
  static async create(options: MembersOptions): Promise<Members> {
    const members = new Members(options);
    for (const { name, role, folders } of members.#members.values()) {
      if (role === "coordinator") continue;
      const proxies: FaultProxy[] = [];
      for (const coordinator of options.coordinators)
        proxies.push(await FaultProxy.open(() => members.port(coordinator), options.random));
      members.#proxies.set(name, proxies);
      for (const folder of folders) {
        const { config } = openNodeFolder(folder);
        writeConfig(folder, { ...config, coordinatorUrl: proxies.map(({ port }) => `ws://127.0.0.1:${port}`) });
      }
    }
    return members;
  }

  get names(): readonly MemberName[] {
    return [...this.#members.values()];
  }

  /** The wires between a party, or a process of queriers, and the coordinators. */
  wires(name: string): readonly FaultProxy[] {
    return this.#proxies.get(name) ?? [];
  }

  /** Number of the life that a member is in, from 1. */
  lifeOf(name: string): number {
    return this.#member(name).lives;
  }

  /** A coordinator's own, past all proxies; 0 before it has one. */
  port(coordinator: string): number {
    return this.#ports.get(coordinator) ?? 0;
  }

  /** Since when it is of service, as `performance.now()`; null when it is not. */
  readySince(name: string): number | null {
    return this.#member(name).life?.readyAt ?? null;
  }

  /** Starts all of them, queriers last; returns when all are of service. */
  async start(): Promise<void> {
    for (const role of ["coordinator", "party", "queriers"])
      await Promise.all(this.names.filter((member) => member.role === role).map(({ name }) => this.revive(name)));
  }

  /** SIGKILL; returns when the process is gone. */
  async kill(name: string): Promise<void> {
    const member = this.#member(name);
    const { life } = member;
    if (!life) throw new TypeError(`${name} does not run`);
    life.isExpectedToEnd = true;
    life.child.kill("SIGKILL");
    await life.exited;
    member.life = null;
  }

  /** Starts a member; returns when it is of service: listening, serving, or all its queriers connected. */
  async revive(name: string): Promise<void> {
    const member = this.#member(name);
    if (member.life || this.#isEnding) throw new TypeError(`${name} runs already, or all are to end`);
    member.lives++;
    const life = this.#spawn(member);
    member.life = life;
    await Promise.race([
      life.ready,
      life.exited.then(() => {
        throw new Error(`${name} ended while it was starting: ${this.lastWords(name)}`);
      }),
      sleep(START_TIMEOUT_MS, undefined, { ref: false }).then(() => {
        throw new Error(`${name} did not start within ${START_TIMEOUT_MS / 1000} s: ${this.lastWords(name)}`);
      }),
    ]);
  }

  /** Null when it does not run, or where there is no /proc. */
  sample(name: string): ProcessSample | null {
    const pid = this.#member(name).life?.child.pid;
    if (pid === undefined) return null;
    try {
      const memory = memoryOf(pid);
      // One that has ended has no memory.
      if (!memory || Number.isNaN(memory.nowBytes)) return null;
      return { residentBytes: memory.nowBytes, descriptors: readdirSync(`/proc/${pid}/fd`).length };
    } catch {
      return null; // It has just ended.
    }
  }

  /** Memory in use after a full collection; null when it does not run or does not say so in time. */
  async liveBytes(name: string): Promise<number | null> {
    const child = this.#member(name).life?.child;
    if (!child?.connected) return null;
    const answered = new Promise<number>((resolve) => {
      const take = (message: MemoryEvent | QuerierEvent | ChildEvent): void => {
        if (message.event !== "memory") return;
        child.off("message", take);
        resolve(message.liveBytes);
      };
      child.on("message", take);
    });
    send(child, { request: "memory" });
    return Promise.race([answered, sleep(PROBE_TIMEOUT_MS, null, { ref: false })]);
  }

  /** Lets the queriers ask nothing new, or again. */
  setPaused(isPaused: boolean): void {
    for (const { role, life } of this.#members.values())
      if (role === "queriers" && life) send(life.child, { request: isPaused ? "pause" : "resume" });
  }

  /** Whoever ends from now on was meant to; nobody is started any more, and all wires are whole. */
  expectEnd(): void {
    this.#isEnding = true;
    for (const { life } of this.#members.values()) if (life) life.isExpectedToEnd = true;
    for (const proxy of [...this.#proxies.values()].flat()) proxy.heal();
  }

  /** Lets the queriers end what they have asked, and returns when they have, or after `patienceMs`. */
  async stopAsking(patienceMs: number): Promise<void> {
    const ended = [...this.#members.values()].map(async ({ role, life }) => {
      if (role !== "queriers" || !life) return;
      life.isExpectedToEnd = true;
      send(life.child, { request: "stop" });
      await life.exited;
    });
    await Promise.race([Promise.all(ended), sleep(patienceMs, undefined, { ref: false })]);
  }

  /** Ends all politely. @returns Name -> exit code, null for one that had to be killed, of those that ran. */
  async stop(): Promise<Map<string, number | null>> {
    this.expectEnd();
    const codes = new Map<string, number | null>();
    const running = [...this.#members.values()].filter(({ life }) => life);
    // Coordinators last, as an operator would.
    for (const roles of [["queriers"], ["party"], ["coordinator"]])
      await Promise.all(
        running
          .filter(({ role }) => roles.includes(role))
          .map(async (member) => {
            codes.set(member.name, await stopped(member.life!));
            member.life = null;
          }),
      );
    return codes;
  }

  /** The end of a member's log. */
  lastWords(name: string): string {
    return readFileSync(this.#options.federation.logOf(name), "utf8").trim().split("\n").slice(-5).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    for (const proxy of [...this.#proxies.values()].flat()) await proxy[Symbol.asyncDispose]();
  }

  #member(name: string): Member {
    const member = this.#members.get(name);
    if (!member) throw new TypeError(`no member is called ${name}`);
    return member;
  }

  #spawn(member: Member): Life {
    const { federation } = this.#options;
    const { name } = member;
    const log = openSync(federation.logOf(name), "a", 0o600);
    const probe = ["--expose-gc", "--import", new URL("./memory-probe.ts", import.meta.url).href];
    const child = spawn(process.execPath, [...probe, ...this.#command(member)], {
      stdio: ["ignore", log, log, "ipc"],
      env: { NODE_COMPILE_CACHE: pathOf("../../node_modules/.cache/compiled"), ...process.env },
    });
    closeSync(log);
    // All that it has said has been heard once its channel is closed too.
    const exited = Promise.all([once(child, "exit"), once(child, "disconnect")]).then(
      ([[code]]) => code as number | null,
    );
    const ready = new Promise<void>((resolve) => {
      child.on("message", (message: ChildEvent | QuerierEvent | MemoryEvent) => {
        if (message.event === "listening") this.#ports.set(name, message.port);
        if (["listening", "serving", "connected"].includes(message.event)) {
          life.readyAt ??= performance.now();
          resolve();
        }
        if (message.event === "asked" || message.event === "ended") this.#options.onQuerierEvent(name, message);
      });
    });
    const life: Life = { child, ready, exited, readyAt: null, isExpectedToEnd: false };
    void exited.then((code) => {
      if (life.isExpectedToEnd) return;
      member.life = null;
      const why = `ended by itself with ${String(code ?? child.signalCode)}: ${this.lastWords(name)}`;
      this.#options.onUnexpectedEnd(name, why);
    });
    return life;
  }

  #command({ name, role, folders, lives }: Member): string[] {
    const { asking, seed, querierGroups } = this.#options;
    const sotto = pathOf("../../cli/main.ts");
    const [folder = ""] = folders;
    if (role === "coordinator") return [sotto, "coordinator", "--dir", folder, "--port", String(this.port(name))];
    // Counted and written for each question, as everywhere; it must only not run out.
    if (role === "party") return [sotto, "node", "--dir", folder, "--query-budget", "1000000000"];
    const group = Number(name.split("-")[1]) - 1;
    const life = (group * LIVES_MAX + lives) % (querierGroups.length * LIVES_MAX);
    const args: QuerierArguments = {
      ...asking,
      folders,
      hintFolder: join(folder, "hints"),
      seed: seed * LIVES_MAX + life,
      firstQuestion: life * QUESTIONS_OF_A_LIFE,
    };
    return [pathOf("./querier-worker.ts"), JSON.stringify(args)];
  }
}

function send(child: ChildProcess, request: ParentRequest): void {
  // It may end at this moment.
  if (child.connected) child.send(request, () => undefined);
}

async function stopped(life: Life): Promise<number | null> {
  life.isExpectedToEnd = true;
  life.child.kill("SIGTERM");
  const timer = setTimeout(() => life.child.kill("SIGKILL"), STOP_TIMEOUT_MS);
  const code = await life.exited;
  clearTimeout(timer);
  return code;
}
