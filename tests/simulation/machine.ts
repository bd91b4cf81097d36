import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { keepFederationFile } from "../../party-node/federation-file-sync.ts";
import { type NodeKeys, createKeyFile, loadKeyFile } from "../../party-node/keys.ts";
import { type Federation, type Identity, openFederation } from "../../protocol/index.ts";
import type { Network } from "./network.ts";
import type { RunRecord } from "./run-record.ts";
import { Died, Host, virtualTime } from "./virtual-time.ts";

/** What all machines of a run have in common. */
export interface Surroundings {
  readonly network: Network;
  readonly record: RunRecord;
  readonly folder: string;
  readonly rootPublicKey: string;
}

/** One member's machine: a folder that outlives its processes, a clock of its own, and the process that runs at present. */
export abstract class Machine {
  readonly name: string;
  readonly folder: string;
  readonly keys: NodeKeys;
  protected readonly around: Surroundings;
  /** By how much the machine's wall clock is ahead. */
  skewMs = 0;
  /** Whether the machine answers on the network; its process may be gone all the same. */
  isUp = true;
  #host: Host | null = null;

  constructor(name: string, around: Surroundings) {
    this.name = name;
    this.around = around;
    this.folder = join(around.folder, name);
    mkdirSync(this.folder);
    const keyPath = join(this.folder, "key.json");
    createKeyFile(keyPath);
    this.keys = loadKeyFile(keyPath);
  }

  get identity(): Identity {
    return { name: this.name, secretKey: this.keys.identity.privateKey };
  }

  get federationPath(): string {
    return join(this.folder, "federation.json");
  }

  get host(): Host | null {
    return this.#host;
  }

  /** Starts its process, unless it runs. */
  start(): void {
    if (this.#host?.alive || !existsSync(this.federationPath)) return;
    this.isUp = true;
    const host = new Host(this.name, () => this.skewMs);
    this.#host = host;
    this.around.record.note(`start ${this.name}`);
    host.run(() => {
      const federation = openFederation(readFileSync(this.federationPath, "utf8"), this.around.rootPublicKey);
      keepFederationFile(federation, this.federationPath);
      this.federation = federation;
      this.run(host, federation);
    });
  }

  protected federation: Federation | null = null;

  /** Ends the process where it stands. */
  crash(withItsMachine: boolean): void {
    const host = this.#host;
    if (!host?.alive) return;
    this.around.record.note(`crash ${this.name} ${withItsMachine ? "machine" : "process"}`);
    this.isUp = !withItsMachine;
    host.alive = false;
    this.around.network.crash(host, withItsMachine);
    // It may have died in the middle of what uses these.
    const release = this.release();
    virtualTime.after(0, release);
  }

  /** The process does not die writing any more. */
  calm(): void {
    if (this.#host) this.#host.stepsToDeath = null;
  }

  /** Has the process die while it writes a file, within so many steps of writing. */
  crashWriting(steps: number, onDeath: () => void): void {
    const host = this.#host;
    if (!host?.alive) return;
    host.stepsToDeath = steps;
    host.die = () => {
      this.crash(false);
      onDeath();
    };
  }

  /** Ends the process as its operator would. */
  async stop(): Promise<void> {
    const host = this.#host;
    if (!host?.alive) return;
    this.around.record.note(`stop ${this.name}`);
    await this.shut();
    this.ended(host);
  }

  /** Has its process end what it does; the process goes on, to see what is left. */
  async shut(): Promise<void> {
    const host = this.#host;
    if (!host?.alive) return;
    host.stepsToDeath = null;
    await host.run(() => this.close());
  }

  /** The run is over. */
  discard(): void {
    if (this.#host?.alive) this.ended(this.#host);
  }

  /** As `sotto federation join` does: the file is put into the folder, and a process that runs takes it up. */
  join(file: string): void {
    writeFileSync(this.federationPath, file);
    try {
      if (this.#host?.alive) this.#host.run(() => this.federation?.update(file));
    } catch (error) {
      if (!(error instanceof Died)) throw error;
    }
  }

  /** The process has ended by itself. */
  protected ended(host: Host): void {
    if (!host.alive) return;
    host.alive = false;
    this.release()();
    this.around.network.crash(host, false);
  }

  /** Starts what the machine is for. */
  protected abstract run(host: Host, federation: Federation): void;
  protected abstract close(): Promise<void>;
  /** @returns Frees what a dead process has had freed by its kernel. */
  protected abstract release(): () => void;
}
