import { join } from "node:path";
import { pino } from "pino";
import { Fault, RlweIndex, type RingLayout } from "../../crypto/index.ts";
import { PartyServer, QueryBudget } from "../../party-node/serving/index.ts";
import { type PassageStore, type StoreSnapshot, openSqliteStore } from "../../party-node/store/index.ts";
import { type Federation, type SeenFrame } from "../../protocol/index.ts";
import type { AuditEvent } from "../../operation/audit/index.ts";
import { Machine, type Surroundings } from "./machine.ts";
import { PartyHistory } from "./party-history.ts";
import { SimulatedThread } from "./simulated-thread.ts";
import { type Host, virtualTime } from "./virtual-time.ts";

export interface PartyOptions {
  readonly layout: RingLayout;
  readonly budget: { readonly max: number; readonly days: number };
  /** How long the next piece of scoring or encoding takes. */
  readonly workMs: () => number;
  /** Sees every message that comes to the party. */
  readonly onFrame: (party: string, frame: SeenFrame) => void;
  readonly onEvent: (party: PartyMachine, event: AuditEvent) => void;
}

/** A party's machine; the store is changed by another process, which never crashes. */
export class PartyMachine extends Machine {
  readonly history: PartyHistory;
  readonly #options: PartyOptions;
  readonly #writer: PassageStore;
  #server: PartyServer | null = null;
  #running: Promise<void> = Promise.resolve();
  #store: PassageStore | null = null;
  #snapshots = new Set<StoreSnapshot>();

  constructor(name: string, around: Surroundings, options: PartyOptions) {
    super(name, around);
    this.#options = options;
    this.#writer = this.#openStore();
    this.history = new PartyHistory(this.#writer, name);
  }

  protected run(host: Host, federation: Federation): void {
    const { layout, budget, workMs, onFrame, onEvent } = this.#options;
    const store = this.#openStore();
    this.#store = store;
    const snapshot = store.snapshot.bind(store);
    // A dead process's read transactions end with it.
    store.snapshot = () => {
      const taken = snapshot();
      const snapshots = this.#snapshots;
      snapshots.add(taken);
      const dispose = taken[Symbol.dispose].bind(taken);
      taken[Symbol.dispose] = () => {
        snapshots.delete(taken);
        dispose();
      };
      return taken;
    };
    const server = new PartyServer({
      identity: this.identity,
      federation,
      store,
      index: new RlweIndex(layout, { openShard: () => new SimulatedThread(layout, this.keys.hintKey, workMs) }),
      queryBudget: new QueryBudget({
        path: join(this.folder, "questions.json"),
        ...budget,
        wallClock: () => Date.now(),
      }),
      coordinatorUrls: federation.terms.coordinatorUrls,
      connect: this.around.network.connector(host),
      log: pino({ enabled: false }),
      observer: (frame) => {
        if (frame.direction === "in") onFrame(this.name, frame);
      },
      onEvent: (event) => {
        onEvent(this, event);
      },
    });
    this.#server = server;
    this.#running = server.run().then(
      () => undefined,
      (error: unknown) => {
        const code = error instanceof Fault ? error.code : "BUG";
        this.around.record.note(`ended ${this.name} ${code}`);
        if (code !== "NOT_A_MEMBER")
          this.around.record.violated("crash", `the server of ${this.name} ended: ${code} ${String(error)}`);
        virtualTime.after(0, () => {
          this.ended(host);
        });
      },
    );
  }

  protected async close(): Promise<void> {
    this.#server?.close();
    await this.#running;
  }

  protected release(): () => void {
    const [store, snapshots] = [this.#store, this.#snapshots];
    this.#store = null;
    this.#snapshots = new Set();
    this.#server = null;
    return () => {
      for (const snapshot of [...snapshots]) snapshot[Symbol.dispose]();
      store?.close();
    };
  }

  override discard(): void {
    super.discard();
    this.#writer.close();
  }

  #openStore(): PassageStore {
    return openSqliteStore({
      path: join(this.folder, "store.db"),
      storeKey: this.keys.storeKey,
      rowsPerBlock: this.#options.layout.rowsPerBlock,
    });
  }
}
